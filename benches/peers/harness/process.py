"""Starts processes and ends exactly those: by the ids that were kept, whatever happens."""

import ctypes
import os
import signal
import subprocess
from contextlib import suppress

from . import account

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# How long a process may take to end by itself, in seconds.
GRACE = 5


class Children:
    """All that was started. Leaving the `with` block ends what is left of it."""

    def __init__(self, folder):
        self.folder = folder
        self.alive = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave a process behind.
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interrupt, signal.SIG_IGN)
        for child in list(self.alive):
            self.end(child)

    def start(self, name, command, core, **pipes):
        """Starts `command` on one core; its complaints go to `name`.log in the folder."""

        def prepare():
            os.sched_setaffinity(0, {core})
            # If this script is killed so hard that it cannot end its children, the kernel does.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        with open(self.log(name), "ab") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **pipes}
            # A session of its own: Ctrl-C reaches this script alone, which then ends all in order.
            child = subprocess.Popen(command, start_new_session=True, preexec_fn=prepare, **pipes)
        self.alive.append(child)
        return child

    def run(self, name, command, core):
        """Runs a client to its end and returns what it printed."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        child = self.start(name, command, core, **pipes)
        try:
            return child.communicate()[0]
        finally:
            self.end(child)

    def end(self, child):
        """Ends a process and what it started: politely, then not."""
        family = account.tree(child.pid) if child.poll() is None else {}
        for stream in (child.stdin, child.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pid, begun in family.items():
            # A worker whose master is gone. The start time tells it from a stranger with its id.
            with suppress(OSError):
                if pid != child.pid and account.stat(pid)[19] == begun:
                    os.kill(pid, signal.SIGKILL)
        if child in self.alive:
            self.alive.remove(child)

    def log(self, name):
        return os.path.join(self.folder, name + ".log")
