#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the page of `heapprof flame` leaves out and puts in: files of a timeline, labels, wrappers, sources, themes, paper.

Usage: filters_test.py HEAPPROF
"""

import base64
import json
import os
import subprocess
import zlib

import page_case
import profile_writer
from page_case import LEFT, MIB, RIGHT

SECOND = 1_000_000_000


class FiltersTest(page_case.PageCase):
    def write(self, name, stacks, labels=(), time=0, period=1):
        """Stacks of {frames: MiB}, each with the labels of its place."""
        writer = profile_writer.ProfileWriter(period=period, time_nanos=1_700_000_000 * SECOND + time * SECOND)
        for i, (stack, value) in enumerate(stacks.items()):
            for labelled in (labels[i] if labels else [((), value)]):
                pairs, size = labelled
                writer.add(stack, (size * 1024, size * MIB) * 2, 1024, pairs)
        writer.write(self.path(name))

    def data(self, name):
        """The JSON text of a page."""
        with open(self.path(name), encoding="utf-8") as page:
            text = page.read().partition('id="profile">')[2].partition("</script>")[0]
        data = zlib.decompress(base64.b64decode(text))
        return json.loads(data[4:4 + int.from_bytes(data[:4], "little")])

    def rows(self):
        return {name: (flat, cum) for flat, cum, name in self.table()}

    def top(self, name, *options):
        """{function: (flat, cum)} in MiB, as the page shows it."""
        out = subprocess.run([self.command, "top", "--json", "--limit", "0", *options, self.path(name)], check=True,
                             capture_output=True, text=True).stdout
        show = lambda value: f"{value / MIB:.1f} MiB" if value else "0 B"  # noqa: E731
        return {row["name"]: (show(row["flat"]), show(row["cum"])) for row in json.loads(out)["rows"]}

    def test_files_are_a_timeline(self):
        for i, name in enumerate(("b.pb.gz", "c.pb.gz", "a.pb.gz")):
            self.write(name, {("main", "leak"): 2 + 4 * i, ("main", "steady"): 8, ("main", f"only{i}"): 1}, time=10 * i)
        # In the order in which they were taken, whatever that of the words is.
        self.flame("a.pb.gz", self.path("b.pb.gz"), self.path("c.pb.gz"), "-o", self.path("line.html"))
        self.open("line.html")
        self.assertEqual(self.browser.text("#title"), "b.pb.gz \u2026 a.pb.gz")
        self.assertEqual(self.browser.text("#moment-text"), "3 of 3 \u00b7 a.pb.gz \u00b7 2023-11-14 22:13:40 UTC \u00b7 19.0 MiB")
        self.assertEqual(self.rows(), self.top("a.pb.gz"))
        self.browser.mouse(*self.point(2, 0.2))
        self.assertEqual(self.frame()[0], "leak")
        self.browser.keys("[")
        self.assertIn("2 of 3 \u00b7 c.pb.gz", self.browser.text("#moment-text"))
        self.assertEqual(self.frame(), ("leak", "6.0 MiB, 40.0 % of all \u00b7 6.0 MiB by itself"))
        self.browser.click("#reset")
        self.assertEqual(self.rows(), self.top("c.pb.gz"))
        self.browser.run("document.getElementById('moment').focus()")
        self.browser.keys(LEFT)
        self.assertEqual(self.rows(), self.top("b.pb.gz"))
        self.browser.keys(LEFT, RIGHT)
        self.assertIn("c.pb.gz", self.browser.run("return document.getElementById('moment').ariaValueText ?? "
                                                  "document.getElementById('moment').getAttribute('aria-valuetext')"))
        heights = self.browser.run("return [...document.querySelectorAll('#bars span')].map((e) => e.offsetHeight)")
        self.assertEqual(heights, sorted(heights))
        self.assertLess(heights[0], heights[2])
        self.browser.click("#bars span:nth-child(3)")
        self.assertEqual(self.rows(), self.top("a.pb.gz"))
        self.assertIn("b.pb.gz2023-11-14 22:13:20 UTC", self.browser.text("#facts"))

    def test_labels_filter_graph_table_and_timeline(self):
        labels = [[((("tenant", "a"), ("shard", 1)), 4), ((("tenant", "b"),), 2), ((), 1)], [((("tenant", "b"),), 8)]]
        stacks = {("main", "f"): 7, ("main", "g"): 8}
        self.write("one.pb.gz", stacks, labels, time=1)
        self.write("two.pb.gz", stacks, [[((("tenant", "a"),), 3)], []], time=2)
        self.flame("one.pb.gz", self.path("two.pb.gz"), "-o", self.path("labels.html"))
        self.open("labels.html")
        self.browser.keys("[")
        self.assertEqual(self.browser.texts("#labels label > span"), ["tenant", "shard"])
        self.assertEqual(self.browser.texts("#labels label:first-child option"), ["all", "a", "b", "(without)"])

        def choose(key, value):
            self.browser.run("const s = document.querySelectorAll('#labels select')[arguments[0]];"
                             "s.value = [...s.options].find((o) => o.text === arguments[1]).value;"
                             "s.dispatchEvent(new Event('change'))", key, value)
            self.browser.settle()
        self.assertEqual(self.rows(), self.top("one.pb.gz"))
        for value, name in (("a", "4.0 MiB"), ("b", "10.0 MiB")):
            choose(0, value)
            self.assertEqual(self.rows(), self.top("one.pb.gz", "--tag", f"tenant={value}"))
            self.assertTrue(self.browser.text("#moment-text").endswith(name))
            self.assertIn(f"tenant = {value}", self.browser.text("#scope"))
            self.assertIn(name, self.browser.text("#summary"))
        choose(0, "(without)")
        self.assertEqual(self.rows(), {"f": ("1.0 MiB", "1.0 MiB"), "main": ("0 B", "1.0 MiB")})
        choose(0, "a")
        choose(1, "1")
        self.assertEqual(self.rows(), {"f": ("4.0 MiB", "4.0 MiB"), "main": ("0 B", "4.0 MiB")})
        self.browser.keys("]")
        self.assertEqual(self.rows(), {})
        choose(0, "all")
        choose(1, "all")
        self.assertEqual(self.rows(), self.top("two.pb.gz"))

    def test_wrappers_fold(self):
        vector = "std::vector<int, std::allocator<int> >::push_back(int const&)"
        self.write("fold.pb.gz", {("main", "fill", vector, "operator new(unsigned long)"): 4, ("main", "copy", "xmalloc"): 2})
        self.flame("fold.pb.gz", "-o", self.path("fold.html"))
        self.open("fold.html")
        self.assertEqual(self.rows(), self.top("fold.pb.gz"))
        self.assertEqual(set(self.rows()), {"main", "fill", "copy"})
        self.assertIn("xmalloc", self.browser.run("return document.getElementById('fold').title"))
        self.browser.click("#fold input")
        self.assertEqual(self.rows()["std::vector<int>::push_back"], ("0 B", "4.0 MiB"))
        self.assertEqual(self.rows()["xmalloc"], ("2.0 MiB", "2.0 MiB"))
        self.assertEqual(len(self.rows()), 6)
        self.browser.keys("f")
        self.assertEqual(self.rows(), self.top("fold.pb.gz"))
        self.flame("fold.pb.gz", "--unfold", "-o", self.path("fold.html"))
        self.open("fold.html")
        self.assertEqual(len(self.rows()), 6)
        # What there is nothing of needs no switch.
        self.open()
        self.assertTrue(self.browser.run("return document.getElementById('fold').hidden"))

    def test_names_tell_functions_apart(self):
        names = ("int app::f(int)", "int app::f(std::vector<int, std::allocator<int> > const&)", "void app::g<int>(int) const", "h")
        self.write("names.pb.gz", {("main", name): 1 + i for i, name in enumerate(names)})
        self.flame("names.pb.gz", "-o", self.path("names.html"))
        self.open("names.html")
        self.assertEqual([row[2] for row in self.table()][:4], ["h", "app::g<int>", "app::f(std::vector<int> const&)", "app::f(int)"])
        self.browser.mouse(*self.point(2, 0.5))
        self.assertEqual(self.frame()[0], "void app::g<int>(int) const")
        self.assertEqual(self.browser.text("#scope"), "in app::g<int>")

    def test_filters_of_the_command(self):
        self.write("cut.pb.gz", {("main", "f", "g"): 4, ("main", "h"): 2})
        for options in (("--focus", "g"), ("--ignore", "g"), ("--hide", "^f$")):
            self.flame("cut.pb.gz", *options, "-o", self.path("cut.html"))
            self.open("cut.html")
            self.assertEqual(self.rows(), self.top("cut.pb.gz", *options), options)

    def write_source(self):
        os.makedirs(self.path("src"), exist_ok=True)
        for name in ("a.cc", "secret"):
            with open(self.path("src/" + name if name == "a.cc" else name), "w", encoding="utf-8") as file:
                file.writelines(f"line {i} of {name}\n" for i in range(1, 40))
        os.utime(self.path("src/a.cc"), (1_600_000_000, 1_600_000_000))
        if not os.path.islink(self.path("src/link.cc")):
            os.symlink(self.path("secret"), self.path("src/link.cc"))
        writer = profile_writer.ProfileWriter(period=1)
        for line, size in ((10, 4), (30, 6)):
            writer.add(("main", ("f", "/usr/bin/app", "/build/src/a.cc", line)), (1, size * MIB, 1, size * MIB))
        for name in (self.path("secret"), "/build/src/link.cc", "/build/src/../secret"):
            writer.add(("main", (name, "/usr/bin/app", name, 3)), (1, MIB, 1, MIB))
        writer.write(self.path("source.pb.gz"))

    def test_sources_are_put_in_when_asked(self):
        self.write_source()
        words = [self.command, "flame", self.path("source.pb.gz"), "-o", self.path("source.html"), "--embed-source"]
        done = subprocess.run([*words, "--source-root", self.path("src")], capture_output=True, text=True, check=True)
        self.assertIn("source files that are not here: ", done.stderr)
        self.open("source.html")
        self.assertTrue(self.browser.run("return document.getElementById('source').hidden"))
        self.browser.mouse(*self.point(2, 0.2))
        self.assertEqual(self.frame()[0], "f")
        self.assertEqual(self.browser.text("#place"), "/build/src/a.cc:30 \u00b7 /usr/bin/app")
        lines = self.browser.texts("#lines tr")
        self.assertEqual(lines[:5], [f"{i}line {i} of a.cc" for i in range(6, 10)] + ["4.0 MiB10line 10 of a.cc"])
        self.assertIn("6.0 MiB30line 30 of a.cc", lines)
        self.assertIn("\u2026", lines)
        # Nothing of a file that lies elsewhere, whatever the profile calls it.
        self.assertNotIn("of secret", json.dumps(self.data("source.html")))
        refused = subprocess.run(words, capture_output=True, text=True, check=False)
        self.assertEqual((refused.returncode, refused.stderr), (2, "heapprof: flame: --embed-source puts in what lies below a "
                                                                "--source-root, and there is none\n"))

    def test_places_are_links(self):
        self.write_source()
        href = "return document.querySelector('#place a')?.getAttribute('href') ?? null"
        for options, address in (
                ((), None),
                (("--source-root", self.path("src")), f"file://{self.path('src/a.cc')}"),
                (("--source-root", self.path("src"), "--source-link", "https://host/blob/{path}#L{line}"), "https://host/blob/a.cc#L30"),
                (("--source-link", "vscode://file{path}:{line}"), "vscode://file/build/src/a.cc:30")):
            subprocess.run([self.command, "flame", self.path("source.pb.gz"), "-o", self.path("source.html"), *options],
                           capture_output=True, check=True)
            self.assertNotIn("line 30", json.dumps(self.data("source.html")))
            self.open("source.html")
            self.browser.mouse(*self.point(2, 0.2))
            self.assertEqual(self.browser.run(href), address, options)

    def test_theme_is_chosen(self):
        self.open()
        light = self.computed("body", "backgroundColor"), self.color(1, 0.2)
        self.browser.click("#theme")
        dark = self.computed("body", "backgroundColor"), self.color(1, 0.2)
        self.assertLess(sum(dark[0]), 150)
        self.assertLess(sum(dark[1]), sum(light[1]) - 150)
        self.browser.media(prefers_color_scheme="dark")
        self.browser.keys("d")
        self.browser.settle()
        self.assertEqual((self.computed("body", "backgroundColor"), self.color(1, 0.2)), light)
        self.assertEqual(self.browser.run("return document.getElementById('theme').getAttribute('aria-pressed')"), "false")

    def test_prints_the_whole_graph_on_white(self):
        self.write("deep.pb.gz", {tuple(f"f{i}" for i in range(60)): 1})
        self.flame("deep.pb.gz", "-o", self.path("deep.html"))
        self.open("deep.html")
        self.browser.click("#theme")
        on_screen = self.browser.run("return document.getElementById('canvas').height")
        self.browser.run("window.addEventListener('afterprint', () => { window.printed = true; });"
                         "window.addEventListener('beforeprint', () => {"
                         "  const c = document.getElementById('canvas'); const style = getComputedStyle(document.documentElement);"
                         "  window.paper = [c.height, style.getPropertyValue('--ground').trim()]; })")
        printed = self.browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        self.assertTrue(base64.b64decode(printed["data"]).startswith(b"%PDF"))
        height, ground = self.browser.run("return window.paper")
        self.assertGreater(height, 60 * page_case.ROW)
        self.assertGreater(height, on_screen)
        self.assertEqual(ground, "#ffffff")
        self.browser.wait("window.printed")
        self.assertEqual(self.browser.run("return document.documentElement.dataset.theme"), "dark")
        self.assertEqual(self.browser.run("return document.getElementById('canvas').height"), on_screen)

    def test_refuses_what_is_no_timeline(self):
        self.write("p.pb.gz", {("main",): 1})
        writer = profile_writer.ProfileWriter(types=(("samples", "count"), ("cpu", "nanoseconds")))
        writer.add(("main",), (1, 1))
        writer.write(self.path("cpu.pb.gz"))
        for words, said in ((("p.pb.gz", "p.pb.gz", "--diff", "p.pb.gz"), "flame: --diff shows the change to one FILE"),
                            (("p.pb.gz", "cpu.pb.gz"), "cpu.pb.gz: has no sample type alloc_objects"),
                            (("-", "-"), "flame: standard input is one profile")):
            done = subprocess.run([self.command, "flame", *words], capture_output=True, text=True, check=False, cwd=self.folder)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    page_case.main()
