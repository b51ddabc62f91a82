#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Profiles and what the command makes of them, read by strict readers: whatever bytes paths, thread names and the strings of
foreign profiles have, each string that is written is UTF-8.

Usage: strict_readers_test.py HEAPPROF LIBRARY PROGRAMS SCHEMA FOLDER [npm]. protoc reads; with "npm", pprof-format does,
fetched into FOLDER once; without a registry the test is skipped and says so.
"""

import ast
import collections
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flame"))
import npm_package  # noqa: E402
import profile_writer  # noqa: E402

PACKAGE = "pprof-format@2.3.2"
HEAPPROF, LIBRARY, PROGRAMS, SCHEMA, NPM = "", "", "", "", ""
KINDS = ("allocs", "block", "cpu", "growth", "heap", "memory", "mutex", "named", "peak", "threadcreate", "threads", "wall")
# Latin-1, a surrogate, overlong forms, what is beyond Unicode, a torn sequence.
BAD = b"caf\xe9 \xed\xa0\x80 \xc0\xaf \xe0\x80\xaf \xf4\x90\x80\x80 \xe2\x82"
MENDED = "caf\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd\ufffd\ufffd \ufffd\ufffd"
GOOD = "\x00caf\u00e9 \u03bb \U0001f600"  # NUL is a character
# Takes the list of files from its input; a string that is not UTF-8 is an error.
READER = """
const strict = TextDecoder;
globalThis.TextDecoder = class { decode(bytes) { return new strict('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes); } };
const {Profile} = require(process.argv[1]);
const told = JSON.parse(require('fs').readFileSync(0, 'utf8')).map((name) => {
  const profile = Profile.decode(require('zlib').gunzipSync(require('fs').readFileSync(Buffer.from(name, 'latin1'))));
  const sum = (list) => list.reduce((sum, each) => sum + BigInt(each), 0n);
  return {strings: profile.stringTable.strings, sample: profile.sample.length, location: profile.location.length,
          function: profile.function.length, mapping: profile.mapping.length, sum: String(sum(profile.sample.flatMap((s) => s.value)))};
});
process.stdout.write(JSON.stringify(told));
"""


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, check=False, timeout=60, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done


def by_protoc(paths):
    """Of each file: its strings, how many messages of each kind it has, and the sum of its values."""
    for path in paths:
        with gzip.open(path) as file:
            plain = file.read()
        text = run("protoc", "--decode=heapprof.pb.Profile", "-I", os.path.dirname(SCHEMA), SCHEMA, input=plain).stdout.decode()
        counts = collections.Counter(re.findall(r"^(\w+) \{$", text, re.M))
        told = {kind: counts[kind] for kind in ("sample", "location", "function", "mapping")}
        told["strings"] = [ast.literal_eval("b" + each).decode() for each in re.findall(r'^string_table: (".*")$', text, re.M)]
        told["sum"] = str(sum(int(value) for value in re.findall(r"^  value: (-?\d+)$", text, re.M)))
        yield told


def by_npm(paths):
    names = json.dumps([path.decode("latin-1") for path in paths])
    return json.loads(run("node", "-e", READER, "--", NPM, input=names.encode()).stdout)


class StrictReadersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapprof-strict-").encode()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.program = cls.path(b"pr\xf6gram \xed\xbf\xbf\xc0\xaf")
        shutil.copy(os.path.join(PROGRAMS, "odd_texts"), cls.program)
        run(cls.program, ".", os.path.join(PROGRAMS, "plugin.so"), cwd=cls.folder,
            env={"LD_PRELOAD": LIBRARY, "HEAPPROF_OPTIONS": "sample_interval=1:contention_interval=1"})
        cls.make_foreign()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def make_foreign(cls):
        """A profile of another writer, that has such a string wherever there are any."""
        writer = profile_writer.ProfileWriter(types=((b"samples", b"count"), (b"cpu" + BAD, b"nanoseconds")), comments=(BAD, GOOD))
        writer.add(((BAD + b" root", b"/usr/bin/" + BAD, b"/src/" + BAD), (GOOD, b"/lib/" + BAD)), (1, 2), 3,
                   ((b"key " + BAD, b"value " + BAD), ("key", GOOD)))
        writer.write(cls.path(b"foreign\xff.pb.gz"))

    def readable(self, paths):
        """What protoc told of them. The other reader has to see the same."""
        told = list(by_protoc(paths))
        if NPM:
            for path, ours, theirs in zip(paths, told, by_npm(paths)):
                self.assertEqual(ours, theirs, path)
        return told

    def command(self, *words):
        return run(HEAPPROF, *words, cwd=self.folder, env={**os.environ, "XDG_CACHE_HOME": "/dev/null", "LC_ALL": "C.UTF-8"})

    def written(self):
        return [b"odd.%s.pb.gz" % kind.encode() for kind in KINDS]

    def test_they_are_strict(self):
        with self.assertRaisesRegex(AssertionError, "invalid UTF-8"):
            list(by_protoc([self.path(b"foreign\xff.pb.gz")]))
        if NPM:
            with self.assertRaisesRegex(AssertionError, "encoded data was not valid"):
                by_npm([self.path(b"foreign\xff.pb.gz")])

    def test_profiles_of_each_kind(self):
        names = self.written()
        self.assertEqual(sorted(name for name in os.listdir(self.folder) if name.startswith(b"odd.")), sorted(names))
        for name, told in zip(names, self.readable([self.path(name) for name in names])):
            self.assertIn(f"{self.folder.decode()}/pr\ufffdgram " + "\ufffd" * 5, told["strings"], name)
            self.assertIn(f"{self.folder.decode()}/caf\ufffd \ufffd\ufffd.so", told["strings"], name)
            self.assertGreater(told["mapping"], 2, name)

    def test_what_the_command_writes(self):
        made = []
        for name in self.written() + [b"foreign\xff.pb.gz"]:
            for words in ((b"merge", name, name), (b"symbolize", name), (b"convert", b"--to", b"pprof", name)):
                made.append(b"made %s " % words[0] + name)
                self.command(*words, b"-o", made[-1])
        told = dict(zip(made, self.readable([self.path(name) for name in made])))
        for name, each in told.items():
            self.assertGreater(len(each["strings"]), 4, name)
        for command in (b"merge", b"symbolize"):
            strings = told[b"made %s foreign\xff.pb.gz" % command]["strings"]
            for wanted in (MENDED, GOOD, "cpu" + MENDED, f"{MENDED} root", f"/usr/bin/{MENDED}", f"/src/{MENDED}",
                           f"/lib/{MENDED}", f"key {MENDED}", f"value {MENDED}"):
                self.assertIn(wanted, strings, command)

    def test_the_file_of_a_replaced_path_is_found(self):
        """By what it would be called, and its build id: a copy with another one is not it."""
        other = self.path(b"pr\xe4gram \xed\xbf\xbf\xc0\xaf")
        shutil.copy(os.path.join(PROGRAMS, "plain"), other)
        self.assertIn(b"WriteAll", self.command("folded", b"odd.heap.pb.gz").stdout)
        os.rename(self.program, self.program + b".elsewhere")
        self.assertNotIn(b"WriteAll", self.command("folded", b"odd.heap.pb.gz").stdout)
        os.rename(self.program + b".elsewhere", self.program)

    def test_json_and_the_page(self):
        """They are text, and refused for a bad byte as a whole."""
        made = {}
        for name in (b"foreign\xff.pb.gz", b"odd.threads.pb.gz"):
            for kind, words in {"speedscope": ("convert", "--to", "speedscope"), "page": ("flame",)}.items():
                self.command(*words, name, "-o", "made")
                with open(self.path(b"made"), encoding="utf-8") as file:
                    made[name, kind] = file.read()
            made[name, "top"] = self.command("top", "--json", name).stdout.decode("utf-8")
        self.command("convert", "--to", "chrome", b"foreign\xff.pb.gz", "-o", "made")
        with open(self.path(b"made"), encoding="utf-8") as file:
            made["chrome"] = file.read()
        for key, text in made.items():
            if "page" not in key:
                json.loads(text)
        self.assertIn(f"{MENDED} root", made[b"foreign\xff.pb.gz", "speedscope"])


if __name__ == "__main__":
    if sys.argv[-1] == "npm":
        sys.argv.pop()
        NPM = sys.argv[-1]
    HEAPPROF, LIBRARY, PROGRAMS, SCHEMA, FOLDER = sys.argv[1:]
    del sys.argv[1:]
    if NPM:
        if shutil.which("node") is None:
            npm_package.skip("node is not installed")
        NPM = npm_package.fetch(PACKAGE, NPM, "dist/commonjs/index.js")
    unittest.main()
