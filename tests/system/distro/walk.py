#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of a distribution under the library: walk.py LIBRARY COMMAND... (run by scripts/distro, in its chroot).

COMMAND is the heapprof command, in as many words as it takes. Each program runs without the library and with it; output
and status must be the same, and each profile must be whole, with names. One line a check; status 1 if any fails.
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LIBRARY, COMMAND = sys.argv[1], sys.argv[2:]
INTERVALS = ("512k", "1")
FAILED = []

PYTHON = """
import ctypes, hashlib, json, sqlite3, sys, threading
def work(n):
    table = {str(i): [j for j in range(n)] for i in range(300)}
    base = sqlite3.connect(":memory:")
    base.execute("create table t (a text)")
    base.executemany("insert into t values (?)", ((key,) for key in table))
    return hashlib.sha256(json.dumps(table).encode()).hexdigest(), base.execute("select count(*) from t").fetchone()
results = [None] * 4
def run(i): results[i] = work(50 + i)
threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results, work(200))
"""

GIT = """
set -e
export HOME=$PWD GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q .; git config user.name n; git config user.email e
for i in 1 2 3 4 5; do seq $((i * 1000)) > file$i; git add .; git commit -qm "number $i"; done
git log --stat; git diff HEAD~3 | md5sum; git gc -q; git fsck --full; git rev-parse HEAD; git blame file1 | tail -n 1
"""

CXX = """
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> table;
  for (int i = 0; i < 1000; ++i) table[std::to_string(i % 17)].push_back(i);
  for (auto& [name, numbers] : table) std::sort(numbers.rbegin(), numbers.rend());
  std::cout << std::regex_replace(std::string("a1b22"), std::regex("[0-9]+"), "#") << table.size() << std::endl;
}
"""

# Needs libc alone until the plug-in brings libpthread, where that is a library of its own.
HOST = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) static void* lose(void) { return malloc(1000); }
int main(int argc, char** argv) {
  if (lose() == NULL) return 9;
  if (argc < 2) return 0;
  for (int i = 0; i < 100; ++i) {
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) return 3;
    int (*work)(void) = (int (*)(void))dlsym(plugin, "work_in_threads");
    if (work == NULL || work() != 4) return 4;
    if (i < 99) dlclose(plugin);
  }
  puts("done");
  return 0;
}
"""
PLUGIN = """
#include <pthread.h>
#include <stdlib.h>
static pthread_key_t key;
static void* thread_of_plugin(void* argument) {
  pthread_setspecific(key, malloc(10));
  for (int i = 0; i < 100; ++i) free(malloc(i * 10));
  return argument;
}
int work_in_threads(void) {
  pthread_t threads[4];
  int done = 0;
  pthread_key_create(&key, free);
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, thread_of_plugin, &done);
  for (int i = 0; i < 4; ++i) {
    void* result;
    pthread_join(threads[i], &result);
    done += result == &done;
  }
  pthread_key_delete(key);
  return done;
}
"""


def check(name, good, what=""):
    print(f"{'ok  ' if good else 'FAIL'} {name}{'' if good else ': ' + str(what)[:2000]}", flush=True)
    if not good:
        FAILED.append(name)


def environment(options):
    if options is None:
        return {**os.environ, "LC_ALL": "C.UTF-8"}
    return {**os.environ, "LC_ALL": "C.UTF-8", "LD_PRELOAD": LIBRARY, "HEAPPROF_OPTIONS": options}


def run(argv, folder, options=None):
    done = subprocess.run(argv, cwd=folder, env=environment(options), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def heapprof(*words):
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def check_profiles(name, pattern, least, functions):
    """Profiles that `pattern` finds: at least `least` of them, all whole, and with a name of each of `functions`."""
    files = sorted(glob.glob(pattern))
    check(f"{name}: {least} profiles or more", len(files) >= least, files)
    torn = [(f, line) for f in files for line in heapprof("info", f).splitlines()
            if line.strip().startswith(("truncated-stacks:", "lost-samples:")) and not line.endswith(": 0")]
    check(f"{name}: no stack is truncated, no sample lost", not torn, torn[:3])
    for function in functions:
        # The first line is the file's name.
        shown = any(function in heapprof("top", "--no-debuginfod", "--unfold", "--type", kind, "--limit", "0", f).partition("\n")[2]
                    for f in files
                    for kind in (("alloc_space",) if "heap.pb" in f else ("samples",)))
        check(f"{name}: {function} is named", shown, heapprof("top", "--unfold", files[0]) if files else "")


def same(name, argv, functions, least, prepare=None):
    """The program's output and status, without the library and with it at each interval."""
    results = []
    for interval in (None, *INTERVALS):
        with tempfile.TemporaryDirectory() as folder:
            if prepare is not None:
                prepare(folder)
            os.mkdir(f"{folder}/work")
            options = None if interval is None else f"sample_interval={interval}:dump_at_exit=1:output={folder}/p.%e.%p.%n"
            results.append(run(argv(folder), f"{folder}/work", options))
            if interval == "1":
                check_profiles(f"{name} at 1", f"{folder}/p.*.heap.pb.gz", least, functions)
            if interval is not None:
                check(f"{name} at {interval}: the same output and status", results[-1] == results[0], results)


def compile_c(folder, source, name, *flags):
    with open(f"{folder}/{name}.c", "w", encoding="ascii") as file:
        file.write(source)
    subprocess.run(["g++", "-x", "c", "-g", "-O1", f"{name}.c", "-o", name, *flags], cwd=folder, check=True)


def write_cxx(folder):
    with open(f"{folder}/program.cc", "w", encoding="ascii") as file:
        file.write(CXX)


def walk_redis(interval):
    name = f"redis-server at {interval}"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        # Redis 8 takes SIGUSR2 for itself.
        number = signal.SIGRTMIN + 6
        options = f"sample_interval={interval}:dump_at_exit=1:dump_signal={int(number)}:output={folder}/p.%e.%p.%n"
        socket = f"{folder}/socket"
        with open(f"{folder}/log", "wb") as log, subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, "--io-threads", "2"],
                env=environment(options), stdin=subprocess.DEVNULL, stdout=log, stderr=log) as server:
            def client(*words):
                return run(["redis-cli", "-s", socket, *words], folder)[1]
            try:
                end = time.monotonic() + 60
                while client("ping") != b"PONG\n" and time.monotonic() < end and server.poll() is None:
                    time.sleep(0.05)
                status, _, errors = run(["redis-benchmark", "-s", socket, "-n", "5000", "-c", "20", "-q", "-t",
                                         "set,get,lpush,lrange_100"], folder, options)
                check(f"{name}: redis-benchmark ends well", status == 0, errors)
                client("eval", "for i = 1, 2000 do redis.call('set', 'k' .. i, string.rep('v', 40)) end", "0")
                server.send_signal(number)
                check(f"{name}: what was set is there", client("get", "k77") == b"v" * 40 + b"\n", client("get", "k77"))
                client("shutdown", "nosave")
                check(f"{name}: status 0", server.wait(60) == 0, server.returncode)
            finally:
                if server.poll() is None:
                    server.kill()
        check_profiles(name, f"{folder}/p.redis-ser*.heap.pb.gz", 2, ["sdsnewlen"] if interval == "1" else [])


def walk_plugin():
    with tempfile.TemporaryDirectory() as folder:
        compile_c(folder, HOST, "host", "-ldl")
        compile_c(folder, PLUGIN, "plugin.so", "-shared", "-fPIC", "-pthread")
        for options in ("sample_interval=1", "sample_interval=1:lifetimes=1:contention_interval=1"):
            status, out, errors = run([f"{folder}/host", f"{folder}/plugin.so"], folder,
                                      options + f":dump_at_exit=1:output={folder}/p.%p.%n")
            check("threads of a plug-in: done", (status, out) == (0, b"done\n"), (status, out, errors))
        check_profiles("threads of a plug-in", f"{folder}/p.*.heap.pb.gz", 2, ["thread_of_plugin", "work_in_threads", "main"])
        status, _, errors = run([f"{folder}/host"], folder, "leak_check=unreachable")
        check("leak check: status 23, and the function", status == 23 and b" lose" in errors, (status, errors))
        status, _, errors = run([f"{folder}/host", f"{folder}/plugin.so"], folder, "leak_check=unreachable")
        check("leak check after threads", status == 23 and b" lose" in errors, (status, errors))


def walk_python():
    with tempfile.TemporaryDirectory() as folder:
        options = f"cpu_at_start=1:cpu_hz=1000:wall_at_start=1:wall_hz=1000:output={folder}/p.%p.%n"
        status, _, errors = run(["python3", "-c", PYTHON], folder, options)
        check("python3, CPU and wall profile: status 0", status == 0, errors)
        for kind in ("cpu", "wall"):
            files = glob.glob(f"{folder}/*.{kind}.pb.gz")
            text = heapprof("top", "--no-debuginfod", "--cum", "--limit", "0", *files) if files else ""
            check(f"python3, {kind} profile: names", "PyEval_EvalCode" in text, text)
        with subprocess.Popen(["python3", "-c", "import time; print(1, flush=True); time.sleep(100)"], stdout=subprocess.PIPE,
                              env=environment(f"sample_interval=1:output={folder}/s.%p.%n")) as sleeper:
            sleeper.stdout.readline()
            sleeper.send_signal(signal.SIGUSR2)
            end = time.monotonic() + 30
            while not glob.glob(f"{folder}/s.*.heap.pb.gz") and time.monotonic() < end:
                time.sleep(0.05)
            sleeper.kill()
        check_profiles("python3, SIGUSR2", f"{folder}/s.*.heap.pb.gz", 1, ["PyImport"])


def main():
    print(json.dumps({"libc": os.confstr("CS_GNU_LIBC_VERSION"), "python": sys.version.split()[0]}), flush=True)
    missing = [p for p in ("python3", "git", "g++", "redis-server", "redis-cli", "redis-benchmark") if shutil.which(p) is None]
    check("the programs are there", not missing, missing)
    if missing:
        return 1
    same("python3", lambda folder: ["python3", "-c", PYTHON], ["PyEval_EvalCode", "sqlite3_", "PyThread_start_"], 1)
    same("git", lambda folder: ["bash", "-c", GIT], ["_IO_file_doallocate", "[git+0x"], 10)
    same("g++", lambda folder: ["bash", "-c", "g++ -std=c++17 -O1 -c ../program.cc -o o && g++ o -o p && ./p && md5sum < o"],
         ["_cpp_clean_line", "_objalloc_alloc"], 3, write_cxx)
    for interval in INTERVALS:
        walk_redis(interval)
    walk_plugin()
    walk_python()
    print(f"{len(FAILED)} checks failed", flush=True)
    return 1 if FAILED else 0


sys.exit(main())
