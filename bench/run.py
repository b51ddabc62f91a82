#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ratios of heapprof and its peers to plain jemalloc: time, resident memory, instructions.

In each round every contender runs a program once, in an order that is drawn (method/intervals.py); what is compared are runs of
one round. Shown are medians of these ratios with limits of 95 %, and geometric means over sets of programs. Each run is a line of
a CSV file, to which a later call for other programs appends: a long comparison can be made in pieces,
    scripts/bench --only cc1plus,clang; scripts/bench --only redis; scripts/bench --collect --readme --record
and a second call for the same programs adds rounds. --collect shows what is there of the last build, and measures nothing.
"""

import datetime
import os
import resource
import shutil
import signal
import sys

sys.dont_write_bytecode = True  # no __pycache__ among the sources
from method import contenders as who
from method import intervals
from method import picture
from method import report
from method import results as measured
from method import runs
from method import workloads

ROUNDS, QUICK_ROUNDS = 12, 9  # six are the least that have limits; of nine one may be disturbed at either end, of twelve two
SLOW_ROUNDS, FEW_ROUNDS = 6, 3
README, PAGE = (os.path.join(runs.ROOT, name) for name in ("README.md", "docs/benchmarks.md"))
PICTURE, HISTORY = (os.path.join(runs.ROOT, name) for name in ("docs/pictures/bench.svg", "bench/history.csv"))


class Stopped(Exception):
    """Asked to end: the tables show what was measured until then."""


def stop(*_):
    raise Stopped


def listen():
    """A closed terminal ends the bench as SIGTERM does, with all that it runs; under nohup it goes on."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def words(line):
    return [word for word in line.split(",") if word]


def say(line):
    print(f"bench: {line}", file=sys.stderr, flush=True)


class Bench:
    """One call: what was asked for, and where its lines go."""

    def __init__(self, options):
        self.options = options
        self.scratch = os.path.join(runs.ROOT, "build", "bench")
        os.makedirs(self.scratch, exist_ok=True)
        self.library = runs.library(options.build)
        self.failures = 0
        self.head = (measured.machine(), measured.commit(), measured.digest(self.library),
                     datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"))

    def chosen(self):
        """The programs and the contenders that were asked for."""
        takers, absent = who.contenders(self.library, self.scratch)
        parts = words(self.options.contenders)
        if unknown := [part for part in parts if not any(part in taker.name for taker in takers)]:
            raise SystemExit(f"bench: no such contender: {', '.join(unknown)}; there are {', '.join(t.name for t in takers)}")
        programs, missing = workloads.workloads(self.options.build, self.scratch, self.options.mimalloc_bench)
        for line in missing + absent:
            say(f"left out: {line}")
        only = words(self.options.only)
        if unknown := set(only) - {program.name for program in programs}:
            raise SystemExit(f"bench: no such program: {', '.join(sorted(unknown))}; "
                             f"there are {', '.join(program.name for program in programs)}")
        programs = [p for p in programs if (p.name in only if only else p.quick or not self.options.quick)]
        takers = [t for t in takers if (any(part in t.name for part in parts) if parts else t.quick or not self.options.quick)]
        return programs, takers

    def fail(self, why):
        say(why)
        self.failures += 1

    def percent(self, series):
        return max(1, round(workloads.WORK[series] * (workloads.QUICK_WORK if self.options.quick else 1)))

    def rounds(self, program):
        rounds = self.options.rounds or (QUICK_ROUNDS if self.options.quick else ROUNDS)
        return min(rounds, SLOW_ROUNDS) if program.slow else rounds

    def row(self, series, program, contender, number, place, **figures):
        return measured.Row(*self.head, series, self.percent(series), program.set, program.name, contender.name, number, place,
                            **{**dict.fromkeys(measured.NUMBERS), **figures})

    def one_round(self, series, program, order, number):
        rows, outputs, failed = [], set(), set()
        for place, contender in enumerate(order):
            try:
                run = program.measure(self.options.build, contender, self.percent(series))
                time = program.time(run)
            except runs.Failed as failure:
                self.fail(failure)
                failed.add(contender)
                continue
            if program.same_output and not contender.command:
                outputs.add(run.output)
            rows.append(self.row(series, program, contender, number, place, time=time, seconds=run.seconds, processor=run.processor,
                                 peak=run.peak, average=run.average, last=run.last))
        if len(outputs) > 1:
            raise SystemExit(f"bench: {program.name} does not print the same under all of them")
        measured.append(self.options.csv, rows)
        return failed

    def times(self, series, program, takers):
        rounds = self.rounds(program)
        say(f"{program.name}, {series}: {rounds} rounds of {', '.join(taker.name for taker in takers)}")
        failed = set()
        try:  # once unmeasured: what comes from a disk is in memory then, for who is the first, too
            program.measure(self.options.build, takers[0], self.percent(series))
        except runs.Failed:
            pass  # its rounds tell
        for number, order in enumerate(intervals.orders(takers, rounds, f"{self.options.seed} {series} {program.name}")):
            order = [taker for taker in order if taker not in failed and not (taker.few and number >= FEW_ROUNDS)]
            failed |= self.one_round(series, program, order, number)

    def instructions(self, series, program, takers):
        say(f"{program.name}, {series}: instructions")
        rows = []
        command = tuple(program.counted(workloads.VALGRIND_WORK))
        for taker in takers:
            there = {**program.environment, **taker.environment}
            if "HEAPPROF_OPTIONS" in there:
                there["HEAPPROF_OPTIONS"] += ":seed=1"  # the same samples each time
            try:
                count = runs.instructions(command, runs.environment(**there), program.stdin)
                rows.append(self.row(series, program, taker, 0, 0, instructions=float(count)))
            except runs.Failed as failure:
                self.fail(failure)
        measured.append(self.options.csv, rows)

    def measure(self):
        programs, takers = self.chosen()
        for series in words(self.options.series) or list(who.SERIES):
            of_series = [taker for taker in takers if taker.series == series]
            for program in programs:
                company = [t for t in of_series if self.options.huge or not (t.huge and program.compiler)]
                if not company or series not in program.series or (self.options.quick and series == "exact"):
                    continue
                company.insert(0, who.baseline(series))
                if not self.options.no_times:
                    self.times(series, program, company)
                if self.options.instructions and series == "512k" and program.counted and shutil.which("valgrind"):
                    self.instructions(series, program, [t for t in company if t.name != who.AGAIN])


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"wrote {os.path.relpath(path)}")


def show(options, is_whole=True):
    """Tables of what the CSV file has; whether there was anything. Documents and history have no part of what was asked for."""
    rows = measured.of_one_build(measured.read(options.csv), options.of) if os.path.exists(options.csv) else []
    if not rows:
        say(f"nothing was measured in {options.csv}")
        return False
    results = measured.Results(rows)
    print(f"{rows[-1].machine}; commits {', '.join(dict.fromkeys(row.commit for row in rows))}; library {rows[-1].library}\n")
    print("\n".join(report.whole(results, options.against)))
    drawing = picture.draw(results, options.against)
    if drawing and options.picture:
        write(options.picture, drawing)
    if not is_whole and (options.readme or options.record):
        say("not recorded, as not all of it was measured; --collect records what there is")
        return True
    if options.readme:
        for path, name, lines in ((README, "table", report.for_readme(results, options.against)),
                                  (PAGE, "tables", report.whole(results, options.against))):
            with open(path, encoding="utf-8") as file:
                document = file.read()
            write(path, report.put(document, name, lines))
        if drawing:
            write(PICTURE, drawing)
    if options.record:
        lines = measured.history_lines(results, options.against)
        measured.record(HISTORY, lines)
        say(f"{len(lines)} lines in {os.path.relpath(HISTORY)}")
    return True


def main(arguments=None):
    parser = runs.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="some programs, the allocators, nine short rounds: five minutes")
    parser.add_argument("--only", default="", metavar="PROGRAMS", help="these programs, comma-separated")
    parser.add_argument("--contenders", default="", metavar="NAMES", help="those whose name contains one of these, comma-separated")
    parser.add_argument("--series", default="", help=f"of {','.join(who.SERIES)}, comma-separated; all without it")
    parser.add_argument("--rounds", type=int, default=0, help=f"of each program; {ROUNDS} without it, {QUICK_ROUNDS} with --quick")
    parser.add_argument("--seed", default="1", help="of the orders of the rounds")
    parser.add_argument("--mimalloc-bench", metavar="PATH", help="a checkout of it; its programs are compiled in build/bench and run")
    parser.add_argument("--instructions", action="store_true", help="count instructions of shorter runs under valgrind, too")
    parser.add_argument("--no-times", action="store_true", help="with --instructions: only these")
    parser.add_argument("--huge", action="store_true", help="on compilers heaptrack (about 20 GB) and gperftools HEAPPROFILE, too")
    parser.add_argument("--csv", default=os.path.join(runs.ROOT, "build/bench/runs.csv"), help="where each run is appended as a line")
    parser.add_argument("--collect", action="store_true", help="measure nothing; show what the CSV file has of its last build")
    parser.add_argument("--of", metavar="LIBRARY", help="with --collect: of the build whose library the CSV file calls so")
    parser.add_argument("--against", default=who.BASE, metavar="NAME", help="ratios to this contender of the same round")
    parser.add_argument("--picture", metavar="FILE", help="draw the picture into this SVG file")
    parser.add_argument("--readme", action="store_true", help="put tables and picture into README.md and docs/")
    parser.add_argument("--record", action="store_true", help="put the medians into bench/history.csv")
    options = parser.parse_args(arguments)
    if unknown := set(words(options.series)) - set(who.SERIES):
        raise SystemExit(f"bench: no such series: {', '.join(sorted(unknown))}; there are {', '.join(who.SERIES)}")
    if os.path.exists(options.csv):
        measured.read(options.csv)  # ends where its columns are others
    is_whole = True
    if not options.collect:
        bench = Bench(options)
        try:
            bench.measure()
        except (Stopped, KeyboardInterrupt):
            say("stopped")
            is_whole = False
        is_whole = is_whole and bench.failures == 0
    return 0 if show(options, is_whole) and is_whole else 1


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    listen()
    sys.exit(main())
