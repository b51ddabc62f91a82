#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what profiles.sh printed in the emulated system: received.py LOG COMMAND PPROF.

COMMAND is this machine's heapprof. Each profile must be there, whole, and have the names of its program's functions, by both
tools; of a CPU profile the shares must be about those that the program has. One line a check; status 1 if any fails.
"""
import base64
import os
import re
import subprocess
import sys
import tempfile

LOG, COMMAND, PPROF = sys.argv[1:4]
FAILED = []
# The part of a profile's name, a sample type, and functions that must be in it.
WANTED = [
    ("shares.wall", "wall", ["SleepFor", "ReadPipe", "BurnTime"]),
    ("shares.cpu", "cpu", ["Light", "Heavy", "Ten", "Forty"]),
    (".heap", "alloc_space", ["main", "_start"]),
]


def check(name, good, what=""):
    print(f"{'ok  ' if good else 'FAIL'} {name}{'' if good else ': ' + str(what)[:2000]}", flush=True)
    if not good:
        FAILED.append(name)


def output(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def received():
    """What the log has: name -> bytes."""
    with open(LOG, encoding="utf-8", errors="replace") as log:
        found = re.findall(r"^profile (\S+)\n([A-Za-z0-9+/=\n]+?)^profile ends$", log.read(), re.MULTILINE)
    return {name: base64.b64decode(text) for name, text in found}


def share(text, function):
    """The percentage of `function` and of what it called, in pprof's list."""
    found = re.search(rf"([0-9.]+)%  [^%]*\b{function}$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def main():
    profiles = received()
    for part, kind, functions in WANTED:
        names = [name for name in profiles if part in name]
        check(f"{part}: it came", names, list(profiles))
        if not names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "p.pb.gz")
            with open(path, "wb") as file:
                file.write(profiles[names[0]])
            info = output(COMMAND, "info", path)
            check(f"{part}: no stack is truncated, no sample lost",
                  re.search(r"truncated-stacks: 0$", info, re.MULTILINE) and re.search(r"lost-samples: 0$", info, re.MULTILINE), info)
            ours = output(COMMAND, "top", "--no-debuginfod", "--unfold", "--limit", "0", "--type", kind, path)
            pprof = output(PPROF, "-symbolize=local", f"-sample_index={kind}", "-nodecount=1000", "-nodefraction=0", "-top", path)
            for function in functions:
                check(f"{part}: {function} is named", re.search(rf"\b{function}$", ours, re.MULTILINE), ours)
                check(f"{part}: {function} is named by pprof", re.search(rf"\b{function}$", pprof, re.MULTILINE), pprof)
            if part == "shares.cpu":
                heavy, light = share(pprof, "Heavy"), share(pprof, "Light")
                check(f"{part}: three quarters are Heavy's, the rest Light's", 65 < heavy < 80 and 18 < light < 30, pprof)
    print(f"{len(FAILED)} checks failed", flush=True)
    return 1 if FAILED else 0


sys.exit(main())
