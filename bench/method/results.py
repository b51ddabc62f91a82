# SPDX-License-Identifier: Apache-2.0
"""What was measured, one line a run in a CSV file, and what follows from it: ratios of runs of one round."""

import csv
import hashlib
import os
import re
import subprocess
import typing

from method import intervals
from method import runs

FIGURES = {  # of a run, as columns
    "time": "time",
    "average": "resident memory, averaged over the run",
    "peak": "resident memory at its peak",
    "last": "resident memory at the end",
    "instructions": "instructions",
}
HISTORY = ("commit", "date", "machine", "series", "program", "contender", "figure", "ratio", "low", "high", "rounds")


class Row(typing.NamedTuple):
    """A run. `work` is percent of the usual; `seconds`, `processor` and `time` are seconds, `time` being what is compared; the memory is
    in KiB."""
    machine: str
    commit: str
    library: str
    session: str
    series: str
    work: int
    set: str
    program: str
    contender: str
    round: int
    place: int
    time: typing.Optional[float]
    seconds: typing.Optional[float]
    processor: typing.Optional[float]
    peak: typing.Optional[float]
    average: typing.Optional[float]
    last: typing.Optional[float]
    instructions: typing.Optional[float]


NUMBERS = Row._fields[Row._fields.index("time"):]


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as text:
        name = re.search(r"^model name\s*: (.*)$", text.read(), re.M)
    words = name.group(1) if name else os.uname().machine
    return f"{words} x {os.cpu_count()}"


def commit():
    done = subprocess.run(["git", "-C", runs.ROOT, "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "none"


def digest(path):
    """What tells one build of the library from another."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


def append(path, rows):
    is_new = not os.path.exists(path) or os.path.getsize(path) == 0
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(Row._fields)
        writer.writerows(["" if value is None else f"{value:.9g}" if isinstance(value, float) else value for value in row] for row in rows)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != Row._fields:
            raise SystemExit(f"bench: {path} has other columns than those of this bench; name another file by --csv")
        return [Row(**{**line, **{name: float(line[name]) if line[name] else None for name in NUMBERS},
                       **{name: int(line[name]) for name in ("work", "round", "place")}}) for line in reader]


def of_one_build(rows, library=None):
    """Those of one build on one machine; of the last one if none is named. Of each series only those with the work of its last run:
    of another length a program may behave otherwise."""
    last = next((row for row in reversed(rows) if library in (None, row.library)), None)
    rows = [row for row in rows if last and (row.library, row.machine) == (last.library, last.machine)]
    work = {row.series: row.work for row in rows}
    return [row for row in rows if row.work == work[row.series]]


class Results:
    """Ratios of contenders to others, over runs of one round of one session."""

    def __init__(self, rows):
        self.rows = list(rows)
        self.cells = {}  # (series, program, contender): {round of a session, of runs that were counted or timed: row}
        for row in self.rows:
            key = row.session, row.round, row.instructions is not None
            self.cells.setdefault((row.series, row.program, row.contender), {})[key] = row

    def programs(self, series, of_set=None):
        """In the order in which they were first run."""
        return list(dict.fromkeys(row.program for row in self.rows if row.series == series and of_set in (None, row.set)))

    def contenders(self, series):
        """Ours first, for the rounds have them in any order."""
        names = {row.contender for row in self.rows if row.series == series}
        return sorted(names, key=lambda name: (not name.startswith("heapprof"), name))

    def ratios(self, series, program, contender, base, figure):
        mine, others = (self.cells.get((series, program, name), {}) for name in (contender, base))
        pairs = [(getattr(mine[key], figure), getattr(others[key], figure)) for key in mine if key in others]
        return [a / b for a, b in pairs if a and b]

    def estimate(self, series, program, contender, base, figure):
        """None where nothing was measured."""
        ratios = self.ratios(series, program, contender, base, figure)
        return intervals.median(ratios) if ratios else None

    def mean(self, series, of_set, contender, base, figure):
        """The geometric mean over the programs of a set, and how many these are; None where none was measured."""
        columns = [self.ratios(series, program, contender, base, figure) for program in self.programs(series, of_set)]
        columns = [column for column in columns if column]
        return (intervals.geometric_mean(columns), len(columns)) if columns else None


def history_lines(results, base):
    """The lines of bench/history.csv that these results make: medians of ratios to `base`, of programs and of sets."""
    if not results.rows:
        return []
    heads = {row.program: row for row in results.rows}  # the last of each, for pieces may be of several commits
    lines = []
    for series in dict.fromkeys(row.series for row in results.rows):
        sets = list(dict.fromkeys(row.set for row in results.rows if row.series == series))
        for contender in (name for name in results.contenders(series) if name != base):
            for figure in FIGURES:
                found = [(program, results.estimate(series, program, contender, base, figure)) for program in results.programs(series)]
                for name in sets:
                    mean = results.mean(series, name, contender, base, figure)
                    found.append((f"mean of {name} ({mean[1]})", mean[0]) if mean else (name, None))
                for name, estimate in found:
                    if estimate:
                        head = heads.get(name, results.rows[-1])
                        lines.append([head.commit, head.session[:10], head.machine, series, name, contender, figure,
                                      *("" if value is None else f"{value:.4f}" for value in estimate[:3]), str(estimate.count)])
    return lines


def record(path, lines):
    """Puts lines into the history, in place of those of the same commit, machine and figure."""
    old = []
    if os.path.exists(path):
        with open(path, encoding="utf-8", newline="") as file:
            old = list(csv.reader(file))[1:]

    def key(line):
        return line[0], *line[2:7]

    new = {key(line) for line in lines}
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HISTORY)
        writer.writerows([line for line in old if key(line) not in new] + lines)
