# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the benchmark: how each allocator or profiler is put under a program."""

import dataclasses
import glob
import os
import shutil


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way of running a program. `exact` ones record every allocation and get a smaller share of the work."""
    name: str
    environment: dict
    command: tuple = ()  # put before the program
    exact: bool = False
    huge: bool = False  # needs so much memory on cc1plus that it runs there on demand only


def find_library(pattern):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            return path
    return None


def baseline():
    library = find_library("libjemalloc.so.2")
    if library is None:
        raise SystemExit("bench: libjemalloc.so.2 is not installed")
    return Contender("jemalloc", {"LD_PRELOAD": library})


def contenders(heapprof, scratch):
    """All that are installed, ours first. `heapprof` is the path of libheapprof.so.0."""

    def ours(name, interval, exact=False):
        return Contender(name, {"LD_PRELOAD": heapprof, "HEAPPROF_OPTIONS": f"sample_interval={interval}"},
                         exact=exact)

    def jemalloc(name, lg, exact=False):
        return Contender(name, {"LD_PRELOAD": baseline().environment["LD_PRELOAD"],
                                "MALLOC_CONF": f"prof:true,lg_prof_sample:{lg}"}, exact=exact)

    found = [
        ours("heapprof off", "0"),
        ours("heapprof 512k", "512k"),
        jemalloc("jemalloc prof 512k", 19),
        ours("heapprof 4k", "4k"),
        jemalloc("jemalloc prof 4k", 12),
        ours("heapprof 1", "1", exact=True),
        jemalloc("jemalloc prof 1", 0, exact=True),
    ]
    gperftools = find_library("libtcmalloc.so.4")
    if gperftools:
        found.append(Contender("gperftools 512k", {"LD_PRELOAD": gperftools,
                                                   "TCMALLOC_SAMPLE_PARAMETER": "524288"}))
        found.append(Contender("gperftools HEAPPROFILE", {
            "LD_PRELOAD": gperftools, "HEAPPROFILE": os.path.join(scratch, "gperftools")}, exact=True))
    heaptrack = shutil.which("heaptrack")
    if heaptrack:
        # --raw: recording only, without the reading that heaptrack would do beside it
        found.append(Contender("heaptrack", {}, (heaptrack, "--raw", "-o", os.path.join(scratch, "heaptrack")),
                               exact=True, huge=True))
    return found
