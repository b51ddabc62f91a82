#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times stack walks inside the C++ compiler: tests/system/real/walk_probe.cc preloaded into cc1plus.

Runs ours, libunwind's cached unw_backtrace and the bare reading of the clock in turn, and prints for each
interval the least and the median of the nanoseconds a stack, less what reading the clock takes at least.
"""

import re
import statistics
import subprocess
import tempfile

from method import intervals
from method import runs

MODES = ("none", "ours", "libunwind")


def one_run(probe, argv, mode, interval):
    """Stacks, frames a stack and nanoseconds a stack."""
    environment = runs.preload(probe, WALK_PROBE=mode, WALK_PROBE_INTERVAL=str(interval))
    said = subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=True).stderr
    numbers = re.search(r"walk_probe: stacks (\d+) frames ([\d.]+) ns ([\d.]+)", said)
    return [float(number) for number in numbers.groups()]


def main():
    parser = runs.parser(__doc__)
    parser.add_argument("probe", help="libwalk_probe.so")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        argv = runs.cc1plus(runs.preprocessed(runs.HEAVY_UNIT, folder))
        for interval in (1, 4096):
            nanos = {mode: [] for mode in MODES}
            for order in intervals.orders(MODES, given.rounds, seed=1):
                for mode in order:
                    stacks, frames, spent = one_run(given.probe, argv, mode, interval)
                    nanos[mode].append(spent)
                    if mode == "ours":
                        described = f"{stacks:.0f} stacks of {frames:.1f} frames"
            clock = min(nanos["none"])
            print(f"every {interval} bytes, {described}")
            for mode in MODES[1:]:
                print(f"  {mode:10} {min(nanos[mode]) - clock:6.0f} ns a stack, "
                      f"median {statistics.median(nanos[mode]) - clock:.0f}")


if __name__ == "__main__":
    main()
