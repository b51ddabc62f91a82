#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`heapprof list`: sums that are those of top and of pprof, source files that are elsewhere, missing or odd.

Usage: list_test.py HEAPPROF PPROF COMPILER
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flame"))
import profile_writer  # noqa: E402

HEAPPROF, PPROF, COMPILER = "", "", ""
PROGRAM = """#include <vector>
std::vector<std::vector<char>*> all;
static inline std::vector<char>* Make(int n) {
  return new std::vector<char>(n);
}
__attribute__((noinline)) void Fill() {
  for (int i = 0; i < 100; ++i) {
    all.push_back(Make(10000));
  }
}
int main() {
  Fill();
}
"""


class ListTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="heapprof-list-")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        self.path = os.path.join(self.folder, "p.pb.gz")

    def run_command(self, *words, status=0):
        # A width at which no heading needs a second line.
        done = subprocess.run([HEAPPROF, *words], capture_output=True, text=True, check=False, cwd=self.folder, timeout=60,
                              env=dict(os.environ, COLUMNS="200"))
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout, done.stderr

    def listed(self, *words):
        out, _ = self.run_command("list", "--json", *words)
        return {(one["name"], one["file"]): one for one in json.loads(out)["functions"]}

    def write_source(self, name, lines=60):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"line {i}\n" for i in range(1, lines + 1))
        os.utime(path, (1_600_000_000, 1_600_000_000))
        return path

    def write_random(self, period):
        """Recursion, functions inlined into each other and themselves, one name in two files."""
        choose = random.Random(5)
        writer = profile_writer.ProfileWriter(period=period)
        one, other = self.write_source("src/a.cc"), self.write_source("src/b.cc")

        def line():
            name = choose.choice(("f", "g", "h", "main"))
            file = choose.choice((one, other)) if name == "h" else one
            return (name, "/usr/bin/app", file, choose.randrange(1, 50))
        for _ in range(400):
            stack = tuple(tuple(line() for _ in range(choose.choice((1, 1, 2, 3)))) for _ in range(choose.randrange(1, 6)))
            size = choose.choice((16, 512, 70000))
            count = choose.randrange(1, 500)
            writer.add(stack, (count, count * size, count, count * size), size)
        writer.write(self.path)
        return one, other

    def test_sums_are_those_of_top(self):
        self.write_random(65536)
        top = json.loads(self.run_command("top", "--by", "name", "--json", "--limit", "0", self.path)[0])
        rows = {row["name"]: row for row in top["rows"]}
        found = self.listed(".", self.path)
        self.assertEqual(len(found), 5)
        for name, row in rows.items():
            parts = [one for (part, _), one in found.items() if part == name]
            self.assertEqual(sum(one["flat"] for one in parts), row["flat"], name)
            if len(parts) == 1:
                for key in ("cum", "cum_low", "cum_high", "flat_low", "flat_high"):
                    self.assertEqual(parts[0][key], row[key], (name, key))
            for one in parts:
                self.assertEqual(sum(line["flat"] for line in one["lines"]), one["flat"])
                self.assertLessEqual(max(line["cum"] for line in one["lines"]), one["cum"])
        out, _ = self.run_command("list", "^f$", self.path)
        self.assertRegex(out, r"\n\nf in .*/src/a.cc: flat [0-9.]+ MiB, cum [0-9.]+ GiB \[[0-9.]+ GiB, [0-9.]+ GiB\], [0-9.]+% of all\n")

    def test_arguments_of_plumbing_are_not_the_function(self):
        source = self.write_source("src/a.cc")
        writer = profile_writer.ProfileWriter(period=1)
        create = "std::_Function_base::_Base_manager<Enqueue(int)::<lambda()> >::_M_create<Enqueue(int)::<lambda()> >"
        insert = ("void std::vector<std::function<int()>, std::allocator<std::function<int()> > >::"
                  "_M_realloc_insert<Enqueue(int)::<lambda()> >(int)")
        own = ("Enqueue(int)", "/app", source, 10)
        writer.add((own,), (1, 100, 1, 100))
        writer.add((own, (create, "/app", "/x/std_function.h", 158)), (1, 2000, 1, 2000))
        writer.add((((insert, "/app", "/x/vector.tcc", 439), own),), (1, 30000, 1, 30000))
        writer.add((("Enqueue(int) (.cold)", "/app", source, 11),), (1, 400000, 1, 400000))
        writer.write(self.path)
        rows = json.loads(self.run_command("top", "--json", self.path)[0])["rows"]
        self.assertEqual([(row["name"], row["flat"]) for row in rows], [("Enqueue(int)", 432100)])
        found = self.listed("Enqueue", self.path)
        self.assertEqual({key: one["flat"] for key, one in found.items()}, {("Enqueue(int)", source): 432100})
        # What is asked for by its own name is shown.
        self.assertEqual({one["flat"] for one in self.listed("_M_create", self.path).values()}, {2000})

    def test_lines_are_those_of_pprof(self):
        one, other = self.write_random(1)
        if not os.path.exists(PPROF):
            self.skipTest(f"{PPROF} is not there")
        found = self.listed(".", self.path)
        text = subprocess.run([PPROF, "-list=.", "-unit=b", self.path], capture_output=True, text=True, check=True).stdout
        seen = 0
        for routine in text.split("ROUTINE ======================== ")[1:]:
            head, _, body = routine.partition("\n")
            name, _, file = head.partition(" in ")
            lines = {}
            for flat, cum, number in re.findall(r"^ *(\.|\d+B) +(\.|\d+B) +(\d+):", body, re.MULTILINE):
                if cum != ".":
                    lines[int(number)] = (int(flat.rstrip("B") or 0) if flat != "." else 0, int(cum.rstrip("B")))
            self.assertEqual(lines, {line["line"]: (line["flat"], line["cum"]) for line in found[name, file]["lines"]}, head)
            seen += 1
        self.assertEqual(seen, 5)
        self.assertEqual({file for _, file in found}, {one, other})

    def test_shows_the_lines_around_and_what_is_inlined(self):
        source = self.write_source("src/a.cc")
        writer = profile_writer.ProfileWriter(period=1)
        chain = (("inner", "/app", "/x/i.h", 4), ("middle", "/app", "/x/m.h", 3), ("outer", "/app", "/x/o.h", 2),
                 ("f", "/app", source, 10))
        writer.add((chain,), (1, 2048, 1, 2048))
        writer.add((("f", "/app", source, 30),), (1, 1024, 1, 1024))
        writer.add((("f", "/app", source, 0),), (1, 512, 1, 512))
        writer.write(self.path)
        out, err = self.run_command("list", "--context", "1", "^f$", self.path)
        self.assertEqual(err, "")
        self.assertEqual(out, f"""{self.path}, inuse_space: 3.5 KiB of 3.5 KiB
      flat        cum   line  source

f in {source}: flat 1.5 KiB, cum 3.5 KiB, 100.00% of all
     512 B      512 B      ?  (no line is known)
                           9  line 9
         .    2.0 KiB     10  line 10
         .    2.0 KiB         > outer  o.h:2
   2.0 KiB    2.0 KiB           > ... 1 more > inner  i.h:4
                          11  line 11
                         ...
                          29  line 29
   1.0 KiB    1.0 KiB     30  line 30
                          31  line 31
""")

    def test_sources_are_found_elsewhere(self):
        writer = profile_writer.ProfileWriter(period=1)
        writer.add((("f", "/app", "/build/app-1.2/src/a.cc", 3),), (1, 1024, 1, 1024))
        writer.write(self.path)
        self.write_source("here/src/a.cc")
        for options in (("--source-root", "here"), ("--source-root", "none", "--source-root", "here/src"),
                        ("--source-map", "/build/app-1.2=here"), ("--source-map", "/build=/x", "--source-root", "here"),
                        ("--source-root", "here/")):
            out, err = self.run_command("list", "f", self.path, *options)
            self.assertIn("3  line 3\n", out, options)
            self.assertEqual(err, "", options)

    def test_missing_sources_are_told_once(self):
        writer = profile_writer.ProfileWriter(period=1)
        for i in range(5):
            for name in ("f", "g"):
                writer.add(((f"{name}{i}", "/app", f"/nowhere/{i}.cc", 3),), (1, 1024, 1, 1024))
        writer.write(self.path)
        out, err = self.run_command("list", ".", self.path)
        self.assertEqual(out.count("   1.0 KiB    1.0 KiB      3\n"), 10)
        self.assertEqual(err, "heapprof: source files that are not here: /nowhere/0.cc, /nowhere/1.cc, /nowhere/2.cc and 2 more; "
                         "--source-root FOLDER looks for them below FOLDER, --source-map OLD=NEW changes their beginnings\n")
        out, err = self.run_command("list", "nothing", self.path, status=2)
        self.assertEqual((out, err), ("", f"heapprof: list: no function of {self.path} that holds anything matches nothing\n"))
        self.assertEqual(self.listed("nothing", self.path), {})

    def test_odd_sources_do_no_harm(self):
        writer = profile_writer.ProfileWriter(period=1)
        odd = {"fifo": "f", "escapes": "e", "short": "s", "new": "n"}
        for name, function in odd.items():
            writer.add(((function, "/app", os.path.join(self.folder, name), 2),), (1, 1024, 1, 1024))
        writer.add((("z", "/app", "/dev/zero", 2),), (1, 1024, 1, 1024))
        writer.write(self.path)
        os.mkfifo(os.path.join(self.folder, "fifo"))
        for name, text in (("escapes", "1\n\ta\x1b[31m\r\n"), ("short", "1\n"), ("new", "1\n2\n")):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8", newline="") as file:
                file.write(text)
            if name != "new":
                os.utime(file.name, (1_600_000_000, 1_600_000_000))
        out, err = self.run_command("list", ".", self.path)
        self.assertIn("2          a\\x1b[31m\n", out)
        self.assertIn("source files that are not here: /dev/zero, " + os.path.join(self.folder, "fifo") + ";", err)
        self.assertIn("changed after the profile was taken, lines may have moved: " + os.path.join(self.folder, "new") + "\n", err)

    def test_hostile_lines_do_no_harm(self):
        source = self.write_source("src/a.cc")
        writer = profile_writer.ProfileWriter(period=1)
        for line in ((1 << 63) - 1, -1, -(1 << 63), 61):
            writer.add((("f", "/app", source, line),), (1, 1024, 1, 1024))
        # More than any compiler puts into one place.
        writer.add((tuple((f"g{i}", "/app", source, 1 + i % 60) for i in range(3000)),), (1, 1024, 1, 1024))
        writer.write(self.path)
        out, _ = self.run_command("list", ".", self.path)
        self.assertIn("9223372036854775807\n", out)
        out, _ = self.run_command("list", "--json", "^g2999$", self.path)
        (line,) = json.loads(out)["functions"][0]["lines"]
        self.assertEqual((line["cum"], len(line["inlined"])), (1024, 100))

    def test_a_program(self):
        with open(os.path.join(self.folder, "program.cc"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        subprocess.run([COMPILER, "-g", "-O1", "program.cc", "-o", "program"], cwd=self.folder, check=True)
        self.run_command("run", "--interval", "1", "--output", "p", "--exit-dump", "--", "./program")
        fill = self.listed("Fill", "--type", "alloc_space", "p.heap.pb.gz")["Fill()", os.path.join(self.folder, "program.cc")]
        line = max(fill["lines"], key=lambda one: one["cum"])
        self.assertEqual((line["line"], line["source"]), (8, "    all.push_back(Make(10000));"))
        self.assertGreaterEqual(line["cum"], 1_000_000)
        self.assertIn("Make", " ".join(one["name"] for one in line["inlined"]))


if __name__ == "__main__":
    HEAPPROF, PPROF, COMPILER = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
