# SPDX-License-Identifier: Apache-2.0
"""What tests of the flame graph's page share: small profiles, a browser, ways to look at the page.

HEAPPROF_SCREENSHOTS=FOLDER keeps a picture of the end of each test, for people to look at.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import browser
import profile_writer

MIB = 1 << 20
ROW = 19  # pixels, as tools/flame/page/chart.js has it
DOWN, UP, RIGHT, LEFT, ENTER, HOME, ESCAPE, TAB = "\ue015\ue013\ue014\ue012\ue007\ue011\ue00c\ue004"

# Stacks and what they hold, in MiB: allocated, in use.
STACKS = (
    (("_start", "main", "serve", "json::parse", "json::Node::Node(char const*)"), 6, 4),
    (("_start", "main", "serve", ("cache::put", "/usr/lib/libcache.so.1", "src/cache.cc")), 2, 2),
    (("_start", "main", "load", "json::parse", "json::Node::Node(char const*)"), 4, 1),
    (("worker", ("cache::evict", "/usr/lib/libcache.so.1", "src/cache.cc")), 20, 1),
)


def write_profile(path, stacks=STACKS, period=1, comments=(), size=1024):
    writer = profile_writer.ProfileWriter(period=period, comments=comments)
    for stack, allocated, live in stacks:
        values = (allocated * MIB // size, allocated * MIB, live * MIB // size, live * MIB)
        writer.add(stack, values, size)
    writer.write(path)


class PageCase(unittest.TestCase):
    """One browser for all tests of a class, and ways to look at the page."""

    command = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapprof-flame-")
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", cls.folder], check=True)
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)
        write_profile(cls.path("app.pb.gz"), comments=("pid: 7", "start-time: 2026-01-01T00:00:00Z", "said by hand"))
        cls.flame("app.pb.gz", "-o", cls.path("app.html"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def flame(cls, name, *options):
        subprocess.run([cls.command, "flame", cls.path(name), *options], check=True, stdout=subprocess.DEVNULL)

    def setUp(self):
        self.browser.media(prefers_reduced_motion="reduce", prefers_color_scheme="light")

    def tearDown(self):
        self.assertEqual(self.browser.console(), [])

    def open(self, name="app.html"):
        self.browser.open(self.path(name))
        self.addCleanup(self.keep_screenshot)

    def keep_screenshot(self):
        if "HEAPPROF_SCREENSHOTS" in os.environ:
            self.browser.screenshot(os.path.join(os.environ["HEAPPROF_SCREENSHOTS"], self.id().split(".")[-1] + ".png"))

    def point(self, row, part):
        """The place in the window of the graph's row and part (0 to 1) of its width."""
        box = self.browser.run("const b = document.getElementById('canvas').getBoundingClientRect();"
                               "return [b.x, b.y, b.width]")
        return box[0] + part * box[2], box[1] + (row + 0.5) * ROW

    def color(self, row, part):
        """The colour of the graph there, of a pixel near the frame's lower edge, where no text is."""
        return tuple(self.browser.run(
            "const c = document.getElementById('canvas');"
            "const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true});"
            "copy.drawImage(c, 0, 0);"
            "return [...copy.getImageData(c.width * arguments[0], arguments[1], 1, 1).data].slice(0, 3)",
            part, int((row + 1) * ROW - 3)))

    def frame(self):
        """The name and the figures that are shown of the current frame."""
        return self.browser.text("#name"), self.browser.text("#figures")

    def table(self):
        return [(flat, cum, name) for flat, cum, name in zip(
            self.browser.texts("#table td:nth-child(1)"), self.browser.texts("#table td:nth-child(3)"),
            self.browser.texts("#table td.symbol"))]

    def computed(self, css, name):
        text = self.browser.run("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, name)
        return tuple(int(part) for part in text[text.index("(") + 1:-1].split(",")[:3])


def contrast(one, other):
    """The ratio of WCAG 2, 1 to 21."""
    def luminance(color):
        parts = [c / 255 for c in color]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def main():
    """Runs the tests of the calling file: FILE HEAPPROF [unittest options]."""
    browser.require()
    PageCase.command = sys.argv.pop(1)
    unittest.main()
