#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of CPU profiles, CPU time of a loop with a profile as a multiple of the same loop without, in turn with gperftools'
profiler (package libgoogle-perftools4) at the same rates, and with nothing at all.

Usage: bench/cpu_profile.py [--build build/release] [--turns 5] [--rounds 10]
"""

import argparse
import os
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GPERFTOOLS = "/usr/lib/x86_64-linux-gnu/libprofiler.so.0"


def ratios(program, profiler, clock, hz, rounds, library, folder):
    environment = dict(os.environ, LD_PRELOAD=library, CPUPROFILE_FREQUENCY=str(hz),
                       HEAPPROF_OPTIONS=f"sample_interval=0:cpu_clock={clock}")
    argv = [program, profiler, str(hz), str(rounds), os.path.join(folder, "profile")]
    run = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [float(line) for line in run.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    ours = os.path.join(options.build, "alloc/libheapprof.so.0")
    program = os.path.join(options.build, "bench/bench_cpu_profile")
    rows = [("nothing", "none", "auto", ours), ("heapprof, as it chooses", "heapprof", "auto", ours),
            ("heapprof, timers", "heapprof", "timer", ours), ("heapprof, events", "heapprof", "event", ours)]
    if os.path.exists(GPERFTOOLS):
        rows.append(("gperftools", "gperftools", "auto", GPERFTOOLS))
    else:
        print(f"without gperftools: there is no {GPERFTOOLS}")
    rates = (100, 1000, 4000)
    measured = {(row[0], hz): [] for row in rows for hz in rates}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.turns):
            for name, profiler, clock, library in rows:
                for hz in rates:
                    measured[name, hz] += ratios(program, profiler, clock, hz, options.rounds, library, folder)
    print(f"{'':24}" + "".join(f"{f'{hz} Hz':>22}" for hz in rates) +
          f"   median (quartiles) of {options.turns * options.rounds}")
    for row in rows:
        cells = []
        for hz in rates:
            low, middle, high = statistics.quantiles(measured[row[0], hz], n=4)
            cells.append(f"{f'{middle:.3f} ({low:.3f}, {high:.3f})':>22}")
        print(f"{row[0]:24}" + "".join(cells))


if __name__ == "__main__":
    main()
