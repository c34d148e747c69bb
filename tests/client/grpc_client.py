"""A gRPC client, against a proxy in front of grpc_origin.py.

    python grpc_client.py '{ "target": "localhost:443", "ca": "ca.pem" }'
"""

import faulthandler
import json
import queue
import sys
from concurrent import futures

import grpc

LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# Shorter than the test's, so that what fails says so itself.
PATIENCE_S = 15

# A hang says where it is.
faulthandler.dump_traceback_later(PATIENCE_S + 5)

settings = json.loads(sys.argv[1])
if "ca" in settings:
    with open(settings["ca"], "rb") as file:
        trust = grpc.ssl_channel_credentials(file.read())
    channel = grpc.secure_channel(settings["target"], trust, LIMITS)
else:
    channel = grpc.insecure_channel(settings["target"], LIMITS)


def method(kind, name):
    return getattr(channel, kind)(f"/test.Echo/{name}")


def code_of(call):
    """The status that a call fails with."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it did not fail")


unary = method("unary_unary", "Unary")
count = method("unary_stream", "Count")
total = method("stream_unary", "Total")
converse = method("stream_stream", "Converse")

# Messages: empty, small, and larger than every window on the way.
for message in (b"", b"hello", bytes(range(256)) * (4 << 12)):
    assert unary(message, timeout=PATIENCE_S) == message

# What travels beside a message, as text and as bytes.
raw = bytes(range(256))
metadata = (("x-text", "plain, text"), ("x-raw-bin", raw))
answer, call = unary.with_call(b"x", metadata=metadata, timeout=PATIENCE_S)
assert dict(call.initial_metadata())["x-text"] == "plain, text"
assert dict(call.trailing_metadata())["x-raw-bin"] == raw
assert call.code() == grpc.StatusCode.OK

# Streams.
numbers = [int(message) for message in count(b"1000", timeout=PATIENCE_S)]
assert numbers == list(range(1000))
assert list(count(b"0", timeout=PATIENCE_S)) == []
pieces = [bytes(n) for n in range(500)]
assert int(total(iter(pieces), timeout=PATIENCE_S)) == sum(range(500))
assert int(total(iter([]), timeout=PATIENCE_S)) == 0

# Each side waits for the other: nothing on the way may wait for more.
asked = queue.Queue()
answers = converse(iter(asked.get, None), timeout=PATIENCE_S)
for n in range(200):
    asked.put(b"ping %d" % n)
    assert next(answers) == b"ping %d" % n
asked.put(None)
assert list(answers) == []

# Failures keep their code, their words and their details.
error = code_of(lambda: method("unary_unary", "Fail")(b"\x00\xff", timeout=PATIENCE_S))
assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
assert error.details() == "not now: Grüße, 100 %", error
assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\x00\xff"

half = method("unary_stream", "Half")(b"x", timeout=PATIENCE_S)
assert [next(half), next(half)] == [b"x", b"x"]
error = code_of(lambda: next(half))
assert error.code() == grpc.StatusCode.DATA_LOSS, error

error = code_of(lambda: method("unary_unary", "Unknown")(b"", timeout=PATIENCE_S))
assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

# A client that waits no longer, or leaves: the test looks for what the server tells, so the
# deadline is one by which a busy machine has begun.
hang = method("unary_unary", "Hang")
error = code_of(lambda: hang(b"deadline", timeout=2))
assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
hanging = hang.future(b"cancel")
print(json.dumps({"hanging": True}), flush=True)
sys.stdin.readline()
hanging.cancel()
assert hanging.cancelled()
endless = method("unary_stream", "Endless")(b"endless")
next(endless)
endless.cancel()

# Many at once.
with futures.ThreadPoolExecutor(50) as pool:
    messages = [b"%d" % n * 1000 for n in range(500)]
    answers = pool.map(lambda message: unary(message, timeout=PATIENCE_S), messages)
    assert list(answers) == messages

channel.close()
