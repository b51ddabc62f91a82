# SPDX-License-Identifier: Apache-2.0
"""Runs programs for the benches: with which environment, and what each used. Every bench runs its programs by this."""

import argparse
import contextlib
import glob
import os
import re
import signal
import subprocess
import tempfile
import time
import typing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAVY_UNIT = os.path.join(ROOT, "bench/programs/heavy_unit.cc")
# What would reach a program from outside of the bench.
FOREIGN = re.compile(r"LD_(PRELOAD|AUDIT)|GLIBC_TUNABLES|(HEAPPROF|HEAP_?PROFILE|CPUPROFILE|MALLOC|MIMALLOC|TCMALLOC)(_.*|)")


# Where programs write: no disk takes part.
FILES = next((folder for folder in ("/dev/shm", tempfile.gettempdir()) if os.access(folder, os.W_OK)), None)


class Failed(Exception):
    """A program did not do what it should, and what was measured is not worth anything."""


class Run(typing.NamedTuple):
    """What one run used; `average` and `last` are KiB resident over the run and at its end."""
    seconds: float
    processor: float
    peak: int
    average: int
    last: int
    output: bytes


def parser(text):
    """A bench's own description, and the option that all have."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--build", default=os.path.join(ROOT, "build/release"), help="build folder")
    return made


def library(build):
    return os.path.realpath(os.path.join(build, "alloc/libheapprof.so.0"), strict=True)


def program(build, name):
    return os.path.join(os.path.abspath(build), "bench", f"bench_{name}")


def find_library(name):
    """The path of an installed library; None where there is none."""
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        for path in sorted(glob.glob(os.path.join(folder, name))):
            return path
    return None


def jemalloc():
    found = find_library("libjemalloc.so.2")
    if found is None:
        raise SystemExit("bench: libjemalloc.so.2 is not installed")
    return found


def environment(**more):
    """That of the bench, without what changes allocators; `more` is set."""
    return {**{k: v for k, v in os.environ.items() if not FOREIGN.fullmatch(k)}, **more}


def preload(path, options=None, **more):
    """The environment of a program under a library; `options` are heapprof's."""
    return environment(LD_PRELOAD=path, **({} if options is None else {"HEAPPROF_OPTIONS": options}), **more)


def numbers(command, env):
    """The words that a program prints, as numbers."""
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@contextlib.contextmanager
def under_measure(build, command, set_there, folder, timeout, **more):
    """The process that measures another, whose environment is set behind what measures. It is gone at the end, with its own."""
    words = ["timeout", str(timeout), program(build, "measure"), os.path.join(folder, "result"), "/usr/bin/env",
             *(f"{k}={v}" for k, v in set_there.items()), *command]
    # In a session of its own, and so in a group that can be ended as a whole.
    process = subprocess.Popen(words, env=environment(), cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True, **more)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()


def read_result(folder, output):
    with open(os.path.join(folder, "result"), encoding="ascii") as text:
        seconds, processor, *kib = text.read().split()
    return Run(float(seconds), float(processor), *map(int, kib), output)


def measured(build, command, set_there, stdin=None, timeout=900):
    """Runs a program to its end. `set_there` is what its environment has beside the bench's own."""
    with tempfile.TemporaryDirectory(dir=FILES) as folder, open(stdin or os.devnull, "rb") as given, \
            under_measure(build, command, set_there, folder, timeout, stdin=given, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate()
        if process.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {process.returncode}")
        return read_result(folder, output)


def served(build, command, set_there, clients, ready, timeout=300):
    """As measured(), of a server: `clients` are run, one behind the other, as soon as the file `ready` exists; the last one
    ends the server. The output is that of the clients."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(ready)  # of a server that was killed
    with tempfile.TemporaryDirectory(dir=FILES) as folder, \
            under_measure(build, command, set_there, folder, timeout, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        while not os.path.exists(ready):
            if server.poll() is not None:
                raise Failed(f"{' '.join(command)}: status {server.returncode}")
            time.sleep(0.01)
        try:
            output = b"".join(subprocess.run(client, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                             check=True).stdout for client in clients)
            if server.wait(timeout) != 0:
                raise Failed(f"{' '.join(command)}: status {server.returncode}")
        except subprocess.SubprocessError as error:
            raise Failed(str(error)) from error
        return read_result(folder, output)


def instructions(command, env, stdin=None):
    """Instructions executed in user space, as valgrind counts them. It runs one thread at a time."""
    with tempfile.TemporaryDirectory() as folder, open(stdin or os.devnull, "rb") as given:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], env=env, stdin=given,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", cwd=folder, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Failed(f"valgrind {' '.join(command)}: status {done.returncode}")
    return int(found.group(1))


def preprocessed(source, scratch, compiler="g++"):
    """The path of a translation unit in which everything is included."""
    unit = os.path.join(scratch, os.path.splitext(os.path.basename(source))[0] + f".{os.path.basename(compiler)}.ii")
    subprocess.run([compiler, "-std=c++17", "-I", ROOT, "-E", source, "-o", unit], check=True)
    return unit


def cc1plus(unit, level="-O0"):
    """The command that compiles a unit: the compiler alone, without its driver."""
    found = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True, text=True).stdout.strip()
    return found, "-quiet", level, "-std=c++17", unit, "-o", "/dev/null"
