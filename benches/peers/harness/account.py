"""Who used the processor and the memory: read from /proc, by process id."""

import os
import resource
import time
from contextlib import suppress
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat from the state (field 3) on: the name may hold anything."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rsplit(")", 1)[1].split()


def tree(pid):
    """A process and all below it, as {pid: start time}: the two name a process for good."""
    parent, begun = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            fields = stat(int(name))
            parent[int(name)], begun[int(name)] = int(fields[1]), fields[19]
    found, new = {}, [pid] if pid in begun else []
    while new:
        one = new.pop()
        found[one] = begun[one]
        new += [child for child, its in parent.items() if its == one]
    return found


@dataclass
class Cpu:
    """CPU of a process tree since it began, in seconds."""

    # The scheduler's own account, to the nanosecond.
    exact: float = 0.0
    # Sampled by the clock's tick: good for the share of each, not for the sum.
    user: float = 0.0
    system: float = 0.0
    # The threads; a thread that ends takes its exact account with it.
    threads: frozenset = frozenset()


def cpu(pid):
    """What the tree below `pid` has used."""
    sum_, threads = Cpu(), set()
    for one in tree(pid):
        with suppress(OSError):
            fields = stat(one)
            sum_.user += int(fields[11]) / TICKS
            sum_.system += int(fields[12]) / TICKS
            for thread in os.listdir("/proc/%d/task" % one):
                with suppress(OSError), open("/proc/%d/task/%s/schedstat" % (one, thread)) as file:
                    sum_.exact += int(file.read().split()[0]) / 1e9
                    threads.add(int(thread))
    sum_.threads = frozenset(threads)
    return sum_


def used(before, after):
    """(seconds, of it user seconds) between two accounts of the same tree."""
    user, system = after.user - before.user, after.system - before.system
    # A thread has come or gone: its time is only in the ticks.
    exact = after.exact - before.exact if before.threads == after.threads else user + system
    share = user / (user + system) if user + system else 0.0
    return exact, exact * share


def proportional_kib(pid):
    """Memory of a process tree; what several share is divided among them (PSS)."""
    total = 0
    for one in tree(pid):
        with suppress(OSError), open("/proc/%d/smaps_rollup" % one) as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def busy(cores, irq_is_apart):
    """Seconds that these cores were not idle, stolen time included, since the machine began.

    Where the kernel accounts interrupts apart from processes, they are left out: they would
    otherwise count as somebody else's.
    """
    names, ticks = {"cpu%d" % core for core in cores}, 0
    with open("/proc/stat") as file:
        for name, *fields in map(str.split, file):
            if name in names:
                user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
                interrupts = 0 if irq_is_apart else irq + softirq
                ticks += user + nice + system + interrupts + steal
    return ticks / TICKS


class Foreign:
    """Measures what everything but this comparison uses of the cores that it is pinned to.

    `own` are the ids of the processes that belong to it; clients count once they have ended.
    """

    def __init__(self, own, on, irq_is_apart):
        self.own, self.on, self.irq_is_apart = own, on, irq_is_apart
        self.begin = self._now()

    def _now(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = time.process_time() + children.ru_utime + children.ru_stime
        ours += sum(cpu(pid).exact for pid in self.own)
        return time.monotonic(), busy(self.on, self.irq_is_apart) - ours

    def cores(self):
        """Cores' worth of other programs' work since this was made."""
        (begin, before), (end, after) = self.begin, self._now()
        return max(0.0, after - before) / (end - begin)
