#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cost of leak checks, user and system time, runs in turn: recording everything against plain jemalloc, with and without
the check at exit, and the check alone over many blocks.

Usage: bench/leak_check.py [--build build/release] [--pairs 3] [--blocks 10000000]
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"


def seconds(argv, library, options):
    """User and system time of a process and those it waited for."""
    environment = dict(os.environ, LD_PRELOAD=library, HEAPPROF_OPTIONS=options)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=10000000)
    options = parser.parse_args()
    library = os.path.join(options.build, "alloc/libheapprof.so.0")
    bench = os.path.join(options.build, "bench")
    with tempfile.TemporaryDirectory() as folder:
        exact = "sample_interval=1:metadata_limit=64g"
        check = f"leak_check=unreachable:exitcode=0:log_path={folder}/log:output={folder}/leaks"
        unit = os.path.join(folder, "unit.ii")
        subprocess.run(["g++", "-E", "-O2", os.path.join(ROOT, "bench/programs/heavy_unit.cc"), "-o", unit], check=True)
        compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True, text=True)
        programs = {
            "cc1plus": [compiler.stdout.strip(), "-quiet", "-O2", unit, "-o", "/dev/null"],
            "bignum": [os.path.join(bench, "bench_bignum"), "100"],
        }
        print(f"{'':10}{'recorded':>12}{'checked':>12}   times plain jemalloc, median of {options.pairs}")
        for name, argv in programs.items():
            recorded, checked = [], []
            for _ in range(options.pairs):
                plain = seconds(argv, JEMALLOC, "")
                recorded.append(seconds(argv, library, exact) / plain)
                checked.append(seconds(argv, library, check) / plain)
            print(f"{name:10}{statistics.median(recorded):12.2f}{statistics.median(checked):12.2f}", flush=True)
        argv = [os.path.join(bench, "bench_linked"), str(options.blocks)]
        cost = [seconds(argv, library, check) - seconds(argv, library, exact) for _ in range(options.pairs)]
        print(f"the check alone over {options.blocks} blocks of 100 bytes: {statistics.median(cost):.1f} s")


if __name__ == "__main__":
    main()
