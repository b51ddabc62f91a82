#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of leak checks, user and system time, runs in turn: recording everything against plain jemalloc, with and without
the check at exit, and the check alone over many blocks.

Usage: bench/leak_check.py [--build build/release] [--pairs 3] [--blocks 10000000]
"""

import os
import tempfile

from method import intervals
from method import runs


def main():
    parser = runs.parser(__doc__)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--blocks", type=int, default=10000000)
    options = parser.parse_args()
    library = runs.library(options.build)
    with tempfile.TemporaryDirectory() as folder:
        check = f"leak_check=unreachable:exitcode=0:log_path={folder}/log:output={folder}/leaks"
        rows = {"plain": {"LD_PRELOAD": runs.jemalloc()}, **{
            name: {"LD_PRELOAD": library, "HEAPPROF_OPTIONS": words}
            for name, words in (("recorded", "sample_interval=1:metadata_limit=64g"), ("checked", check))}}

        def seconds(argv, names):
            """User and system time of each, in turn."""
            found = {name: [] for name in names}
            for order in intervals.orders(names, options.pairs, seed=1):
                for name in order:
                    found[name].append(runs.measured(options.build, argv, rows[name]).processor)
            return found

        programs = {
            "cc1plus": runs.cc1plus(runs.preprocessed(runs.HEAVY_UNIT, folder), "-O2"),
            "bignum": [runs.program(options.build, "bignum"), "100"],
        }
        print(f"{'':10}{'recorded':>20}{'checked':>20}   times plain jemalloc, median of {options.pairs}")
        for name, argv in programs.items():
            found = seconds(argv, rows)
            cells = [intervals.median([a / b for a, b in zip(found[row], found["plain"])]).text() for row in ("recorded", "checked")]
            print(f"{name:10}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
        found = seconds([runs.program(options.build, "linked"), str(options.blocks)], ("recorded", "checked"))
        cost = intervals.median([a - b for a, b in zip(found["checked"], found["recorded"])])
        print(f"the check alone over {options.blocks} blocks of 100 bytes: {cost.middle:.1f} s")


if __name__ == "__main__":
    main()
