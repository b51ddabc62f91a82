#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of the profiles block and mutex where threads do nothing but fight for one lock: time and CPU time as multiples of
those without the library, in turn. How long a thread sleeps is the scheduler's choice and varies by itself: compare with
the row "off", in which the library has no part in any lock.

Usage: bench/contention.py [--build build/release] [--turns 15] [--threads 2,8] [--holds 0.1,1,2,10] [--instructions]
"""

import argparse
import os
import re
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 0.2  # of work under the lock, a run
ROWS = {"without": None, "off": "0", "on, 100us": "100us", "on, 1us": "1us", "on, 1": "1"}


def environment(interval, library):
    clean = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "HEAPPROF_OPTIONS")}
    if interval is None:
        return clean
    return dict(clean, LD_PRELOAD=library, HEAPPROF_OPTIONS=f"sample_interval=0:contention_interval={interval}")


def run(argv, interval, library):
    """Seconds, CPU seconds, how often threads slept."""
    done = subprocess.run(argv, env=environment(interval, library), stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def instructions(argv, interval, library):
    """Of which valgrind runs one thread at a time."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"] + argv
    done = subprocess.run(command, env=environment(interval, library), capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", default="2,8", help="comma-separated")
    parser.add_argument("--holds", default="0.1,1,2,10", help="microseconds, comma-separated")
    parser.add_argument("--instructions", action="store_true", help="count those of a pair of 100 steps under valgrind, too")
    options = parser.parse_args()
    library = os.path.join(options.build, "alloc/libheapprof.so.0")
    program = os.path.join(options.build, "bench/bench_contention")
    step = float(subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"{'':20}" + "".join(f"{row:>26}" for row in ROWS) + f"   median of {options.turns}: time, CPU time, sleeps")
    for threads in options.threads.split(","):
        for hold in options.holds.split(","):
            steps = max(1, round(float(hold) * 1000 / step))
            argv = [program, threads, str(steps), str(round(SECONDS * 1e6 / float(hold)))]
            measured = {row: [] for row in ROWS}
            for turn in range(options.turns):
                order = list(ROWS)[turn % len(ROWS):] + list(ROWS)[:turn % len(ROWS)]
                for row in order:
                    measured[row].append(run(argv, ROWS[row], library))
            medians = {row: [statistics.median(column) for column in zip(*runs)] for row, runs in measured.items()}
            base = medians["without"]
            cells = [f"{base[0]:.3f} s, {base[1]:.3f} s, {base[2]:.0f}"]
            cells += [f"{m[0] / base[0]:.2f}, {m[1] / base[1]:.2f}, {m[2]:.0f}" for row, m in medians.items() if row != "without"]
            print(f"{f'{threads} threads, {hold} us':20}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    if options.instructions:
        for row, interval in ROWS.items():
            few, many = (instructions([program, "8", "100", str(pairs)], interval, library) for pairs in (20_000, 120_000))
            print(f"instructions of a pair, {row}: {(many - few) / 100_000:.1f}")


if __name__ == "__main__":
    main()
