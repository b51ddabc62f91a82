# SPDX-License-Identifier: Apache-2.0
"""Writes profile.proto files for tests of the page: stacks of names, encoded by hand."""

import gzip
import random

HEAP_TYPES = (("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"),
              ("inuse_space", "bytes"))


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, payload):
    return varint(field << 3 | 2) + varint(len(payload)) + payload


class ProfileWriter:
    """add(stack, values, size): the stack's frames are names, or (name, module) or (name, module, file[, line[, start line]]), or a
    tuple of such tuples: functions that are inlined into each other, the innermost first. The root comes first."""

    def __init__(self, types=HEAP_TYPES, period=524288, comments=(), time_nanos=1_700_000_000_000_000_000):
        self.types, self.period, self.comments, self.time_nanos = types, period, comments, time_nanos
        self.strings, self.modules, self.locations = {"": 0}, {}, {}
        self.parts, self.functions = [], 0

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def location(self, frame):
        if frame not in self.locations:
            inlined = frame if isinstance(frame, tuple) and isinstance(frame[0], tuple) else (frame,)
            lines = []
            for one in inlined:
                one = one if isinstance(one, tuple) else (one, "/usr/bin/app")
                lines.append((*one, *("", 7, 0)[len(one) - 2:]))
            mapping = self.modules.setdefault(lines[0][1], len(self.modules) + 1)
            where = self.locations[frame] = len(self.locations) + 1
            place = number(1, where) + number(2, mapping) + number(3, 0x1000 + where)
            for name, _, file, line, start in lines:
                self.functions += 1
                self.parts.append(block(5, number(1, self.functions) + number(2, self.string(name)) + number(4, self.string(file))
                                        + number(5, start)))
                place += block(4, number(1, self.functions) + number(2, line))
            self.parts.append(block(4, place))
        return self.locations[frame]

    def add(self, stack, values, size=0, labels=()):
        sample = block(1, b"".join(varint(self.location(frame)) for frame in reversed(stack)))
        sample += block(2, b"".join(varint(value) for value in values))
        if size:
            sample += block(3, number(1, self.string("bytes")) + number(3, size) + number(4, self.string("bytes")))
        for key, value in labels:
            told = number(2, self.string(value)) if isinstance(value, (str, bytes)) else number(3, value)
            sample += block(3, number(1, self.string(key)) + told)
        self.parts.append(block(2, sample))

    def write(self, path):
        head = b"".join(block(1, number(1, self.string(t)) + number(2, self.string(u))) for t, u in self.types)
        head += block(11, number(1, self.string("space")) + number(2, self.string("bytes"))) + number(12, self.period)
        head += number(9, self.time_nanos) + number(14, self.string(self.types[-1][0]))
        head += b"".join(number(13, self.string(comment)) for comment in self.comments)
        for module, where in self.modules.items():
            head += block(3, number(1, where) + number(2, where << 24) + number(3, (where + 1) << 24)
                          + number(5, self.string(module)) + number(6, self.string(f"{where:040x}")))
        strings = b"".join(block(6, text if isinstance(text, bytes) else text.encode()) for text in self.strings)
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(head + b"".join(self.parts) + strings)


def large(path, stacks, seed=1):
    """A profile of that many stacks of about 25 frames, C++ names in a few modules: a tree that grows at random."""
    choose = random.Random(seed)
    modules = ["/usr/bin/app"] * 5 + ["/usr/lib/libcore.so.1", "/usr/lib/libstdc++.so.6", "/usr/lib/libc.so.6"]
    spaces = ["app", "app::net", "std", "core::detail", "parser"]
    verbs = ["read", "Insert", "handle_request", "rehash", "operator()", "emplace_back", "parse", "visit"]
    writer = ProfileWriter()
    encoded = []
    for i in range(20000):
        name = f"{choose.choice(spaces)}::Type{i % 997}<int, std::vector<char>>::{choose.choice(verbs)}_{i}(char const*, int)"
        encoded.append(varint(writer.location((name, choose.choice(modules), f"src/file{i % 311}.cc"))))
    label = {size: block(3, number(1, writer.string("bytes")) + number(3, size)) for size in (16, 64, 200, 1024, 70000)}
    # What is grown on: the leaf comes first in the file, so that a longer stack begins with its new frames.
    prefixes = [varint(writer.location("main")) + varint(writer.location("_start"))]
    for i in range(stacks):
        stack = prefixes[choose.randrange(max(1, len(prefixes) // 2), len(prefixes)) if i % 4 else i // 64]
        for _ in range(1 + i % 4):
            if len(stack) < 120:
                stack = encoded[choose.randrange(len(encoded))] + stack
                prefixes.append(stack)
        size = choose.choice((16, 64, 200, 1024, 70000))
        count = max(1, int(choose.paretovariate(1.1)))
        live = count // (1 + i % 3)
        values = b"".join(varint(value) for value in (count, count * size, live, live * size))
        writer.parts.append(block(2, block(1, stack) + block(2, values) + label[size]))
    writer.write(path)
