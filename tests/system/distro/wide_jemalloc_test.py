#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library with Debian 13's jemalloc, which was built for addresses of 57 bits: another tree of pages, another way of free.
wide_jemalloc_test.py SOURCE BUILD COMMAND. The objects that know of the layout are compiled and linked once more, with that archive
(unpacked, not installed) in the other's place. Status 77: the package cannot be had."""
import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE, BUILD, COMMAND = sys.argv[1:]
# What includes what is known of the archive.
OBJECTS = ("backend/heap_pages.cc.o", "entry/fast_path_x86_64.S.o", "entry/more_calls_x86_64.S.o", "init.cc.o")
HOLDER = """
import sys
held = [bytes(100 + i % 400) for i in range(200000)]
held = held[::3]
print("ready", flush=True)
sys.stdin.read(1)
"""


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def fetch():
    try:
        done = subprocess.run([f"{SOURCE}/scripts/sysroot", "trixie"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "Debian 13's packages did not come within a minute"
    return "" if done.returncode == 0 else "Debian 13's packages cannot be had: " + done.stderr.strip()[-200:]


def shell(commands):
    running = [subprocess.Popen(command, shell=True, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for command in commands]
    for command, process in zip(commands, running):
        out = process.communicate(timeout=60)[0]
        assert process.returncode == 0, (command, out)


def build(folder):
    """The library, as the build makes it but for the archive; and what the check says of that."""
    cache = dict(re.findall(r"^(HEAPPROF_\w+|CMAKE_AR):\w+=(.*)$", open(f"{BUILD}/CMakeCache.txt", encoding="utf8").read(), re.M))
    run(["cmake", f"-DARCHIVE={SOURCE}/build/sysroot/trixie/usr/lib/x86_64-linux-gnu/libjemalloc_pic.a",
         f"-DOUTPUT={folder}/private_jemalloc.o", f"-DAR={cache['CMAKE_AR']}",
         *(f"-D{name}={cache['HEAPPROF_' + name]}" for name in ("NM", "OBJCOPY", "LD")),
         "-P", f"{SOURCE}/alloc/backend/private_jemalloc.cmake"])

    def commands(target):
        return run(["ninja", "-t", "commands", target], cwd=BUILD).splitlines()

    def wide(command, target):
        # The new header is found first; objects that there are in both come from the folder.
        command = re.sub(r" -I\S+", f" -I{folder}\\g<0>", command, count=1)
        for name in (target, *(f"alloc/CMakeFiles/hp_alloc.dir/{o}" for o in OBJECTS), "alloc/private_jemalloc.o",
                     "alloc/CMakeFiles/jemalloc_bins_check.dir/backend/jemalloc_bins_check.cc.o"):
            command = re.sub(rf"(?<=\s){re.escape(name)}(?=[\s:]|$)", f"{folder}/{os.path.basename(name)}", command)
        return re.sub(r" -M[DTF]+ ?\S*", "", re.sub(r" -MD -MT \S+ -MF \S+", "", command))

    check = commands("alloc/jemalloc_bins_check")
    compiled = [c for c in check if c.split()[-1].endswith("/jemalloc_bins_check.cc")]
    objects = [c for c in commands("alloc/libheapprof.so.0.1.0") if c.split()[-1].endswith(tuple("/" + o[:-2] for o in OBJECTS))]
    assert len(compiled) == 1 and len(objects) == len(OBJECTS), (compiled, objects)
    shell([wide(compiled[0], "alloc/CMakeFiles/jemalloc_bins_check.dir/backend/jemalloc_bins_check.cc.o")])
    shell([wide(check[-1], "alloc/jemalloc_bins_check")])
    facts = run([f"{folder}/jemalloc_bins_check"])
    with open(f"{folder}/jemalloc_bins_checked.h", "w", encoding="ascii") as file:
        file.write(facts)
    shell([wide(c, re.search(r" -o (\S+)", c).group(1)) for c in objects])
    link = commands("alloc/libheapprof.so.0.1.0")[-1].split(" && ")
    shell([wide(next(part for part in link if " -shared " in part), "alloc/libheapprof.so.0.1.0")])
    os.rename(f"{folder}/libheapprof.so.0.1.0", f"{folder}/libheapprof.so.0")
    return facts, f"{folder}/libheapprof.so.0"


def main():
    if why := fetch():
        print("skipped:", why)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        facts, library = build(folder)
        # The tree is the other one, and all of it lies as jemalloc_leaves.h and jemalloc_pages.h say.
        with open(f"{folder}/private_jemalloc.h", encoding="ascii") as file:
            tree = int(re.search(r"TREE_BYTES (0x[0-9a-f]+)", file.read()).group(1), 16)
        assert 0 < tree < 0x200000, tree
        assert "BINS 1\n" in facts and "PAGES 1\n" in facts, facts

        tests, environment = f"{BUILD}/tests/alloc/alloc_interface_test", {**os.environ, "LD_LIBRARY_PATH": folder}
        assert library in run([tests], env={**environment, "LD_TRACE_LOADED_OBJECTS": "1"})
        told = run([tests, "--gtest_brief=1", "--gtest_filter=*CachedBlocks*:*MallocTest*/1:*New*/1"], env=environment)
        count = int(re.search(r"PASSED  \] (\d+) test", told).group(1))
        assert count >= 10, told

        # The block's page is asked in place, and not by a jump to jemalloc: three instructions more than with the other tree.
        counts = run([f"{BUILD}/tests/alloc/instruction_counts"],
                     env={**os.environ, "LD_PRELOAD": library, "HEAPPROF_OPTIONS": "sample_interval=512k:seed=1"})
        most = {"malloc": 31, "free": 40, "realloc_of_90_to_95": 59, "usable_size_of_100": 31}
        found = {name: int(count) for name, count in (line.split() for line in counts.splitlines())}
        assert all(found[name] <= most[name] for name in most), counts

        with subprocess.Popen(["/usr/bin/python3", "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              cwd=folder, env={**os.environ, "LD_PRELOAD": library, "PYTHONMALLOC": "malloc",
                                               "HEAPPROF_OPTIONS": "sample_interval=16k"}) as holder:
            assert holder.stdout.readline() == "ready\n"
            assert library in open(f"/proc/{holder.pid}/maps", encoding="utf8").read()
            memory = json.loads(run([COMMAND, "memory", "--no-symbolize", "--json", str(holder.pid)], cwd=folder))
            holder.communicate("x")
        # Two of three blocks are free, in slabs, of which the tree knows the classes.
        heap = next(row for row in memory["rows"] if row["name"] == "[heap]")
        free = next(row for row in heap["rows"] if row["name"] == "[free in slabs]")
        assert heap["resident"] / 3 < free["resident"] < heap["resident"] * 0.8, heap
        assert any(row["name"] == "[512-byte blocks]" for row in free["rows"]), free
        print(f"good: {count} tests, tree of {tree} bytes")
    return 0


sys.exit(main())
