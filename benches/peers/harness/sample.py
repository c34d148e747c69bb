"""One sample: one proxy under one workload, once."""

import json
import subprocess
import time

from . import account
from .account import Foreign
from .proxy import Proxy
from .workload import Void, parse

# CPU of other programs, in cores, above which a sample is disturbed.
DISTURBED = 0.08
# How often a disturbed sample is repeated.
REPEATS = 3
# Requests sent before the first sample of a proxy and a workload, in seconds.
WARM = 1
# Connections opened and closed again before memory is read for the first time.
FAMILIAR = 64
# A reading is final when it has moved by less than this, in KiB, over the pause between two.
SETTLED_KIB = 64
SETTLE_PAUSE = 0.5
SETTLE_READINGS = 20


def command(workload, proxy, setup, **values):
    values = {"port": proxy.https if workload.tls else proxy.http, "tool": setup.tool,
              "ca": setup.cert, "seconds": setup.seconds, **values}
    words = workload.command.split()
    return [word.format(**values) for word in words]


def take(workload, proxy, setup):
    """Measures until a sample is undisturbed; of others the least disturbed counts.

    Returns all; those that do not count are marked `repeated`.
    """
    tries = []
    while len(tries) <= REPEATS:
        try:
            tries.append(idle(workload, proxy.name, setup) if workload.kind == "idle"
                         else work(workload, proxy, setup))
        except Void as problem:
            return tries + [{"void": str(problem)}]
        tries[-1]["disturbed"] = tries[-1]["foreign_cores"] > DISTURBED
        if not tries[-1]["disturbed"]:
            break
    counts = min(tries, key=lambda one: one["foreign_cores"])
    for one in tries:
        one["repeated"] = one is not counts
    return tries


def work(workload, proxy, setup):
    """CPU for each request, and latency."""
    if (proxy.name, workload.name) not in setup.warmed:
        setup.warmed.add((proxy.name, workload.name))
        run(command(workload, proxy, setup, seconds=WARM), setup)
    foreign = Foreign(setup.own(), {setup.load_core, setup.proxy_core}, setup.irq_is_apart)
    before, begin = account.cpu(proxy.child.pid), time.monotonic()
    result = run(command(workload, proxy, setup), setup)
    after, end = account.cpu(proxy.child.pid), time.monotonic()
    cores = foreign.cores()
    seconds, user = account.used(before, after)
    if proxy.child.poll() is not None:
        raise Void("%s has ended" % proxy.name)
    return {
        **result,
        "cpu_us": seconds * 1e6 / result["requests"],
        "user_us": user * 1e6 / result["requests"],
        "cores": seconds / (end - begin),
        "per_second": result["requests"] / result.get("seconds", end - begin),
        "foreign_cores": cores,
    }


def run(words, setup):
    # Shown without the folder: what was run is the same everywhere.
    return parse([words[0].rsplit("/", 1)[-1], *words[1:]],
                 setup.children.run("client", words, setup.load_core))


def idle(workload, name, setup):
    """Memory for each connection, of an instance that has done nothing else."""
    proxy = Proxy(name, setup)
    client = None
    try:
        words = command(workload, proxy, setup, connections=FAMILIAR)
        setup.children.run("client", words, setup.load_core)
        before = settled_kib(proxy)
        words = command(workload, proxy, setup, connections=setup.connections)
        client = setup.children.start("client", words, setup.load_core, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = client.stdout.readline()
        if not line.startswith("{"):
            raise Void(line.strip() or "the client ended")
        held = json.loads(line)["held"]
        after = settled_kib(proxy)
        return {"requests": held, "before_kib": before, "after_kib": after,
                "kib": (after - before) / held, "foreign_cores": 0.0}
    finally:
        if client:
            setup.children.end(client)
        proxy.end()


def settled_kib(proxy):
    """Memory once it has stopped moving."""
    last = account.proportional_kib(proxy.child.pid)
    for _ in range(SETTLE_READINGS):
        time.sleep(SETTLE_PAUSE)
        now = account.proportional_kib(proxy.child.pid)
        if abs(now - last) < SETTLED_KIB:
            return now
        last = now
    return last
