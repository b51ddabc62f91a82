#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""speedscope, as npm has it, reads what `heapprof convert` writes: its own page in Chromium, its own importers.

Usage: speedscope_test.py HEAPPROF FOLDER. The package is fetched into FOLDER once; without a registry the test is
skipped and says so.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flame"))
import browser  # noqa: E402
import npm_package  # noqa: E402
import profile_writer  # noqa: E402

PACKAGE = "speedscope@1.25.0"
HEAPPROF, PAGE = "", ""
MIB = 1 << 20
NAME = "std::vector<int, std::allocator<int> >::push_back(int const&)"
HEAP = {("main", NAME): 6 * MIB, ("main", "serve", NAME): 2 * MIB, ("main", "serve"): MIB, ("worker", "worker"): 3 * MIB}


def sums(stacks):
    """{name: (total, self)}."""
    total, own = {}, {}
    for stack, value in stacks.items():
        for name in set(stack):
            total[name] = total.get(name, 0) + value
        own[stack[-1]] = own.get(stack[-1], 0) + value
    return {name: (value, own.get(name, 0)) for name, value in total.items()}


class SpeedscopeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapprof-speedscope-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def shown(self, name):
        """What speedscope's table says of a file: {name: (total, self)} as text."""
        with open(os.path.join(self.folder, name), "rb") as file:
            text = base64.b64encode(file.read()).decode()
        script = os.path.join(self.folder, "open.js")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"speedscope.loadFileFromBase64({json.dumps(name)}, {json.dumps(text)})")
        self.browser.driver.get("about:blank")
        self.browser.driver.get(f"file://{PAGE}#view=sandwich&localProfilePath={script}")
        rows = "[...document.querySelectorAll('table tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
        self.browser.wait(f"{rows}.some((row) => row[2] === 'Symbol Name')"
                          " || /Something went wrong|Failed/.test(document.body.textContent)")
        found = self.browser.run(f"return {rows}")
        heads = [row[2] for row in found]
        self.assertIn("Symbol Name", heads, self.browser.console())
        return {row[2]: (row[0], row[1]) for row in found[heads.index("Symbol Name") + 1:]}

    def check(self, stacks, types, ending, *options):
        writer = profile_writer.ProfileWriter(types=types, period=1)
        for stack, value in stacks.items():
            writer.add(stack, (value,) * len(types))
        writer.write(os.path.join(self.folder, "p.pb.gz"))
        subprocess.run([HEAPPROF, "convert", "--unfold", "p.pb.gz", "-o", f"p{ending}", *options], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL)
        return self.shown(f"p{ending}")

    def expect(self, shown, stacks, text):
        """`text` makes of a value what speedscope shows of it."""
        all_of_it = sum(stacks.values())
        shown.pop("(root)", None)  # of V8's formats
        self.assertEqual(set(shown), set(sums(stacks)))
        for name, figures in sums(stacks).items():
            for value, cell in zip(figures, shown[name]):
                self.assertTrue(cell.startswith(text(value)), (name, cell, text(value)))
                share = float(cell.split("(")[1].strip("<%)")) / 100
                self.assertAlmostEqual(share, value / all_of_it, delta=0.01)

    def test_heap_profiles(self):
        def size(value):
            return f"{value / MIB:.2f} MB" if value else "0 B"
        for ending, *options in ((".speedscope.json", "--to", "speedscope"), (".heapprofile", "--to", "heapprofile"),
                                 (".pb.gz", "--to", "pprof")):
            self.expect(self.check(HEAP, profile_writer.HEAP_TYPES, ending, *options), HEAP, size)
        self.expect(self.check(HEAP, profile_writer.HEAP_TYPES, ".folded", "--to", "folded"), HEAP,
                    lambda value: f"{value:,}")

    def test_cpu_profiles(self):
        stacks = {stack: value * 1000 // MIB * 1000000 for stack, value in HEAP.items()}
        types = (("samples", "count"), ("cpu", "nanoseconds"))
        for ending, *options in ((".speedscope.json", "--to", "speedscope"), (".cpuprofile", "--to", "chrome")):
            self.expect(self.check(stacks, types, ending, *options), stacks,
                        lambda value: f"{value / 1e9:.2f}s" if value else "0.00")


if __name__ == "__main__":
    HEAPPROF, PAGE = sys.argv.pop(1), sys.argv.pop(1)
    browser.require()
    PAGE = npm_package.fetch(PACKAGE, PAGE, "dist/release/index.html")
    unittest.main()
