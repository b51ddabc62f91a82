# SPDX-License-Identifier: Apache-2.0
"""Work whose output is the same on every run: text, numbers, threads, a database, subprocesses."""
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import threading
import zlib


def numbers(seed):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def document(seed):
    source = numbers(seed)
    return {str(next(source)): [next(source) % 1000 for _ in range(20)] for _ in range(200)}


def check(seed, results):
    text = json.dumps(document(seed), sort_keys=True)
    assert json.loads(text) == document(seed)
    packed = zlib.compress(text.encode())
    assert zlib.decompress(packed).decode() == text
    words = re.findall(r"[0-9]+", text)
    results[seed] = (len(words), hashlib.sha256(text.encode()).hexdigest())


results = {}
threads = [threading.Thread(target=check, args=(seed, results)) for seed in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for seed in sorted(results):
    print(seed, *results[seed])

database = sqlite3.connect(":memory:")
database.execute("create table t (a integer, b text)")
source = numbers(42)
database.executemany("insert into t values (?, ?)", ((next(source) % 100, "x" * (i % 50)) for i in range(5000)))
for row in database.execute("select a, count(*), sum(length(b)) from t group by a order by a limit 10"):
    print(*row)
print(subprocess.run([sys.executable, "-c", "print(sum(range(1000)))"], capture_output=True, text=True).stdout)
sys.exit(3)
