#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs in other languages under the library, as docs/languages.md has them: languages_test.py LANGUAGE LIBRARY COMMAND SCRATCH.

Each is compiled by what Debian has, run with the library, and its profile must say how much it keeps, by function.
Status 77, with the reason, where the language is not there.
"""
import json
import os
import shutil
import subprocess
import sys

LANGUAGE, LIBRARY, COMMAND, SCRATCH = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["XDG_CACHE_HOME"] = "/dev/null"  # no names are kept in the cache of the user
os.environ["LC_ALL"] = "C.UTF-8"


def need(program, package):
    if not os.path.exists(program):
        print(f"skipped: no {program} (package {package})")
        sys.exit(77)


def run(*argv, **variables):
    done = subprocess.run(argv, cwd=SCRATCH, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=100, check=False)
    assert done.returncode == 0, (argv, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout + done.stderr


def profiled(*argv, interval="1", **variables):
    """The program's output, and its profile's file."""
    options = f"sample_interval={interval}:dump_at_exit=1:output={SCRATCH}/profile"
    return run(*argv, LD_PRELOAD=LIBRARY, HEAPPROF_OPTIONS=options, **variables), f"{SCRATCH}/profile.heap.pb.gz"


def cum(path, kind="inuse_space", *options):
    """Bytes by function, with what it calls; "" is the whole."""
    text = json.loads(subprocess.run([COMMAND, "top", "--json", "--limit", "0", "--no-debuginfod", "--type", kind, *options, path],
                                     capture_output=True, text=True, check=True).stdout)
    sums = {row["name"]: row["cum"] for row in text["rows"]}
    sums[""] = text["total"]
    return sums


def rust(name, *options):
    need("/usr/bin/rustc", "rustc")
    run("/usr/bin/rustc", "-g", "-C", "opt-level=1", *options, f"{HERE}/{name}.rs", "-o", name)


def test_rust():
    rust("keep")
    out, profile = profiled("./keep")
    assert out == "1000 1\n", out
    kept = cum(profile)
    assert kept["keep::keep_orders"] == 1000 * 4000 + 1000 * 24, kept
    assert kept["keep::keep_lines"] == 10000 * 64, kept


def test_rust_allocator():
    rust("allocator", "-L", os.path.dirname(LIBRARY))
    out = run("./allocator", f"{SCRATCH}/own.heap.pb.gz", LD_LIBRARY_PATH=os.path.dirname(LIBRARY),
              HEAPPROF_OPTIONS="sample_interval=1")
    assert out == "1000 0\n", out
    kept = cum(f"{SCRATCH}/own.heap.pb.gz")
    assert kept["allocator::keep_names"] == 1000 * 1000 + 1000 * 24, kept


def test_go():
    need("/usr/bin/go", "golang-go")
    shutil.copy(f"{HERE}/keep.go", SCRATCH)
    run("/usr/bin/go", "build", "-o", "keep", "keep.go", GO111MODULE="off", GOFLAGS="", GOCACHE=f"{SCRATCH}/../gocache", CGO_ENABLED="1")
    out = run("./keep", LD_PRELOAD=LIBRARY, HEAPPROF_OPTIONS=f"sample_interval=1:output={SCRATCH}/profile")
    assert out == "1000 1000 0\n", out
    kept = cum(f"{SCRATCH}/profile.heap.pb.gz")
    assert kept["keep_in_c"] == 1000 * 4000 and kept[""] < 4_200_000, kept
    assert run("./keep") == "1000 1000 -1\n"


def test_python():
    need("/usr/bin/python3", "python3")
    blocks = {}
    for allocator in ("pymalloc", "malloc"):
        out, profile = profiled("/usr/bin/python3", f"{HERE}/keep.py", interval="4k", PYTHONMALLOC=allocator)
        assert out == "200000 5000000\n", out
        assert cum(profile, "alloc_space")[""] > 80_000_000
        blocks[allocator] = cum(profile, "alloc_objects")[""]
    assert blocks["malloc"] > 3 * blocks["pymalloc"] and blocks["malloc"] > 200000, blocks


def test_java():
    need("/usr/bin/java", "default-jdk-headless")
    if "jdk.compiler" not in run("/usr/bin/java", "--list-modules"):
        print("skipped: no compiler in this java (package default-jdk-headless)")
        sys.exit(77)
    out, profile = profiled("/usr/bin/java", "-XX:TieredStopAtLevel=1", f"{HERE}/Keep.java", interval="64k")
    assert out == "40 40\n", out
    assert cum(profile)["Unsafe_AllocateMemory0"] >= 40 << 20, cum(profile)


def test_node():
    node = shutil.which("node") or "/usr/bin/node"
    need(node, "nodejs")
    out, profile = profiled(node, f"{HERE}/keep.js", interval="64k")
    assert out == "40 100000\n", out
    assert 40 << 20 < cum(profile, "alloc_space")[""] < 160 << 20, cum(profile, "alloc_space")


shutil.rmtree(SCRATCH, ignore_errors=True)
os.makedirs(SCRATCH)
globals()[f"test_{LANGUAGE}"]()
print("good")
