"""From samples to words: ratios, spreads, verdicts, and the Markdown that says them."""

import json
from dataclasses import dataclass
from math import comb
from statistics import median

from .proxy import NAMES
from .workload import WORKLOADS, Workload

BEGIN, END = "<!-- table -->", "<!-- /table -->"


def read(paths):
    """Runs from files of JSON lines: (the last run's entry, [samples with "run"]).

    The entry's "differs" names what was not the same in all runs.
    """
    last, samples, run, differs = None, [], 0, set()
    for path in paths:
        with open(path) as file:
            for line in file:
                entry = json.loads(line)
                if "machine" in entry:
                    for block in ("machine", "options") if last else ():
                        differs |= {key for key, value in entry[block].items()
                                    if value != last[block].get(key)}
                    last, run = {**entry, "differs": sorted(differs)}, run + 1
                else:
                    samples.append({**entry, "run": run})
    return last, samples


class Rows:
    """Samples of one workload that count, by proxy and round."""

    def __init__(self, workload: Workload, samples):
        self.workload = workload
        mine = [s for s in samples if s["workload"] == workload.name and not s.get("repeated")]
        self.void = [s for s in mine if "void" in s]
        self.by = {name: {} for name in NAMES}
        for sample in mine:
            if "void" not in sample:
                self.by[sample["proxy"]][sample["run"], sample["round"]] = sample

    def values(self, name, key):
        return [sample[key] for sample in self.by[name].values() if key in sample]

    def median(self, name, key):
        values = self.values(name, key)
        return median(values) if values else None

    def ratios(self, to, key):
        """Ours to a peer's, one for each round that has both; "better": the least of the peers."""
        peers = [name for name in NAMES if name != "evenkeel"] if to == "better" else [to]
        found = []
        for turn, ours in self.by["evenkeel"].items():
            theirs = [self.by[name][turn][key] for name in peers if turn in self.by[name]]
            if len(theirs) == len(peers):
                found.append(ours[key] / min(theirs))
        return found

    def disturbed(self):
        return sum(s.get("disturbed", False) for by in self.by.values() for s in by.values())


@dataclass
class Against:
    """What was compared with one goal."""

    peer: str
    values: list
    goal: float
    rounds: int
    # The goal is for the median; otherwise all of its interval has to be on the right side.
    by_median: bool

    def verdict(self):
        if len(self.values) < self.rounds:
            return "not resolved"
        low, high = interval(self.values)
        if self.by_median:
            low = high = median(self.values)
        if high <= self.goal:
            return "met"
        return "not met" if low > self.goal else "not resolved"


def comparisons(rows):
    """Every goal of a workload with the values that are held against it."""
    workload, found = rows.workload, []
    for peer, goal in workload.goal.items():
        if workload.kind == "idle":
            values = rows.values("evenkeel", "kib")
        else:
            values = rows.ratios(peer, "p99_us" if workload.kind == "rate" else "cpu_us")
        found.append(Against(peer, values, goal, workload.rounds, workload.kind == "rate"))
    return found


def verdict(rows):
    """met only if every goal is; a sample of ours that went wrong is never met."""
    if any(sample["proxy"] == "evenkeel" for sample in rows.void):
        return "void"
    each = [one.verdict() for one in comparisons(rows)]
    worst = [word for word in ("not met", "not resolved", "met") if word in each]
    return worst[0] if worst else "no goal"


def interval(values):
    """Where the median of such values lies with a probability of 95 %, whatever their law.

    Between two of the sorted values: each value is on either side of the median like a coin. Fewer
    than six cannot say it: the least and the most of them.
    """
    values, n = sorted(values), len(values)
    outside, rank = 0.0, 0
    while rank < (n - 1) // 2:
        outside += 2 * comb(n, rank) / 2 ** n
        if outside > 0.05:
            break
        rank += 1
    rank = max(rank, 1)
    return values[rank - 1], values[n - rank]


def spread(values):
    if not values:
        return "-"
    return "%.2f (%.2f..%.2f)" % (median(values), *interval(values))


def number(value):
    if value is None:
        return "-"
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 3 else "%.2f" % value


def cell(rows, name):
    """A proxy's own figure."""
    kind = rows.workload.kind
    if not rows.by[name]:
        return "void" if any(s["proxy"] == name for s in rows.void) else "-"
    if kind == "rate":
        p99 = rows.median(name, "p99_us")
        return "%s us / %.2f ms" % (number(rows.median(name, "p50_us")), p99 / 1000)
    text = number(rows.median(name, "kib" if kind == "idle" else "cpu_us"))
    if kind == "cpu" and name == "haproxy" and rows.by["nginx"]:
        text += " (%.2f)" % (rows.median(name, "cpu_us") / rows.median("nginx", "cpu_us"))
    return text


def goal_text(rows):
    kind = rows.workload.kind
    words = {"nginx": "%.2f", "haproxy": "%.2f of HAProxy", "most": "%.0f KiB",
             "better": "p99 %.2f of the better"}
    return "; ".join(words[peer] % goal for peer, goal in rows.workload.goal.items()) \
        or ("published" if kind == "idle" else "-")


def ratio_cells(rows):
    kind = rows.workload.kind
    if kind == "idle":
        return [spread(rows.values("evenkeel", "kib")) + " KiB", "-"]
    key = "p99_us" if kind == "rate" else "cpu_us"
    cells = [spread(rows.ratios(peer, key)) for peer in ("nginx", "haproxy")]
    if kind == "rate":
        cells[0] += "; " + spread(rows.ratios("better", key)) + " of the better"
    return cells


def line(cells):
    return "| " + " | ".join(cells) + " |"


def main_table(found):
    titles = ["workload", "nginx", "HAProxy (to nginx)", "evenkeel", "ours to nginx",
              "ours to HAProxy", "goal", "verdict"]
    lines = [line(titles), "|---" * len(titles) + "|"]
    for rows in found:
        mark = "" if not rows.disturbed() else " *"
        ratios = ratio_cells(rows)
        own = [cell(rows, name) for name in NAMES]
        lines.append(line([rows.workload.title, *own, *ratios, goal_text(rows),
                           verdict(rows) + mark]))
    return lines


def detail_table(found):
    titles = ["workload", "proxy", "CPU us", "least", "most", "of it user", "requests/s",
              "p50 us", "p99 us", "its core", "samples", "disturbed", "void"]
    lines = [line(titles), "|---" * len(titles) + "|"]
    for rows in found:
        for name in NAMES:
            void = sum(sample["proxy"] == name for sample in rows.void)
            cpu = rows.values(name, "cpu_us")
            if rows.workload.kind == "idle" or not (cpu or void):
                continue
            middle = [number(rows.median(name, "cpu_us")), number(min(cpu, default=None)),
                      number(max(cpu, default=None))]
            keys = ("user_us", "per_second", "p50_us", "p99_us", "cores")
            disturbed = sum(s["disturbed"] for s in rows.by[name].values())
            counts = [len(rows.by[name]), disturbed, void]
            lines.append(line([rows.workload.name, name, *middle,
                               *(number(rows.median(name, key)) for key in keys),
                               *map(str, counts)]))
    return lines


def machine_lines(entry):
    m, options = entry["machine"], entry["options"]
    commit = " (%s)" % m["commit"] if m["commit"] else ""
    lines = ["%d cores (%s%s), Linux %s, %s; evenkeel %s%s, nginx %s, HAProxy %s, wrk %s, h2load %s." % (
        m["cores"], m["cpu"], ", a virtual machine" if m["is_virtual"] else "", m["kernel"],
        m["congestion_control"], m["evenkeel"], commit, m["nginx"], m["haproxy"], m["wrk"],
        m["h2load"])]
    lines.append("%d s for each sample, %s idle connections." % (
        options["seconds"], format(options["connections"], ",")))
    if entry.get("differs"):
        lines.append("The samples are from runs that differ in %s; said here is what the last had." %
                     ", ".join(entry["differs"]))
    if m["irq_is_apart"]:
        lines.append("This kernel leaves interrupts out of a process's time: the network's part "
                     "of a request is missing from all figures alike.")
    return lines


def suites(found):
    """What TLS agreed on: ratios mean little where that differs."""
    notes = {}
    for rows in found:
        for name in NAMES:
            for sample in rows.by[name].values():
                if sample.get("note"):
                    notes.setdefault(sample["note"], set()).add(rows.workload.name + " " + name)
    if len(notes) > 1:
        return ["TLS differs! " + "; ".join("%s: %s" % (note, ", ".join(sorted(who)))
                                            for note, who in notes.items())]
    return ["TLS agreed on %s, everywhere." % note for note in notes]


def render(machine, samples):
    """All of it as Markdown."""
    found = [Rows(workload, samples) for workload in WORKLOADS]
    found = [rows for rows in found if rows.void or any(rows.by.values())]
    lines = machine_lines(machine) + suites(found) + [""]
    lines += main_table(found) + [
        "", "CPU microseconds a request (KiB a connection where idle; p50 and p99 where open "
        "loop), the median of all rounds; ratios are of the same round: their median, and where "
        "it lies at 95 % (of fewer than six rounds the least and the most)."]
    if any(rows.disturbed() for rows in found):
        lines.append("\\* Other programs used the machine during some of these samples, and "
                     "again when they were repeated.")
    for rows in found:
        for sample in rows.void:
            lines.append("Void: %s, %s: %s" % (rows.workload.name, sample["proxy"], sample["void"]))
    return "\n".join(lines + [""] + detail_table(found)) + "\n"


def replace(path, text):
    """Puts the tables between the marks of a document."""
    with open(path) as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("%s has no %s ... %s" % (path, BEGIN, END))
    with open(path, "w") as file:
        file.write("%s%s\n%s%s%s" % (before, BEGIN, text, END, after))
