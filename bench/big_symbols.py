# SPDX-License-Identifier: Apache-2.0
"""Runs `heapprof top` twice on a profile of addresses all over a binary: big_symbols.py HEAPPROF BINARY."""

import gzip
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/tools/flame"))
from profile_writer import block, number, varint  # noqa: E402

ADDRESSES, DEPTH, PAGE, BIAS = 4000, 20, 4096, 0x7F0000000000


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout


def make_profile(binary):
    code = re.search(r"LOAD +(\S+) (\S+) \S+ (\S+) \S+ R E", run("readelf", "-lW", binary))
    offset, start, size = (int(word, 16) for word in code.groups())
    build_id = re.search(r"Build ID: (\w+)", run("readelf", "-n", binary)).group(1)
    strings = {"": 0}

    def string(text):
        return strings.setdefault(text, len(strings))

    parts = b"".join(block(1, number(1, string(kind)) + number(2, string(unit)))
                     for kind, unit in (("inuse_objects", "count"), ("inuse_space", "bytes")))
    parts += block(3, number(1, 1) + number(2, BIAS + start // PAGE * PAGE) + number(3, BIAS + start + size) +
                   number(4, offset // PAGE * PAGE) + number(5, string(binary)) + number(6, string(build_id)))
    chance = random.Random(3)
    for i in range(ADDRESSES):
        parts += block(4, number(1, i + 1) + number(2, 1) + number(3, BIAS + start + chance.randrange(size)))
    for first in range(1, ADDRESSES + 1, DEPTH):
        parts += block(2, block(1, b"".join(varint(i) for i in range(first, first + DEPTH))) +
                       block(2, varint(1) + varint(1000)))
    return gzip.compress(parts + b"".join(block(6, text.encode()) for text in strings))


def main():
    command, binary = sys.argv[1:]
    print(f"{os.path.getsize(binary) / 2 ** 20:.0f} MiB of binary, {ADDRESSES} addresses")
    with tempfile.TemporaryDirectory() as folder:
        profile = os.path.join(folder, "p.pb.gz")
        with open(profile, "wb") as file:
            file.write(make_profile(binary))
        outputs = []
        for look in ("first", "second"):
            start = time.monotonic()
            process = subprocess.Popen([command, "top", profile], stdout=subprocess.PIPE,
                                       env={**os.environ, "XDG_CACHE_HOME": folder})
            outputs.append(process.stdout.read())
            _, status, usage = os.wait4(process.pid, 0)
            if status != 0:
                sys.exit(f"top ended with {status}")
            print(f"{look:6} {time.monotonic() - start:6.2f} s {usage.ru_utime + usage.ru_stime:6.2f} s of processor "
                  f"{usage.ru_maxrss // 1024:5} MiB")
        if outputs[0] != outputs[1]:
            sys.exit("the second look differs from the first")


main()
