# SPDX-License-Identifier: Apache-2.0
"""What the comparison runs: programs of bench/programs, those of a checkout of mimalloc-bench, and real ones."""

import dataclasses
import glob
import math
import os
import re
import shutil
import subprocess
import typing

from method import runs

# What the means are taken over. In the first one threads share an allocator, and time is that of the clock on the wall; in the
# second it is user+system time. A program that tells its own score is taken by that: time for an operation.
SETS = {"threads": "multi-threaded", "single": "single-threaded and real programs"}
PEERS_ONLY, PROFILED = ("512k",), ("512k", "4k", "exact")
WORK = {"512k": 200, "4k": 100, "exact": 20}  # percent of half a second or so, for programs that can be told
QUICK_WORK = 0.4  # of that
CFRAC = ("17545186520507317056371138836327483792789528", "175451865205073170563711388363")  # seconds, and a tenth of one
VALGRIND_WORK = 5  # percent


@dataclasses.dataclass(frozen=True, eq=False)
class Workload:
    """One program. `command` makes what to run from percent of work, of which 100 take about half a second."""
    name: str
    set: str
    command: typing.Callable
    series: tuple = PEERS_ONLY
    score: typing.Optional[typing.Callable] = None  # seconds an operation, of what the program prints
    environment: dict = dataclasses.field(default_factory=dict)
    stdin: typing.Optional[str] = None
    same_output: bool = False  # prints the same in every run
    counted: typing.Optional[typing.Callable] = None  # as `command`, of little work, under valgrind
    compiler: bool = False
    quick: bool = False
    slow: bool = False  # sleeps most of the time: a third of the rounds
    server: typing.Optional[tuple] = None  # clients and the socket's path, of runs.served

    def time(self, run):
        if self.score is not None:
            return self.score(run.output.decode(errors="replace"))
        return run.seconds if self.set == "threads" else run.processor

    def measure(self, build, contender, percent):
        command = contender.command + tuple(self.command(percent))
        there = {**self.environment, **contender.environment}
        if self.server is not None:
            clients, socket = self.server
            return runs.served(build, command, there, clients, socket)
        return runs.measured(build, command, there, self.stdin)


def score(pattern, seconds):
    """A function of a program's output: the geometric mean of the seconds an operation that `seconds` makes of each match."""
    def read(output):
        found = [seconds(float(text)) for text in re.findall(pattern, output)]
        if not found:
            raise runs.Failed(f"no score ({pattern}) in: {output[-200:]!r}")
        return math.exp(sum(map(math.log, found)) / len(found))
    return read


SCORES = {
    "larson": score(r"Throughput = +(\d+) operations per second", lambda rate: 1 / rate),
    "xmalloc-test": score(r"free/sec: ([\d.]+) M", lambda rate: 1e-6 / rate),
    "rptest": score(r"\.(\d+) memory ops/CPU second", lambda rate: 1 / rate),
    "glibc-thread": score(r"(\d+) iterations", lambda count: 1 / count),  # of two seconds: only ratios count
    "db_bench": score(r"([\d.]+) micros/op", lambda micros: 1e-6 * micros),
    "redis": score(r'(?m)^"[^"]+","([\d.]+)"', lambda rate: 1 / rate),
}


def own(build):
    """bench/programs: they take their work in percent, and do the same each time."""
    made = []
    for name in ("churn", "tree", "string_map", "threads", "bignum", "covers"):
        path = runs.program(build, name)

        def command(percent, path=path):
            return path, str(percent)

        made.append(Workload(name, "threads" if name == "threads" else "single", command, PROFILED, same_output=True,
                             counted=command, quick=name in ("string_map", "threads", "bignum")))
    return made


def compile_all(folder, into):
    """Compiles programs of a checkout of mimalloc-bench, which the user has; returns {name: path}."""
    sources = {
        "cfrac": ("-std=gnu89 -DNOMEMOPT=1", "cfrac/*.c", "-lm"), "espresso": ("-std=gnu89", "espresso/*.c", "-lm"),
        "glibc-simple": ("", "glibc-bench/bench-malloc-simple.c", "-lpthread"),
        "glibc-thread": ("", "glibc-bench/bench-malloc-thread.c", "-lpthread"),
        "alloc-test": ("-DBENCH=4", "alloc-test/*.cpp", "-lpthread"),
        "larson": ("-DCPP=1", "larson/larson.cpp", "-lpthread"), "mstress": ("", "mstress/mstress.c", "-lpthread"),
        "xmalloc-test": ("", "xmalloc-test/xmalloc-test.c", "-lpthread"), "rptest": ("", "rptest/*.c", "-lpthread -lm"),
    }
    os.makedirs(into, exist_ok=True)
    made = {}
    for name, (flags, pattern, libraries) in sources.items():
        files = [path for path in sorted(glob.glob(os.path.join(folder, "bench", pattern))) if not path.endswith("pfactor.c")]
        if not files:
            raise SystemExit(f"bench: no {pattern} under {folder}/bench")
        made[name] = os.path.join(into, name)
        if os.path.exists(made[name]) and os.path.getmtime(made[name]) > max(map(os.path.getmtime, files)):
            continue
        compiler = "g++" if files[0].endswith(".cpp") else "gcc"
        done = subprocess.run([compiler, "-w", "-O2", "-g", "-I", os.path.dirname(files[0]), *flags.split(), "-o", made[name], *files,
                               *libraries.split()], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: {name} of {folder} cannot be compiled:\n{done.stderr}")
    return made


def of_checkout(folder, scratch):
    path = compile_all(folder, os.path.join(scratch, "mimalloc-bench"))
    largest = os.path.join(os.path.abspath(folder), "bench/espresso/largest.espresso")

    def fixed(name, *words):
        return lambda _: (path[name], *map(str, words))

    def scaled(name, *words):
        """The word that is a number of the usual work, as a float, becomes its share."""
        return lambda percent: (path[name], *(str(max(1, round(w * percent / 100))) if isinstance(w, float) else str(w) for w in words))

    return [
        Workload("mstress", "threads", scaled("mstress", 2, 50, 200.0), quick=True, counted=fixed("mstress", 2, 50, 10)),
        Workload("larson", "threads", scaled("larson", 1.0, 8, 1000, 5000, 100, 4141, 2), score=SCORES["larson"]),
        Workload("xmalloc-test", "threads", scaled("xmalloc-test", "-w", 2, "-t", 1.0, "-s", 64), score=SCORES["xmalloc-test"], quick=True),
        Workload("glibc-thread", "threads", fixed("glibc-thread", 2), score=SCORES["glibc-thread"]),
        Workload("rptest", "threads", fixed("rptest", 2, 0, 1, 2, 1000, 1000, 100, 8, 16000), score=SCORES["rptest"], slow=True),
        Workload("cfrac", "single", lambda percent: (path["cfrac"], CFRAC[percent < 40]), PROFILED, same_output=True,
                 counted=fixed("cfrac", CFRAC[True])),
        Workload("espresso", "single", fixed("espresso", largest), same_output=True),
        Workload("glibc-simple", "single", fixed("glibc-simple")),
        Workload("alloc-test", "single", fixed("alloc-test", 1)),
    ]


def compilers(scratch):
    """Compilers at work on a unit of templates, without drivers and without linking; on a small one where instructions are counted."""
    light_unit = os.path.join(runs.ROOT, "bench/programs/churn.cc")
    lines = {"cc1plus": [runs.cc1plus(runs.preprocessed(source, scratch)) for source in (runs.HEAVY_UNIT, light_unit)]}
    if path := shutil.which("clang++-14"):
        lines["clang"] = [(path, "-std=c++17", "-w", "-O0", "-S", "-o", "/dev/null", runs.preprocessed(source, scratch, path))
                          for source in (runs.HEAVY_UNIT, light_unit)]
    return [Workload(name, "single", lambda _, line=heavy: line, PROFILED, compiler=True, quick=name == "cc1plus",
                     counted=lambda _, line=light: line) for name, (heavy, light) in lines.items()]


def real(scratch):
    """Programs that Debian has; and a line for each that is not installed."""
    made, missing = compilers(scratch), []
    if len(made) < 2:
        missing.append("clang: package clang-14 is not installed")

    def installed(name, package):
        path = shutil.which(name)
        if path is None:
            missing.append(f"{name}: package {package} is not installed")
        return path

    loops = os.path.join(runs.ROOT, "bench/programs/json_loop")
    # Python's own allocator stands aside, or malloc would see little of it.
    made.append(Workload("python3", "single", lambda percent: ("/usr/bin/python3", f"{loops}.py", str(max(1, percent * 10 // 100))),
                         environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}, same_output=True, quick=True,
                         counted=lambda _: ("/usr/bin/python3", f"{loops}.py", "1")))
    if node := installed("node", "nodejs"):
        made.append(Workload("node", "single", lambda percent: (node, f"{loops}.js", str(max(1, percent * 6 // 100))), same_output=True))
    if (server := installed("redis-server", "redis-server")) and (load := installed("redis-benchmark", "redis-tools")):
        socket = os.path.join(scratch, "redis.sock")
        words = (server, "--port", "0", "--unixsocket", socket, "--save", "")
        clients = ((load, "-s", socket, "--csv", "-n", "100000", "-r", "50000", "-d", "100", "-P", "4", "-t", "set,lpush,hset,zadd"),
                   ("redis-cli", "-s", socket, "shutdown", "nosave"))
        made.append(Workload("redis", "single", lambda _: words, score=SCORES["redis"], server=(clients, socket)))
    if db_bench := installed("db_bench", "rocksdb-tools"):
        made.append(Workload("db_bench", "threads", lambda percent: (
            db_bench, "--benchmarks=fillrandom,readrandom", f"--num={1500 * percent}", "--threads=2", "--db=db", "--disable_wal=1",
            "--compression_type=none", "--seed=1"), score=SCORES["db_bench"], quick=True))
    return made, missing


def workloads(build, scratch, checkout):
    """All that there are here, and a line for each that there is not."""
    found, missing = real(scratch)
    found = own(build) + (of_checkout(checkout, scratch) if checkout else []) + found
    if not checkout:
        missing.append("mimalloc-bench: no checkout is named (--mimalloc-bench PATH)")
    return found, missing
