#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of `heapprof flame` in Chromium: seen, clicked, typed at. Usage: page_test.py HEAPPROF"""

import page_case
from page_case import DOWN, ENTER, ESCAPE, HOME, LEFT, RIGHT, TAB, UP, contrast, write_profile


class PageTest(page_case.PageCase):
    def test_shows_totals_table_and_facts(self):
        self.open()
        self.assertEqual(self.browser.text("#title"), "app.pb.gz")
        self.assertIn("inuse_space: 8.0 MiB \u00b7 4 stacks", self.browser.text("#summary"))
        self.assertEqual(self.frame(), ("Whole profile", "8.0 MiB, 100 % of all \u00b7 0 B by itself"))
        self.assertEqual(self.table()[:4], [
            ("5.0 MiB", "5.0 MiB", "json::Node::Node"), ("2.0 MiB", "2.0 MiB", "cache::put"),
            ("1.0 MiB", "1.0 MiB", "cache::evict"), ("0 B", "7.0 MiB", "_start")])
        facts = self.browser.text("#facts")
        for said in ("2023-11-14 22:13:20 UTC", "said by hand", "33,554,432 bytes", "/usr/lib/libcache.so.1", "0x1000000"):
            self.assertIn(said, facts)
        self.assertEqual(self.browser.texts("#legend button"), ["app62.5 %", "libcache.so.137.5 %"])

    def test_click_zooms_and_escape_returns(self):
        self.open()
        self.browser.mouse(*self.point(3, 0.5))
        self.assertEqual(self.frame(), ("serve", "6.0 MiB, 75.0 % of all \u00b7 0 B by itself"))
        self.assertEqual(self.table()[0], ("4.0 MiB", "4.0 MiB", "json::Node::Node"))
        self.assertEqual(self.browser.text("#scope"), "in serve")
        # What was 2 of 8 MiB wide is a third now.
        self.browser.mouse(*self.point(4, 0.7), click=False)
        name, figures = self.frame()
        self.assertEqual((name, figures), ("cache::put", "2.0 MiB, 25.0 % of all \u00b7 33.3 % of the zoomed frame \u00b7 "
                                           "2.0 MiB by itself"))
        self.browser.keys(ESCAPE)
        self.assertEqual(self.browser.text("#scope"), "in main")
        self.browser.click("#reset")
        self.assertEqual(self.browser.text("#scope"), "whole profile")
        self.assertTrue(self.browser.run("return document.getElementById('reset').disabled"))

    def test_pointer_shows_frames_and_leaves_the_focus(self):
        self.open()
        self.browser.mouse(*self.point(1, 0.95), click=False)
        self.assertEqual(self.frame()[0], "worker")
        self.browser.mouse(5, 5, click=False)
        self.assertEqual(self.frame()[0], "Whole profile")

    def test_search(self):
        self.open()
        self.browser.keys("/", "JSON")
        self.assertEqual(self.browser.text("#matches"), "2 functions \u00b7 62.5 %")
        self.assertEqual([row[2] for row in self.table()], ["json::Node::Node", "json::parse"])
        self.browser.keys(ENTER)  # Enter: the first match
        self.assertEqual(self.frame()[0], "json::parse")
        plain = self.color(3, 0.3)
        self.assertNotEqual(self.color(4, 0.3), plain)
        self.assertEqual(self.color(4, 0.6), plain)  # cache::put is faded as serve is
        self.browser.keys(ESCAPE)
        self.assertEqual(self.browser.text("#matches"), "")
        self.browser.keys("/^cache.*t$/")
        self.assertEqual(self.browser.text("#matches"), "2 functions \u00b7 37.5 %")
        self.browser.keys(ESCAPE, "/(/")
        self.assertEqual(self.browser.text("#matches"), "not a regex")
        self.browser.keys(ESCAPE, "src/cache")
        self.assertEqual(self.browser.text("#matches"), "2 functions \u00b7 37.5 %")
        self.browser.keys(ESCAPE, "nowhere")
        self.assertEqual(self.browser.text("#matches"), "no match")

    def test_legend_searches_for_the_module(self):
        self.open()
        self.browser.click("#legend button:last-child")
        self.assertEqual(self.browser.run("return document.getElementById('query').value"), "/usr/lib/libcache.so.1")
        self.assertEqual(self.browser.text("#matches"), "2 functions \u00b7 37.5 %")
        self.browser.click("#legend button:last-child")
        self.assertEqual(self.browser.text("#matches"), "")

    def test_switches_sample_type(self):
        self.open()
        self.browser.click("#types label:nth-of-type(2)")
        self.assertIn("alloc_space: 32.0 MiB", self.browser.text("#summary"))
        self.assertEqual(self.table()[0], ("20.0 MiB", "20.0 MiB", "cache::evict"))
        self.browser.mouse(*self.point(1, 0.1), click=False)
        self.assertEqual(self.frame()[0], "worker")  # the heaviest stands first
        self.browser.keys("t")
        self.assertIn("inuse_objects: 8,192", self.browser.text("#summary"))

    def test_type_keeps_the_zoomed_frame(self):
        self.open()
        self.browser.mouse(*self.point(3, 0.5))
        self.browser.keys("t")
        self.assertEqual(self.browser.text("#scope"), "in serve")

    def test_callers(self):
        self.open()
        self.browser.click("#order label:nth-of-type(2)")
        self.browser.mouse(*self.point(1, 0.3))
        self.assertEqual(self.frame()[0], "json::Node::Node(char const*)")
        self.assertTrue(self.frame()[1].startswith("5.0 MiB, 62.5 % of all"), self.frame())
        self.browser.mouse(*self.point(2, 0.5), click=False)
        self.assertEqual(self.frame()[0], "json::parse")
        self.browser.mouse(*self.point(3, 0.1), click=False)
        self.assertEqual(self.frame()[0], "serve")
        self.browser.mouse(*self.point(3, 0.9), click=False)
        self.assertEqual(self.frame()[0], "load")
        self.assertEqual([row[1:] for row in self.table()][-1], ("1.0 MiB", "load"))

    def test_keyboard(self):
        self.open()
        self.browser.run("document.getElementById('graph').focus()")
        spoken = "return document.getElementById(document.getElementById('graph').getAttribute('aria-activedescendant'))"
        for key, name in ((DOWN, "_start"), (RIGHT, "worker"), (LEFT, "_start"), (DOWN, "main"), (DOWN, "serve"),
                          (RIGHT, "load"), (UP, "main"), (DOWN, "serve"), (DOWN, "json::parse"), (RIGHT, "cache::put")):
            self.browser.keys(key)
            self.assertEqual(self.frame()[0], name)
            self.assertTrue(self.browser.run(spoken + ".textContent").startswith(name + ", "))
        self.assertEqual(self.browser.run(spoken + ".getAttribute('aria-level')"), "5")
        self.assertEqual(self.browser.run(spoken + ".getAttribute('aria-posinset')"), "2")
        self.browser.keys(ENTER)
        self.assertEqual(self.browser.text("#scope"), "in cache::put")
        self.browser.keys(HOME)
        self.assertEqual(self.browser.text("#scope"), "whole profile")
        self.browser.keys("?")
        self.assertTrue(self.browser.run("return document.getElementById('keys').open"))
        self.browser.keys(ESCAPE)
        self.assertFalse(self.browser.run("return document.getElementById('keys').open"))
        self.browser.keys("i")
        self.assertTrue(self.browser.run("return document.querySelector('[value=callers]').checked"))

    def test_every_control_is_reached_by_tab(self):
        self.open()
        self.browser.run("document.activeElement.blur()")
        reached = set()
        for _ in range(20):
            self.browser.keys(TAB)  # Tab
            reached.add(self.browser.run("const e = document.activeElement;"
                                         "return e.id || e.name || e.className || e.tagName"))
        self.assertLessEqual({"skip", "type", "order", "query", "help", "graph"}, reached)

    def test_table_sorts_and_chooses(self):
        self.open()
        self.browser.click("#table th:nth-child(3) button")
        self.assertEqual([row[2] for row in self.table()][:2], ["_start", "main"])
        self.browser.click("#table th:nth-child(3) button")
        self.assertEqual(self.browser.run("return document.querySelector('#table th:nth-child(3)').ariaSort"), "ascending")
        self.browser.click("#table tbody tr:nth-child(1) button")
        self.assertIn(self.frame()[0], ("load", "worker", "cache::evict"))
        self.assertEqual(self.browser.run("return document.activeElement.id"), "graph")

    def test_columns_keep_their_headings_on_a_narrow_page(self):
        write_profile(self.path("sampled.pb.gz"), period=1 << 19)
        self.flame("sampled.pb.gz", "-o", self.path("sampled.html"))
        self.browser.resize(600)
        self.addCleanup(self.browser.resize, 0)
        self.open("sampled.html")
        shown = self.browser.run(
            "return [...document.querySelectorAll('#table tr')].map((row) =>"
            " [...row.children].map((cell) => cell.offsetParent !== null))")
        self.assertTrue(any(not cell for cell in shown[0]), "the limits have no room")
        for row in shown[1:]:
            self.assertEqual(row, shown[0])

    def test_smaller_frames_are_told_and_reached(self):
        stacks = [(("main", f"f{i:04}"), 1, 1) for i in range(3000)]
        write_profile(self.path("wide.pb.gz"), stacks=stacks)
        self.flame("wide.pb.gz", "-o", self.path("wide.html"))
        self.open("wide.html")
        # 3000 frames of less than half a pixel: none is drawn, and a click shows the first ones.
        self.browser.mouse(*self.point(2, 0.5))
        self.assertEqual(self.frame()[0], "f0000")
        self.browser.mouse(*self.point(2, 0.9), click=False)
        last_seen = self.frame()[0]
        self.assertGreater(last_seen, "f0100")
        # The strip at the right edge leads on, by pointer and by keyboard.
        self.browser.mouse(*self.point(2, 0.99))
        self.assertGreater(self.frame()[0], last_seen)
        self.assertTrue(self.frame()[1].startswith("1.0 MiB"))
        self.assertFalse(self.browser.run("return document.getElementById('reset').disabled"))
        self.browser.keys(ESCAPE, ESCAPE)
        self.assertTrue(self.browser.run("return document.getElementById('reset').disabled"))
        self.browser.run("document.getElementById('graph').focus()")
        self.browser.keys(DOWN, DOWN)
        self.assertEqual(self.frame()[0], "f0000")

    def test_nothing_is_loaded(self):
        self.open()
        self.assertEqual(self.browser.run("return performance.getEntriesByType('resource').length"), 0)
        with open(self.path("app.html"), encoding="utf-8") as page:
            self.assertNotRegex(page.read(), r"https?://|innerHTML|eval\(")

    def test_hostile_names_stay_text(self):
        bad = ("</script><script>window.hit = 1</script>", "<img src=x onerror='window.hit = 2'>", '"]}\\u0022,"x', "${1}`",
               "a\u2028b\u202e", "--><b>x</b><!--", "x" * 100000, b"\xff\xfe broken", "tab\there\x00\x1b[31m")
        stacks = [((name, (name, name, name)), 1, 1) for name in bad]
        write_profile(self.path("<b>bad.pb.gz"), stacks=stacks, comments=[*bad, *[f"key: {name}" for name in bad]])
        self.flame("<b>bad.pb.gz", "-o", self.path("bad.html"))
        self.open("bad.html")
        self.assertEqual(self.browser.text("#title"), "<b>bad.pb.gz")
        self.assertTrue(self.browser.run("return document.title").startswith("<b>bad.pb.gz"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('b, img, script[src]').length"), 0)
        self.assertEqual(self.browser.run("return document.scripts.length"), 1)
        self.assertIsNone(self.browser.run("return window.hit"))
        names = self.browser.texts("#table td.symbol")
        for shown in (bad[0], "\\xff\\xfe broken", "tab\\x09here\\x00\\x1b[31m"):
            self.assertTrue(any(name.startswith(shown) for name in names), (shown, names))
        self.assertLess(max(map(len, names)), 5000)

    def test_policy_refuses_markup_and_scripts(self):
        self.open()
        refused = self.browser.run(
            "try { document.body.insertAdjacentHTML('beforeend', '<i></i>'); return false; }"
            "catch (error) { return error instanceof TypeError; }")
        self.assertTrue(refused)
        self.assertEqual(len(self.browser.console()), 1)

    def test_dark_scheme(self):
        self.open()
        light = self.color(1, 0.2)
        self.browser.media(prefers_color_scheme="dark")
        self.browser.settle()
        self.assertLess(sum(self.color(1, 0.2)), sum(light) - 150)
        self.assertLess(sum(self.computed("body", "backgroundColor")), 150)

    def test_contrast(self):
        self.open()
        for scheme in ("light", "dark"):
            self.browser.media(prefers_color_scheme=scheme)
            self.browser.settle()
            ground = self.computed("body", "backgroundColor")
            for css in ("body", "#summary", "#place", "#table th", "#legend .share"):
                self.assertGreater(contrast(self.computed(css, "color"), ground), 4.5, (scheme, css))
            text = self.browser.run("return getComputedStyle(document.documentElement).getPropertyValue('--frame-text')")
            text = tuple(int(text.strip()[i:i + 2], 16) for i in (1, 3, 5))
            for row, part in ((0, 0.5), (1, 0.3), (4, 0.2), (2, 0.95)):
                self.assertGreater(contrast(text, self.color(row, part)), 4.5, (scheme, row))


if __name__ == "__main__":
    page_case.main()
