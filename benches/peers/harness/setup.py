"""What all samples share: the cores, the binary, a certificate, the origin."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from types import SimpleNamespace

from . import machine
from .process import Children
from .proxy import Failed

ENDPOINTS = 4
# Connections held for the memory of an idle one, if the limit of open files allows.
IDLE_CONNECTIONS = 9000


def cores():
    """(the clients' and the origin's core, the proxies' core)"""
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise Failed("two cores are needed: one for the proxy, one for clients and origin")
    return mine[0], mine[1]


def descriptors():
    """Raises the limit of open files as far as it goes; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = min(most, 20000) if most != resource.RLIM_INFINITY else 20000
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))
    return enough


def prepare(stack, binary, seconds, tls):
    """Everything that samples need to know; `stack` ends it."""
    folder = tempfile.mkdtemp(prefix="evenkeel-peers-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    # nginx gives up its rights before it opens its temporary files.
    os.chmod(folder, 0o755)
    children = stack.enter_context(Children(folder))
    tools = machine.tools()
    load_core, proxy_core = cores()
    is_built_here = not binary
    binary = os.path.abspath(binary) if binary else machine.build_production()
    tool = machine.build_tool()
    described = machine.describe(tools, binary, is_built_here=is_built_here)
    cert, key, both = machine.certificate(tools["openssl"], folder)
    # Builds are over: from here on this script stays off the proxies' core.
    os.sched_setaffinity(0, {load_core})
    limit = descriptors()
    setup = SimpleNamespace(
        tools=tools, binary=binary, tool=tool, folder=folder, children=children,
        cert=cert, key=key, both=both, descriptors=limit,
        # HAProxy needs two descriptors for each.
        connections=max(100, min(IDLE_CONNECTIONS, limit // 2 - 1000)),
        load_core=load_core, proxy_core=proxy_core, seconds=seconds, warmed=set(),
        tls=tls, irq_is_apart=described["irq_is_apart"],
        machine=described)
    origin = children.start("origin", [tool, "origin", str(ENDPOINTS)], load_core,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ports = json.loads(origin.stdout.readline())["ports"]
    setup.endpoints = ["127.0.0.1:%d" % port for port in ports]
    setup.origin = origin
    return setup
