#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of another architecture under the library, by qemu-user: walk.py SYSROOT LIBRARY COMMAND PPROF [--short].

COMMAND is this machine's heapprof. Each program runs without the library and with it at two intervals: output and status must be
the same, and the profile must be whole, with names, by PPROF too. One line a check; status 1 if any
fails. --short: python3 at one interval.
"""
import glob
import os
import subprocess
import sys
import tempfile
import time

SYSROOT, LIBRARY, COMMAND, PPROF = (os.path.abspath(word) for word in sys.argv[1:5])
SHORT = "--short" in sys.argv[5:]
FAILED = []

PYTHON = """
import hashlib, json, threading
def work(n):
    table = {str(i): [j for j in range(n)] for i in range(100)}
    return hashlib.sha256(json.dumps(table).encode()).hexdigest()
results = [None] * 4
def run(i): results[i] = work(50 + i)
threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results, work(100))
"""


def check(name, good, what=""):
    print(f"{'ok  ' if good else 'FAIL'} {name}{'' if good else ': ' + str(what)[:2000]}", flush=True)
    if not good:
        FAILED.append(name)


def emulated(program, *words, options=None):
    preload = [] if options is None else ["-E", f"LD_PRELOAD={LIBRARY}", "-E", f"HEAPPROF_OPTIONS={options}"]
    return ["qemu-aarch64", "-L", SYSROOT, *preload, f"{SYSROOT}/usr/bin/{program}", *words]


def environment(folder):
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": folder, "PYTHONHOME": f"{SYSROOT}/usr",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"}


def run(argv, folder):
    done = subprocess.run(argv, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
                          check=False)
    return done.returncode, done.stdout


def heapprof(*words):
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def check_profiles(name, pattern, least, functions):
    files = sorted(glob.glob(pattern))
    check(f"{name}: {least} profiles or more", len(files) >= least, files)
    torn = [(f, line) for f in files for line in heapprof("info", f).splitlines()
            if line.strip().startswith(("truncated-stacks:", "lost-samples:")) and not line.endswith(": 0")]
    check(f"{name}: no stack is truncated, no sample lost", not torn, torn[:3])
    for function in functions:
        shown = any(function in heapprof("top", "--no-debuginfod", "--unfold", "--type", "alloc_space", "--limit", "0",
                                         f).partition("\n")[2] for f in files)
        check(f"{name}: {function} is named", shown, heapprof("top", "--unfold", files[0]) if files else "")
        if function.startswith("["):  # as heapprof alone calls functions that no symbol names
            continue
        words = [PPROF, "-symbolize=local", "-sample_index=alloc_space", "-nodecount=100000", "-nodefraction=0", "-top"]
        printed = [subprocess.run([*words, f], capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL).stdout
                   for f in files]
        check(f"{name}: {function} is named by pprof", any(function in text for text in printed), printed)


def check_their_command(name, pattern):
    """The command that was built for the other architecture prints what this machine's prints. It is started by its
    loader: by -L the emulator would show it the sysroot's files under the names that they have there."""
    words = ["top", "--no-debuginfod", "--limit", "20", glob.glob(pattern)[0]]
    theirs = f"{os.path.dirname(LIBRARY)}/../tools/heapprof"
    libraries = f"{SYSROOT}/usr/lib/aarch64-linux-gnu"
    done = subprocess.run(["qemu-aarch64", f"{libraries}/ld-linux-aarch64.so.1", "--library-path", libraries, theirs, *words],
                          capture_output=True, text=True, timeout=120, check=False)
    check(f"{name}: the command prints the same", done.returncode == 0 and done.stdout + done.stderr == heapprof(*words), done)


def same(name, steps, functions):
    """What the steps print and return, without the library and with it at each interval."""
    results = []
    for interval in (None, "1") if SHORT else (None, "512k", "1"):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(f"{folder}/work")
            options = None if interval is None else f"sample_interval={interval}:dump_at_exit=1:output={folder}/p.%p.%n"
            results.append([run(emulated(*step, options=options), f"{folder}/work") for step in steps])
            if interval == "1":
                check_profiles(f"{name} at 1", f"{folder}/p.*.heap.pb.gz", len(steps), functions)
                if not SHORT:
                    check_their_command(f"{name} at 1", f"{folder}/p.*.heap.pb.gz")
            if interval is not None:
                check(f"{name} at {interval}: the same output and status", results[-1] == results[0], results)
    check(f"{name}: status 0", all(status == 0 for status, _ in results[0]), results[0])


def walk_redis(interval):
    name = f"redis-server at {interval}"
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/socket"
        options = f"sample_interval={interval}:dump_at_exit=1:output={folder}/p.%p.%n"
        argv = emulated("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, "--ignore-warnings",
                        "ARM64-COW-BUG", options=options)
        with open(f"{folder}/log", "w+b") as log, subprocess.Popen(argv, env=environment(folder), stdin=subprocess.DEVNULL,
                                                                   stdout=log, stderr=log) as server:
            def client(*words):
                return run(emulated("redis-cli", "-s", socket, *words), folder)[1]
            try:
                end = time.monotonic() + 120
                while client("ping") != b"PONG\n" and time.monotonic() < end and server.poll() is None:
                    time.sleep(0.1)
                client("eval", "for i = 1, 2000 do redis.call('set', 'k' .. i, string.rep('v', 40)) end", "0")
                check(f"{name}: what was set is there", client("get", "k77") == b"v" * 40 + b"\n", client("get", "k77"))
                client("shutdown", "nosave")
                check(f"{name}: status 0", server.wait(120) == 0, server.returncode)
            finally:
                if server.poll() is None:
                    server.kill()
                    log.seek(0)
                    print(log.read().decode(errors="replace"))
        check_profiles(name, f"{folder}/p.*.heap.pb.gz", 1, ["sdsnewlen"] if interval == "1" else [])


def main():
    same("python3", [("python3.11", "-c", PYTHON)], ["PyEval_EvalCode", "PyThread_start_"])
    if not SHORT:
        quiet = ["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "user.name=n", "-c", "user.email=e"]
        same("git", [("git", "init", "-q", "."), ("git", *quiet, "commit", "-q", "--allow-empty", "-m", "one"),
                     ("git", "--no-pager", "log", "--stat")], ["_IO_file_doallocate", "[git+0x"])
        for interval in ("512k", "1"):
            walk_redis(interval)
    print(f"{len(FAILED)} checks failed", flush=True)
    return 1 if FAILED else 0


sys.exit(main())
