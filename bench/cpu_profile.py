#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of CPU profiles, CPU time of a loop with a profile as a multiple of the same loop without, in turn with gperftools'
profiler (package libgoogle-perftools4) at the same rates, and with nothing at all.

Usage: bench/cpu_profile.py [--build build/release] [--turns 5] [--rounds 10]
"""

import os
import tempfile

from method import intervals
from method import runs

RATES = (100, 1000, 4000)


def ratios(program, profiler, clock, hz, rounds, library, folder):
    environment = runs.preload(library, f"sample_interval=0:cpu_clock={clock}", CPUPROFILE_FREQUENCY=str(hz))
    return runs.numbers([program, profiler, str(hz), str(rounds), os.path.join(folder, "profile")], environment)


def main():
    parser = runs.parser(__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    ours = runs.library(options.build)
    program = runs.program(options.build, "cpu_profile")
    rows = {"nothing": ("none", "auto", ours), "heapprof, as it chooses": ("heapprof", "auto", ours),
            "heapprof, timers": ("heapprof", "timer", ours), "heapprof, events": ("heapprof", "event", ours)}
    if gperftools := runs.find_library("libprofiler.so.0"):
        rows["gperftools"] = ("gperftools", "auto", gperftools)
    else:
        print("without gperftools: there is no libprofiler.so.0")
    measured = {(row, hz): [] for row in rows for hz in RATES}
    with tempfile.TemporaryDirectory() as folder:
        for order in intervals.orders(rows, options.turns, seed=1):
            for row in order:
                profiler, clock, library = rows[row]
                for hz in RATES:
                    measured[row, hz] += ratios(program, profiler, clock, hz, options.rounds, library, folder)
    print(f"{'':24}" + "".join(f"{f'{hz} Hz':>22}" for hz in RATES) +
          f"   median (95 % limits) of {options.turns * options.rounds}")
    for row in rows:
        print(f"{row:24}" + "".join(f"{intervals.median(measured[row, hz]).text('{:.3f}'):>22}" for hz in RATES))


if __name__ == "__main__":
    main()
