# SPDX-License-Identifier: Apache-2.0
"""Heap profiles of a fleet: processes of one service that run the same code, each with its own amounts."""

import math
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "flame"))
import profile_writer as writer_of  # noqa: E402

END = int(time.time()) - 600  # of what is "now"; rows without a future would be thrown away as too old
INTERVAL = 524288
SIZES = (16, 32, 64, 200, 1024, 4096, 70000)


def stacks(samples, leak):
    """The writer, and of each sample its stack, its label, the size of its blocks and the leaf's name."""
    choose = random.Random(7)
    writer = writer_of.ProfileWriter(period=INTERVAL)
    names = []
    for i in range(min(6000, samples)):
        space, verb = choose.choice(("net", "core", "sql")), choose.choice(("read", "insert", "parse"))
        name = f"app::{space}::Type{i % 97}<int>::{verb}_{i}(char const*)"
        place = ("/usr/bin/checkout", f"src/file{i % 311}.cc", 10 + i % 400, 5 + i % 300)
        names.append((writer_of.varint(writer.location((name, *place))), name))
    hostile = "quote' \0nul \\back\nline\ttab \"q\" {x:String}"
    names[0] = (writer_of.varint(writer.location((hostile, "/usr/bin/checkout", "it's.cc", 1, 1))), hostile)
    inlined = (("small", "/usr/bin/checkout", "in.h", 3, 1), ("large", "/usr/bin/checkout", "large.cc", 30, 20))
    ends = writer_of.varint(writer.location(inlined)) + writer_of.varint(writer.location(("main", "/usr/bin/checkout", "main.cc", 9, 1)))
    prefixes, made = [ends], []
    for i in range(samples):
        stack, leaf = prefixes[choose.randrange(max(1, len(prefixes) // 2), len(prefixes)) if i % 4 else 0], "small"
        for _ in range(1 + i % 4):
            if len(stack) < 60:
                code, leaf = names[choose.randrange(len(names))]
                stack = code + stack
                prefixes.append(stack)
        size = choose.choice(SIZES)
        label = writer_of.block(3, writer_of.number(1, writer.string("bytes")) + writer_of.number(3, size)
                                + writer_of.number(4, writer.string("bytes")))
        made.append((writer_of.block(1, stack), label, size, 1 - math.exp(-size / INTERVAL), leak and i % 50 == 0))
    return writer, made


def write(folder, instances, samples, version, age=0):
    """Paths of the profiles. Version 2.1 leaks a little at some stacks, the host 7 has more of everything."""
    os.makedirs(folder, exist_ok=True)
    writer, made = stacks(samples, version == "2.1")
    code, paths = b"".join(writer.parts), []
    for instance in range(instances):
        draw = random.Random(f"{instance} {version}")
        factor = 3 if instance == 7 else 1
        parts = []
        for stack, label, size, p, leaks in made:
            live = factor * (min(200, int(draw.paretovariate(1.3))) + (10 if leaks else 0))
            seen = live + int(draw.paretovariate(1.0)) % 1000
            values = b"".join(writer_of.varint(round(value)) for value in (seen / p, seen * size / p, live / p, live * size / p))
            parts.append(writer_of.block(2, stack + writer_of.block(2, values) + label))
        one = writer_of.ProfileWriter(period=INTERVAL, time_nanos=(END - age) * 10**9 + instance)
        one.strings, one.modules, one.parts = dict(writer.strings), writer.modules, [code, *parts]
        one.comments = (f"pid: {1000 + instance}", "label.service: checkout", f"label.instance: host{instance}:6060",
                        f"label.version: {version}", f"label.host: host{instance}", f"label.pid: {1000 + instance}")
        paths.append(os.path.join(folder, f"p{instance:04}.pb.gz"))
        one.write(paths[-1])
    return paths
