#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of the profiles block and mutex where threads do nothing but fight for one lock: time and CPU time as multiples of
those without the library, in turn. How long a thread sleeps is the scheduler's choice and varies by itself: compare with
the row "off", in which the library has no part in any lock. ~ before a ratio: it cannot be told from 1.

Usage: bench/contention.py [--build build/release] [--turns 15] [--threads 2,8] [--holds 0.1,1,2,10] [--instructions]
"""

import statistics

from method import intervals
from method import runs

SECONDS = 0.2  # of work under the lock, a run
ROWS = {"without": None, "off": "0", "on, 100us": "100us", "on, 1us": "1us", "on, 1": "1"}


def environment(interval, library):
    if interval is None:
        return runs.environment()
    return runs.preload(library, f"sample_interval=0:contention_interval={interval}")


def main():
    parser = runs.parser(__doc__)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", default="2,8", help="comma-separated")
    parser.add_argument("--holds", default="0.1,1,2,10", help="microseconds, comma-separated")
    parser.add_argument("--instructions", action="store_true", help="count those of a pair of 100 steps under valgrind, too")
    options = parser.parse_args()
    library = runs.library(options.build)
    program = runs.program(options.build, "contention")
    step, = runs.numbers([program], runs.environment())
    print(f"{'':20}" + "".join(f"{row:>26}" for row in ROWS) + f"   median of {options.turns}: time, CPU time, sleeps")
    for threads in options.threads.split(","):
        for hold in options.holds.split(","):
            steps = max(1, round(float(hold) * 1000 / step))
            argv = [program, threads, str(steps), str(round(SECONDS * 1e6 / float(hold)))]
            measured = {row: [] for row in ROWS}  # seconds, CPU seconds, how often threads slept
            for order in intervals.orders(ROWS, options.turns, seed=1):
                for row in order:
                    measured[row].append(runs.numbers(argv, environment(ROWS[row], library)))
            base, cells = measured["without"], []
            for row, found in measured.items():
                sleeps = statistics.median(one[2] for one in found)
                if row == "without":
                    cells.append("{:.3f} s, {:.3f} s, {:.0f}".format(*(statistics.median(c) for c in zip(*base))))
                    continue
                time, processor = (intervals.median([one[i] / other[i] for one, other in zip(found, base)]).short() for i in (0, 1))
                cells.append(f"{time}, {processor}, {sleeps:.0f}")
            print(f"{f'{threads} threads, {hold} us':20}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    if options.instructions:  # of which valgrind runs one thread at a time
        for row, interval in ROWS.items():
            few, many = (runs.instructions([program, "8", "100", str(pairs)], environment(interval, library))
                         for pairs in (20_000, 120_000))
            print(f"instructions of a pair, {row}: {(many - few) / 100_000:.1f}")


if __name__ == "__main__":
    main()
