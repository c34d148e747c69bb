"""A gRPC server without generated code: every method takes and gives bytes.

    python grpc_origin.py '{ "port": 0 }'
"""

import json
import os
import sys
import threading
from concurrent import futures

import grpc

LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def tell(what):
    """Prints a line, in one piece: handlers run at the same time."""
    os.write(1, (json.dumps(what) + "\n").encode())


def unary(request, context):
    """Echoes the message, and what came beside it."""
    for key, value in context.invocation_metadata():
        if key == "x-text":
            context.send_initial_metadata(((key, value),))
        if key == "x-raw-bin":
            context.set_trailing_metadata(((key, value),))
    return request


def fail(request, context):
    """Gives a status with details and nothing else: one frame of headers."""
    context.set_trailing_metadata((("grpc-status-details-bin", request),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: Grüße, 100 %")


def half(request, context):
    """Fails after two messages."""
    yield request
    yield request
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is gone")


def count(request, context):
    for n in range(int(request)):
        yield str(n).encode()


def total(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def converse(requests, context):
    for request in requests:
        yield request


def hang(request, context):
    """Never answers; tells when nobody waits any more."""
    left = threading.Event()
    if not context.add_callback(left.set):
        left.set()
    tell({"call": request.decode(), "is": "begun"})
    left.wait()
    tell({"call": request.decode(), "is": "left"})
    return b""


def endless(request, context):
    """Streams until the client has had enough."""
    context.add_callback(lambda: tell({"call": request.decode(), "is": "left"}))
    while context.is_active():
        yield bytes(1000)


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Hang": grpc.unary_unary_rpc_method_handler(hang),
    "Half": grpc.unary_stream_rpc_method_handler(half),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Endless": grpc.unary_stream_rpc_method_handler(endless),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Converse": grpc.stream_stream_rpc_method_handler(converse),
}

settings = json.loads(sys.argv[1])
server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=LIMITS)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
port = server.add_insecure_port(f"127.0.0.1:{settings.get('port', 0)}")
server.start()
tell({"listening": port})
server.wait_for_termination()
