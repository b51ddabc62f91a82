#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ratios of heapprof and its peers to plain jemalloc, measured side by side.

Each measurement is a pair: the program under plain jemalloc and under the contender, one right after the other,
the order swapped from round to round. A cell is the median over rounds of the ratio of user+system time (as the
kernel accounts it to the process: wait4), and of the ratio of the peak resident set.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True  # no __pycache__ among the sources
import contenders as who

PROGRAMS = ["churn", "tree", "string_map", "threads", "bignum", "covers"]
EXACT_PERCENT = 10  # of the usual work, where every allocation is recorded


class Failed(Exception):
    pass


class Stopped(Exception):
    """Asked to end: the tables show what was measured until then."""


def stop(*_):
    raise Stopped


def run(command, environment, measure, timeout=600):
    """Runs to the end; returns (user+system seconds, peak RSS in KiB, standard output).

    `measure` is the path of bench_measure. The environment is set behind it, for the program alone.
    """
    clean = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "HEAPPROF_OPTIONS", "MALLOC_CONF")}
    result = os.path.join("build", "bench", "measured")
    done = subprocess.run(["timeout", str(timeout), measure, result, "/usr/bin/env"] +
                          [f"{k}={v}" for k, v in environment.items()] + list(command),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: status {done.returncode}")
    with open(result, encoding="ascii") as text:
        seconds, kib = text.read().split()
    return float(seconds), int(kib), done.stdout


def measure_pair(command, base, contender, rounds, measure):
    """Medians over rounds: {time, rss: ratios; seconds, kib: of the contender}."""
    results = []
    for index in range(rounds):
        pair = {}
        for one in [base, contender] if index % 2 == 0 else [contender, base]:
            pair[one.name] = run(one.command + tuple(command), one.environment, measure)
        (base_time, base_rss, base_output), (time, rss, output) = pair[base.name], pair[contender.name]
        if base_output != output and not contender.command:
            raise Failed(f"{command[0]} printed something else under {contender.name}")
        results.append((time / base_time, rss / base_rss, time, rss, base_time, base_rss))
    columns = [statistics.median(column) for column in zip(*results)]
    return dict(zip(["time", "rss", "seconds", "kib", "base_seconds", "base_kib"], columns),
                rounds=rounds, spread=[min(r[0] for r in results), max(r[0] for r in results)])


def preprocess(source, scratch):
    """The command that compiles the heavy translation unit, cc1plus alone."""
    unit = os.path.join(scratch, "heavy_unit.ii")
    subprocess.run(["g++", "-std=c++17", "-E", source, "-o", unit], check=True)
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True,
                              text=True).stdout.strip()
    return (compiler, "-quiet", "-O0", "-std=c++17", unit, "-o", "/dev/null")


def table(title, rows, columns, cell):
    width = max(len(row) for row in rows)
    print(f"\n{title}\n")
    print(f"| {'':{width}} | " + " | ".join(f"{column:>11}" for column in columns) + " |")
    print(f"|-{'-' * width}-|" + "|".join("-" * 12 + ":" for _ in columns) + "|")
    for row in rows:
        print(f"| {row:{width}} | " + " | ".join(f"{cell(row, column):>11}" for column in columns) + " |")
    sys.stdout.flush()


def instructions(command, environment):
    """Instructions executed in user space, as valgrind counts them."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"] + list(command),
                          env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def measure_all(commands, takers, base, options, figures):
    """Fills figures[contender, program], and keeps options.json up to date."""
    for program, command in commands.items():
        for taker in takers:
            if taker.huge and program == "cc1plus" and not options.huge:
                continue
            percent = min(EXACT_PERCENT, options.percent) if taker.exact else options.percent
            work = (str(percent),) if program != "cc1plus" else ()
            rounds = options.exact_rounds if taker.exact else options.rounds
            if program == "cc1plus" and taker.exact and not taker.name.startswith("heapprof"):
                rounds = 1  # minutes each, and the ratio is far from 1
            print(f"bench: {program}, {taker.name}: {rounds} pairs", file=sys.stderr, flush=True)
            try:
                figures[taker.name, program] = measure_pair(command + work, base, taker, rounds,
                                                               os.path.join(options.build, "bench", "bench_measure"))
            except Failed as failure:
                print(f"bench: {failure}", file=sys.stderr)
            if options.json:
                with open(options.json, "w", encoding="ascii") as out:
                    json.dump({f"{t} / {p}": f for (t, p), f in figures.items()}, out, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="build folder")
    parser.add_argument("--library", required=True, help="libheapprof.so.0")
    parser.add_argument("--rounds", type=int, default=11, help="pairs per cell of the sampling contenders")
    parser.add_argument("--exact-rounds", type=int, default=3, help="pairs per cell of the exact ones")
    parser.add_argument("--percent", type=int, default=100, help="of the usual work, of the sampling contenders")
    parser.add_argument("--programs", default=",".join(PROGRAMS + ["cc1plus"]), help="comma-separated")
    parser.add_argument("--only", default="", help="contenders whose name contains one of these, comma-separated")
    parser.add_argument("--huge", action="store_true", help="heaptrack on cc1plus too (needs about 20 GB)")
    parser.add_argument("--instructions", action="store_true", help="count instructions under valgrind too")
    parser.add_argument("--json", default="", help="write all figures to this file")
    options = parser.parse_args()

    scratch = os.path.abspath(os.path.join("build", "bench"))
    os.makedirs(scratch, exist_ok=True)
    base = who.baseline()
    takers = [c for c in who.contenders(os.path.abspath(options.library), scratch)
              if any(part in c.name for part in options.only.split(","))]
    programs = options.programs.split(",")
    commands = {p: (os.path.join(options.build, "bench", f"bench_{p}"),) for p in programs if p != "cc1plus"}
    if "cc1plus" in programs:
        commands["cc1plus"] = preprocess("bench/programs/heavy_unit.cc", scratch)

    figures = {}
    try:
        measure_all(commands, takers, base, options, figures)
    except (Stopped, KeyboardInterrupt):
        print("bench: stopped", file=sys.stderr)
    rows = [t.name for t in takers]

    def cell(key, form):
        return lambda row, column: form.format(figures[row, column][key]) if (row, column) in figures else "-"

    table("User+system time, ratio to plain jemalloc (median of pairs)", rows, list(commands),
          cell("time", "{:.3f}"))
    table("Peak resident set, ratio to plain jemalloc", rows, list(commands), cell("rss", "{:.2f}"))
    for figure in figures.values():
        figure["mib_more"] = (figure["kib"] - figure["base_kib"]) / 1024
    table("Peak resident set, MiB more than plain jemalloc", rows, list(commands), cell("mib_more", "{:+.1f}"))
    if options.instructions and shutil.which("valgrind"):
        sampling = [t for t in takers if not t.exact]
        counts = {}
        for program, command in commands.items():
            if program == "cc1plus":
                continue
            plain = instructions(command + ("5",), base.environment)
            for taker in sampling:
                counts[taker.name, program] = instructions(command + ("5",), taker.environment) / plain
        table("Instructions in user space, ratio to plain jemalloc (5 % of the work)", [t.name for t in sampling],
              [p for p in commands if p != "cc1plus"], lambda r, c: f"{counts[r, c]:.3f}")
    return 0 if figures else 1


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main())
