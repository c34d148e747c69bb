"""The workloads: who sends what, what is read from the answer, and which goal is to be met."""

import json
import re
from dataclasses import dataclass, field


class Void(Exception):
    """A sample that does not count, and why."""


@dataclass(frozen=True)
class Workload:
    """One row of the table."""

    name: str
    title: str
    # "cpu": microseconds of CPU a request; "rate": latency too; "idle": memory of a connection.
    kind: str
    # {port}, {tool}, {ca}, {seconds} and {connections} are filled in.
    command: str
    # Largest ratio that meets the goal, by peer ("better": whichever is better in a round), or
    # for "idle" the most KiB a connection. Empty: the row is published without a goal.
    goal: dict = field(default_factory=dict)
    tls: bool = False
    # Rounds below which there is no verdict.
    rounds: int = 3


def kept(clients, path):
    return "wrk -t1 -c%d -d{seconds}s --latency http://localhost:{port}%s" % (clients, path)


def kept_tls(clients, path):
    return kept(clients, path).replace("http:", "https:")


# The goals are those the project set itself before the data path was written.
WORKLOADS = [
    Workload("h1-100b", "HTTP/1.1, 100 B", "cpu", kept(64, "/100"), {"nginx": 0.85}),
    Workload("h1-16k", "HTTP/1.1, 16 KiB", "cpu", kept(64, "/16k"), {"nginx": 0.85}),
    Workload("h1-1m", "HTTP/1.1, 1 MiB", "cpu", kept(16, "/1m"), {"nginx": 0.75}),
    Workload("connection-per-request", "connection per request", "cpu",
             "{tool} connect {port} /100 64 {seconds}", {"nginx": 1.05}),
    Workload("tls-100b", "TLS 1.3, 100 B", "cpu", kept_tls(64, "/100"), {"nginx": 0.80}, True),
    Workload("tls-16k", "TLS 1.3, 16 KiB", "cpu", kept_tls(64, "/16k"), {"nginx": 0.65}, True),
    Workload("tls-handshake", "full TLS 1.3 handshake", "cpu",
             "{tool} connect {port} /100 32 {seconds} {ca}", {"nginx": 0.75}, True),
    Workload("h2-100b", "HTTP/2 over TLS to HTTP/1.1, 100 B", "cpu",
             "h2load -t1 -c8 -m32 -D{seconds} --tls13-ciphers=TLS_AES_256_GCM_SHA384 "
             "https://localhost:{port}/100",
             {"nginx": 0.60, "haproxy": 0.90}, True),
    Workload("tunnel-64b", "tunnel, 64 B", "cpu",
             "{tool} tunnel {port} 64 64 {seconds}", {"nginx": 1.0}),
    Workload("tunnel-16k", "tunnel, 16 KiB", "cpu",
             "{tool} tunnel {port} 16384 64 {seconds}", {"nginx": 1.0}),
    Workload("idle-plain", "idle connection, HTTP/1.1", "idle",
             "{tool} idle plain {port} {connections}", {"most": 2.0}),
    Workload("idle-tls", "idle connection, TLS", "idle",
             "{tool} idle tls {port} {connections} {ca}", {}, True),
    Workload("idle-h2", "idle connection, HTTP/2", "idle",
             "{tool} idle h2 {port} {connections} {ca}", {}, True),
    Workload("rate-10k", "10,000 requests/s, open loop", "rate",
             "{tool} rate {port} /100 10000 {seconds}", {"better": 1.15}, rounds=9),
]
BY_NAME = {workload.name: workload for workload in WORKLOADS}
# One word for several rows.
GROUPS = {"idle": ["idle-plain", "idle-tls", "idle-h2"]}


def parse(command, output):
    """Reads what a client printed: {"requests", "p50_us", "p99_us" where told, "note"}.

    Raises `Void` if a single request went wrong.
    """
    reader = {"wrk": wrk, "h2load": h2load}.get(command[0], tool)
    try:
        result, errors = reader(output)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        raise Void("%s said nothing that can be read: %s" % (command[0], output[-300:])) from problem
    if errors:
        raise Void(errors)
    if result["requests"] < 1:
        raise Void("no request was answered")
    return result


def duration(value, unit):
    """Seconds."""
    return float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def wrk(output):
    # What `wrk` calls "Non-2xx or 3xx" is 400 and above; that 200 is the rule was checked before.
    wrong = re.findall(r"Socket errors:.*|Non-2xx or 3xx responses:.*", output)
    requests = re.search(r"(\d+) requests in", output)[1]
    per_second = re.search(r"Requests/sec: +([\d.]+)", output)[1]
    result = {"requests": int(requests), "seconds": int(requests) / float(per_second)}
    for quantile in ("50", "99"):
        match = re.search(r"\s%s%%\s+([\d.]+)(us|ms|s)" % quantile, output)
        result["p%s_us" % quantile] = duration(*match.groups()) * 1e6
    return result, "; ".join(wrong)


def h2load(output):
    started, done, good, failed, errored, late = map(int, re.search(
        r"total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
        r"(\d+) timeout", output).groups())
    ok, *others = map(int, re.search(
        r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output).groups())
    agreed = re.findall(r"^(?:Cipher|Server Temp Key|Application protocol): (\S+)", output,
                        re.MULTILINE)
    wrong = failed + errored + late + sum(others)
    errors = "%d requests failed" % wrong if wrong else ""
    if "h2" not in agreed:
        errors = "the protocol is not h2: %s" % agreed
    # `finished in` counts from the first connection to the last answer.
    seconds = duration(*re.search(r"finished in ([\d.]+)(us|ms|s)", output).groups())
    return {"requests": good, "seconds": seconds, "note": " ".join(agreed[:2])}, errors


def tool(output):
    result = json.loads(output.strip().splitlines()[-1])
    errors = result.pop("errors")
    first = result.pop("error")
    return result, "%d errors, the first: %s" % (errors, first) if errors else ""
