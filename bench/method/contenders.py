# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the comparison: how each allocator or profiler is put under a program."""

import dataclasses
import os
import shutil

from method import runs

# In which company a contender runs. Those of a series run in turn with the baseline, and are compared with it.
SERIES = {
    "512k": "allocators, and profilers at the interval that one leaves on",
    "4k": "a sample each 4 KiB",
    "exact": "every allocation recorded",
}
BASE, AGAIN, OURS = "jemalloc", "jemalloc again", "heapprof 512k"


@dataclasses.dataclass(frozen=True, eq=False)
class Contender:
    """One way of running a program."""
    name: str
    environment: dict
    series: str
    command: tuple = ()  # put before the program
    huge: bool = False  # needs so much memory or time on a compiler that it runs there on demand only
    few: bool = False  # so slow that its ratio needs no limits: three rounds
    quick: bool = False  # takes part in the short form


def baseline(series):
    return Contender(BASE, {"LD_PRELOAD": runs.jemalloc()}, series, quick=True)


def contenders(heapprof, scratch):
    """All that are installed, and a line for each that is not. `heapprof` is the path of libheapprof.so.0."""

    def ours(name, interval, series, quick=False):
        options = f"sample_interval={interval}"
        return Contender(name, {"LD_PRELOAD": heapprof, "HEAPPROF_OPTIONS": options}, series, quick=quick)

    def profiler(name, lg, series):
        return Contender(name, {"LD_PRELOAD": runs.jemalloc(), "MALLOC_CONF": f"prof:true,lg_prof_sample:{lg}"}, series,
                         few=series == "exact")

    found, missing = [
        # The baseline once more: what the method makes of no difference.
        Contender(AGAIN, {"LD_PRELOAD": runs.jemalloc()}, "512k", quick=True),
        ours("heapprof off", "0", "512k"),
        ours(OURS, "512k", "512k", quick=True),
        profiler("jemalloc prof 512k", 19, "512k"),
        Contender("glibc", {}, "512k"),
        ours("heapprof 4k", "4k", "4k"),
        profiler("jemalloc prof 4k", 12, "4k"),
        ours("heapprof 1", "1", "exact"),
        profiler("jemalloc prof 1", 0, "exact"),
    ], []

    def installed(path, what, package):
        if path is None:
            missing.append(f"{what}: package {package} is not installed")
        return path

    for name, file, package in (("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
                                ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0")):
        if path := installed(runs.find_library(file), name, package):
            found.append(Contender(name, {"LD_PRELOAD": path}, "512k", quick=True))
    if path := installed(runs.find_library("libtcmalloc.so.4"), "gperftools", "libgoogle-perftools4"):
        found.append(Contender("gperftools 512k", {"LD_PRELOAD": path, "TCMALLOC_SAMPLE_PARAMETER": "524288"}, "512k"))
        found.append(Contender("gperftools HEAPPROFILE", {
            "LD_PRELOAD": path, "HEAPPROFILE": os.path.join(scratch, "gperftools")}, "exact", few=True, huge=True))
    if path := installed(shutil.which("heaptrack"), "heaptrack", "heaptrack"):
        # --raw: recording only, without the reading that heaptrack would do beside it
        found.append(Contender("heaptrack", {}, "exact", (path, "--raw", "-o", os.path.join(scratch, "heaptrack")), huge=True,
                               few=True))
    return found, missing
