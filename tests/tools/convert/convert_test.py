#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `heapprof convert` writes: whole names, exact values, the same totals in every format.

Usage: convert_test.py HEAPPROF PPROF
"""

import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flame"))
import profile_writer  # noqa: E402

HEAPPROF, PPROF = "", ""
LONG = "std::map<" + "std::vector<int>, " * 300 + "x>::operator[](int)"
FORMATS = {"speedscope": "p.speedscope.json", "folded": "p.folded", "pprof": "p.pprof.pb.gz",
           "heapprofile": "p.heapprofile", "chrome": "p.cpuprofile"}


def run(*words, folder=None):
    return subprocess.run([HEAPPROF, *words], capture_output=True, text=True, check=False, cwd=folder)


def stacks_of(name, text):
    """{(frame, ...): value} of what convert wrote; microseconds are made nanoseconds."""
    stacks = collections.Counter()
    if name == "folded":
        for line in text.splitlines():
            frames, _, value = line.rpartition(" ")
            stacks[tuple(frames.split(";")) if frames != "[no stack]" else ()] += int(value)
        return stacks
    made = json.loads(text)
    if name == "speedscope":
        shown, frames = made["profiles"][0], made["shared"]["frames"]
        for stack, weight in zip(shown["samples"], shown["weights"]):
            stacks[tuple(frames[frame]["name"] for frame in stack)] += weight
        assert len(shown["samples"]) == len(shown["weights"])
        assert shown["endValue"] == sum(shown["weights"])
        return stacks
    if name == "heapprofile":
        ids = {}
        todo = [(made["head"], ())]
        while todo:
            node, path = todo.pop()
            ids[node["id"]] = path
            if node["selfSize"]:
                stacks[path] += node["selfSize"]
            todo += [(child, (*path, child["callFrame"]["functionName"])) for child in node["children"]]
        told = collections.Counter()
        for sample in made["samples"]:
            told[ids[sample["nodeId"]]] += sample["size"]
        assert told == stacks
        return stacks
    nodes = {node["id"]: node for node in made["nodes"]}
    parents = {child: node["id"] for node in made["nodes"] for child in node["children"]}
    # A sample lasts until the next one, as DevTools has it.
    for node, delta in zip(made["samples"], made["timeDeltas"][1:]):
        path = []
        while node in parents:
            path.append(nodes[node]["callFrame"]["functionName"])
            node = parents[node]
        stacks[tuple(reversed(path))] += round(delta * 1000)
    return stacks


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="heapprof-convert-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "p.pb.gz")

    def write(self, types, unit):
        """A profile of recursion, inlined functions, stacks that are parts of others, no stack; returns its stacks."""
        choose = random.Random(7)
        writer = profile_writer.ProfileWriter(types=types, period=1)
        expected = [collections.Counter() for _ in types]
        inlined = (("inner", "/usr/bin/app", "/src/a.cc"), ("outer", "/usr/bin/app", "/src/b.cc"))
        frames = ["main", "f", "g", LONG, ("there", "/usr/lib/libx.so", "/src/x.cc"), inlined]
        names = {"main": ("main",), "f": ("f",), "g": ("g",), LONG: (LONG,), frames[4]: ("there",), inlined: ("outer", "inner")}
        for i in range(300):
            stack = tuple(choose.choice(frames) for _ in range(i % 9))
            values = [choose.randrange(unit) for _ in types]
            writer.add(stack, values)
            for counter, value in zip(expected, values):
                counter[tuple(name for frame in stack for name in names[frame])] += value
        writer.write(self.path)
        return expected

    def convert(self, name, *options, said=""):
        done = run("convert", "--to", name, "--unfold", *options, "p.pb.gz", folder=self.folder.name)
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, said, FORMATS[name] + "\n"))
        with open(os.path.join(self.folder.name, FORMATS[name]), encoding="utf-8") as file:
            return file.read()

    def test_bytes_are_exact_in_every_format(self):
        expected = self.write((("alloc_space", "bytes"), ("inuse_space", "bytes")), 1 << 57)
        for name in ("speedscope", "folded", "heapprofile"):
            self.assertEqual(stacks_of(name, self.convert(name)), expected[1], name)
            self.assertEqual(stacks_of(name, self.convert(name, "--type", "alloc_space")), expected[0], name)
        done = run("folded", "--unfold", self.path)
        self.assertEqual(stacks_of("folded", done.stdout), expected[1])

    def test_times_are_exact_in_every_format(self):
        expected = self.write((("samples", "count"), ("cpu", "nanoseconds")), 1 << 40)
        for name in ("speedscope", "folded", "chrome"):
            self.assertEqual(stacks_of(name, self.convert(name)), expected[1], name)

    def test_speedscope_has_all_types(self):
        expected = self.write(profile_writer.HEAP_TYPES, 1 << 30)
        made = json.loads(self.convert("speedscope"))
        self.assertEqual(made["$schema"], "https://www.speedscope.app/file-format-schema.json")
        self.assertEqual({shown["name"]: (shown["unit"], sum(shown["weights"])) for shown in made["profiles"]},
                         {name: ("bytes" if unit == "bytes" else "none", sum(counter.values()))
                          for (name, unit), counter in zip(profile_writer.HEAP_TYPES, expected)})
        self.assertEqual([shown["name"] for shown in made["profiles"]][0], "inuse_space")
        self.assertIn({"name": "there", "file": "/src/x.cc"}, made["shared"]["frames"])

    def test_pprof_has_what_is_selected(self):
        self.write(profile_writer.HEAP_TYPES, 1 << 30)
        wanted = ("--focus", "there", "--type", "alloc_space")
        done = run("convert", "--to", "pprof", *wanted, self.path, "-o", self.path + ".out")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [json.loads(run("top", "--json", "--limit", "0", *words).stdout)
                for words in ((self.path + ".out",), (self.path, *wanted))]
        self.assertEqual(rows[0]["rows"], rows[1]["rows"])
        self.assertEqual(rows[0]["type"], "alloc_space")
        if os.path.exists(PPROF):
            top = subprocess.run([PPROF, "-top", "-unit=b", self.path + ".out"], capture_output=True, text=True, check=True)
            self.assertIn("Type: alloc_space", top.stdout)
            self.assertIn(f"of {rows[0]['total']}B total", top.stdout)

    def test_functions_of_one_name_stay_apart(self):
        writer = profile_writer.ProfileWriter(period=1)
        for i, (file, start) in enumerate((("/src/a.cc", 10), ("/src/b.cc", 10), ("/src/a.cc", 20))):
            writer.add(("main", ("init", "/usr/bin/app", file, start + 1, start)), (1, 1, 1, 1 << i))
        writer.write(self.path)
        made = json.loads(self.convert("speedscope"))
        frames = [(frame.get("file"), frame.get("line")) for frame in made["shared"]["frames"] if frame["name"] == "init"]
        self.assertEqual(sorted(frames), [("/src/a.cc", 10), ("/src/a.cc", 20), ("/src/b.cc", 10)])
        self.assertEqual(len({line.rpartition(" ")[0] for line in self.convert("folded").splitlines()}), 3)
        nodes = json.loads(self.convert("heapprofile"))["head"]["children"][0]["children"]
        self.assertEqual(sorted((node["callFrame"]["url"], node["callFrame"]["lineNumber"], node["selfSize"]) for node in nodes),
                         [("file:///src/a.cc", 9, 1), ("file:///src/a.cc", 19, 4), ("file:///src/b.cc", 9, 2)])

    def test_addresses_of_files_are_links(self):
        self.write(profile_writer.HEAP_TYPES, 1 << 30)
        self.assertIn('"functionName": "there", "scriptId": "0", "url": "file:///src/x.cc"', self.convert("heapprofile"))

    def test_refuses_what_has_no_form(self):
        self.write(profile_writer.HEAP_TYPES, 1 << 30)
        for name, said in (("chrome", "convert: inuse_space of p.pb.gz is not in units of time; choose another sample type "
                            "by --type, or --to heapprofile for bytes"),
                           ("nothing", "convert: --to: 'nothing' is not speedscope, folded, pprof, heapprofile or chrome; "
                            "see heapprof convert --help")):
            done = run("convert", "--to", name, "p.pb.gz", folder=self.folder.name)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", f"heapprof: {said}\n"))
        done = run("convert", "--to", "heapprofile", "--type", "inuse_objects", "p.pb.gz", folder=self.folder.name)
        self.assertIn("inuse_objects of p.pb.gz is not in bytes", done.stderr)
        writer = profile_writer.ProfileWriter(period=1)
        writer.add(("main",), (1, 1, -1, -1))
        writer.write(self.path)
        for name in ("speedscope", "heapprofile"):
            done = run("convert", "--to", name, "p.pb.gz", folder=self.folder.name)
            self.assertEqual(done.returncode, 2)
            self.assertIn("p.pb.gz holds negative values", done.stderr)
        self.assertEqual(run("convert", "--to", "folded", "-o", "-", self.path).stdout, "main -1\n")
        self.assertEqual(os.listdir(self.folder.name), ["p.pb.gz"])

    def test_empty_and_deep_profiles(self):
        for stacks in ((), (tuple(f"f{i}" for i in range(20000)),)):
            writer = profile_writer.ProfileWriter(period=1)
            for stack in stacks:
                writer.add(stack, (1, 1, 1, 1))
            writer.write(self.path)
            for name in ("speedscope", "folded", "heapprofile"):
                if name == "heapprofile" and stacks:
                    self.convert(name)  # deeper than Python's reader goes
                    continue
                said = "" if stacks else "heapprof: p.pb.gz: no block was recorded\n"
                self.assertEqual(sum(stacks_of(name, self.convert(name, said=said)).values()), len(stacks), name)


if __name__ == "__main__":
    HEAPPROF, PPROF = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
