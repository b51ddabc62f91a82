# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source file, by the commands that compile it; of scripts/presubmit."""

import concurrent.futures
import json
import os
import re
import subprocess

GCC_FLAGS = ["-fno-gnu-unique"]
# Steps of the static analyzer in one function, a third of its own limit: one function of a hundred is cut off by either, and takes
# most of the time. What is behind is looked at by scripts/nightly (decision 51).
ANALYZER_STEPS = [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000")]
GCC_ONLY = {"tests/tools/blame/cases/coroutine.cc"}  # clang 14 has no C++20 coroutines with gcc's library


def write_database(root, build, database):
    """Writes the database of clang-tidy, which looks at a file as often as it stands there; returns the files."""
    with open(os.path.join(root, build, "compile_commands.json"), encoding="utf-8") as text:
        entries = json.load(text)
    distinct = {}
    for entry in entries:
        name = os.path.relpath(entry["file"], root)
        if " -o tests/" in entry["command"] and not name.startswith("tests/"):
            continue  # a test's own copy of what ships
        # clang's front end refuses gcc's own flags, warns of warnings that it does not know, and has not all of C++14.
        # Warnings are also those of which the build with clang tells.
        entry["command"] = re.sub(r" (%s)(?= )" % "|".join(GCC_FLAGS), "", entry["command"]) \
            + " -Wno-unknown-warning-option -Wthread-safety"
        if name.endswith(".cc"):
            entry["command"] += " -fsized-deallocation"
        distinct.setdefault((name, re.sub(r" -o \S+", "", entry["command"])), entry)
    os.makedirs(database, exist_ok=True)
    with open(os.path.join(database, "compile_commands.json"), "w", encoding="utf-8") as text:
        json.dump(list(distinct.values()), text)
    return {name for name, _ in distinct}


def check(root, build, files, folders, deep=False):
    """Findings in the files of these top folders; deep is with all of the analyzer's steps."""
    commands = os.path.join(root, build, "compile_commands.json")
    if not os.path.exists(commands):
        return [f"tidy: no compile_commands.json in {build}"]
    database = os.path.join(root, build, "tidy")
    compiled = write_database(root, build, database)
    sources = [f for f in files if f.split("/")[0] in folders and f in compiled - GCC_ONLY and f.endswith((".cc", ".c"))]
    if not sources:
        return ["tidy: the list of files is empty"]

    # Off: with -fno-threadsafe-statics it takes every extern declaration in a header for a definition.
    command = ["clang-tidy-14", "-quiet", "-checks=-bugprone-dynamic-static-initializers", "-p", database]
    command += [] if deep else ANALYZER_STEPS

    def one(name):
        # Most files take seconds; on a busy machine, behind all others, they wait.
        done = subprocess.run(command + [name], cwd=root, capture_output=True, text=True, check=False, timeout=1200)
        hits = [line for line in done.stdout.splitlines() if re.search(r": (error|warning): ", line)]
        if done.returncode != 0 and not hits:
            hits = [f"{name}: clang-tidy failed: {done.stderr.strip()[-200:]}"]
        return hits

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [hit for hits in pool.map(one, sources) for hit in hits]
    return sorted(set(hit.replace(root + "/", "") for hit in findings))
