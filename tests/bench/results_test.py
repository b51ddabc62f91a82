# SPDX-License-Identifier: Apache-2.0
"""What the comparison makes of its runs: ratios, tables, the history and the picture; and the scores that programs print."""

import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))
from method import contenders  # noqa: E402
from method import picture  # noqa: E402
from method import report  # noqa: E402
from method import results as measured  # noqa: E402
from method import runs  # noqa: E402
from method import workloads  # noqa: E402


def row(program, contender, number, time, session="2026-01-02T03:04:05+00:00", **more):
    figures = dict(time=time, seconds=time, processor=time, peak=1000.0, average=800.0, last=700.0, instructions=None)
    return measured.Row(**{**dict(machine="A processor x 2", commit="abc", library="l1", session=session, series="512k", work=200,
                                  set="single", program=program, contender=contender, round=number, place=0), **figures, **more})


def some_rows():
    """Six rounds on a machine that gets slower all the time: only runs of one round are alike."""
    rows = []
    for number in range(6):
        slow = 2.0 ** number
        rows += [row("tree", "jemalloc", number, slow), row("tree", "heapprof 512k", number, slow * (0.9 + number / 1000)),
                 row("cc1plus", "heapprof 512k", number, slow * (1.02 if number % 2 else 0.98)), row("cc1plus", "jemalloc", number, slow)]
    return rows


class Ratios(unittest.TestCase):

    def test_are_of_runs_of_one_round(self):
        found = measured.Results(some_rows()).estimate("512k", "tree", "heapprof 512k", "jemalloc", "time")
        self.assertEqual([round(value, 4) for value in found[:3]], [0.9025, 0.9, 0.905])

    def test_a_round_without_the_other_is_left_out(self):
        rows = [r for r in some_rows() if not (r.contender == "jemalloc" and r.round == 2)]
        self.assertEqual(measured.Results(rows).estimate("512k", "tree", "heapprof 512k", "jemalloc", "time").count, 5)
        self.assertIsNone(measured.Results(rows).estimate("512k", "tree", "mimalloc", "jemalloc", "time"))

    def test_rounds_of_two_sessions_are_not_mixed_up(self):
        rows = some_rows() + [r._replace(session="later", time=r.time * (1 if r.contender == "jemalloc" else 1.5)) for r in some_rows()]
        ratios = measured.Results(rows).ratios("512k", "tree", "heapprof 512k", "jemalloc", "time")
        self.assertEqual(sum(ratio > 1.3 for ratio in ratios), 6)
        self.assertEqual(len(ratios), 12)

    def test_instructions_that_the_same_session_counted_take_no_round_away(self):
        rows = some_rows() + [row("tree", name, 0, None, instructions=1e9) for name in ("jemalloc", "heapprof 512k")]
        self.assertEqual(measured.Results(rows).estimate("512k", "tree", "heapprof 512k", "jemalloc", "time").count, 6)
        self.assertEqual(measured.Results(rows).ratios("512k", "tree", "heapprof 512k", "jemalloc", "instructions"), [1.0])

    def test_against_another_contender(self):
        results = measured.Results(some_rows())
        self.assertAlmostEqual(results.estimate("512k", "tree", "jemalloc", "heapprof 512k", "time").low, 1 / 0.905)


class Files(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "runs.csv")

    def tearDown(self):
        self.folder.cleanup()

    def test_runs_come_back_as_they_were(self):
        measured.append(self.path, some_rows()[:3])
        measured.append(self.path, some_rows()[3:] + [row("tree", "jemalloc", 0, None, peak=None, instructions=12345678.0)])
        self.assertEqual(measured.read(self.path)[:-1], some_rows())
        self.assertEqual(measured.read(self.path)[-1].instructions, 12345678)
        self.assertIsNone(measured.read(self.path)[-1].time)

    def test_only_the_last_build_counts(self):
        old = [r._replace(library="l0") for r in some_rows()]
        self.assertEqual(measured.of_one_build(old + some_rows()), some_rows())
        self.assertEqual(measured.of_one_build(old + some_rows(), "l0"), old)
        self.assertEqual(measured.of_one_build(old, "none"), [])
        elsewhere = [r._replace(machine="Another x 4") for r in some_rows()]
        self.assertEqual(measured.of_one_build(elsewhere + some_rows()), some_rows())

    def test_runs_of_another_length_are_not_mixed_in(self):
        short = [r._replace(work=80, session="earlier") for r in some_rows()]
        other = [r._replace(series="4k", work=100) for r in some_rows()]
        self.assertEqual(measured.of_one_build(short + other + some_rows()), other + some_rows())
        self.assertEqual(measured.of_one_build(some_rows() + other + short), other + short)

    def test_a_file_of_other_columns_is_refused(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("a,b\n1,2\n")
        with self.assertRaises(SystemExit):
            measured.read(self.path)

    def test_history_keeps_other_commits_and_replaces_this_one(self):
        first = measured.history_lines(measured.Results(some_rows()), "jemalloc")
        later = measured.history_lines(measured.Results([r._replace(commit="def") for r in some_rows()]), "jemalloc")
        again = measured.history_lines(measured.Results([r._replace(time=r.time * 2) if r.contender != "jemalloc" else r
                                                         for r in some_rows()]), "jemalloc")
        for lines in (first, later, again):
            measured.record(self.path, lines)
        with open(self.path, encoding="utf-8") as file:
            written = file.read().splitlines()
        self.assertEqual(written[0], ",".join(measured.HISTORY))
        self.assertEqual(len(written), 1 + len(first) + len(later))
        tree = [line for line in written if ",tree,heapprof 512k,time," in line]
        self.assertEqual(tree, ["def,2026-01-02,A processor x 2,512k,tree,heapprof 512k,time,0.9025,0.9000,0.9050,6",
                                "abc,2026-01-02,A processor x 2,512k,tree,heapprof 512k,time,1.8050,1.8000,1.8100,6"])
        self.assertTrue(any(",mean of single (2),heapprof 512k,time," in line for line in written))
        measured.record(self.path, [line for line in again if line[6] == "time"])  # the others stay
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(sorted(file.read().splitlines()), sorted(written))

    def test_the_history_of_this_tree_has_these_columns(self):
        with open(os.path.join(runs.ROOT, "bench/history.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[0], ",".join(measured.HISTORY))
        self.assertEqual({line.count(",") for line in lines}, {len(measured.HISTORY) - 1})


class Shown(unittest.TestCase):

    def test_tables_have_the_medians_and_what_cannot_be_told_apart(self):
        text = "\n".join(report.whole(measured.Results(some_rows()), "jemalloc"))
        self.assertIn("| heapprof 512k | 0.90 (0.90-0.91) | ~1.00 (0.98-1.02) |", text)
        self.assertIn("heapprof 512k, single-threaded and real programs (2), resident memory over the run: 1.00 (1.00-1.00) of jemalloc's, "
                      "from which it cannot be told; most: tree ~1.00 (1.00-1.00)", text)
        self.assertNotIn("instructions", text)

    def test_means_tell_of_how_many_programs_they_are_and_stand_against_each_other(self):
        rows = some_rows() + [row("tree", "mimalloc", number, 0.45 * 2.0 ** number) for number in range(6)] + \
            [row("cc1plus", "slow one", number, 25 * 2.0 ** number) for number in range(6)]
        results = measured.Results(rows)
        text = "\n".join(report.means_table(results, "jemalloc"))
        self.assertIn("0.45 (0.45-0.45), 1 programs only", text)
        self.assertIn("25 (25-25), 1 programs only", text)
        self.assertEqual(text.count("only"), 6)  # time and memory of two contenders
        text = "\n".join(report.means_table(results, "jemalloc", "heapprof 512k"))
        self.assertIn("2.01 (2.00-2.01), 1 programs only", text)  # 0.9 over 0.45
        self.assertIn("most: cc1plus ~1.00", "\n".join(report.bounds(results, "jemalloc")))

    def test_instructions_have_three_digits_and_no_limits(self):
        rows = some_rows() + [row("tree", name, 0, None, peak=None, average=None, last=None, instructions=count)
                              for name, count in (("jemalloc", 1e9), ("heapprof 512k", 1.002e9))]
        text = "\n".join(report.whole(measured.Results(rows), "jemalloc"))
        self.assertIn("| heapprof 512k | 1.002 |", text)
        self.assertIn("instructions: 1.002 of jemalloc's; most: tree 1.002", text)

    def test_the_readme_is_replaced_between_its_marks(self):
        lines = report.for_readme(measured.Results(some_rows()), "jemalloc")
        text = "a\n<!-- bench: table -->\nwhat was\n<!-- end of bench: table -->\nb\n"
        once = report.put(text, "table", lines)
        self.assertEqual(report.put(once, "table", lines), once)
        self.assertTrue(once.startswith("a\n<!-- bench: table -->\n") and once.endswith("\n<!-- end of bench: table -->\nb\n"))
        self.assertIn("**heapprof 512k**", once)
        self.assertNotIn("what was", once)
        with self.assertRaises(SystemExit):
            report.put("no marks", "table", lines)

    def test_the_documents_have_their_marks(self):
        for path, name in (("README.md", "table"), ("docs/benchmarks.md", "tables")):
            with open(os.path.join(runs.ROOT, path), encoding="utf-8") as file:
                self.assertIn("\nhere\n", report.put(file.read(), name, ["here"]))

    def test_the_picture_has_a_mark_for_each_and_its_limits(self):
        drawing = picture.draw(measured.Results(some_rows()), "jemalloc")
        root = xml.etree.ElementTree.fromstring(drawing)
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual([word for word in words if word in ("tree", "cc1plus", "mean, single")], ["tree", "cc1plus", "mean, single"])
        circles = [float(c.get("cx")) for c in root.iter("{http://www.w3.org/2000/svg}circle")]
        self.assertEqual(len(circles), 1 + 2 * 3)  # the legend's, and two panels of three rows
        at = {e.text: float(e.get("x")) for e in reversed(list(root.iter("{http://www.w3.org/2000/svg}text")))}  # the left panel's ticks
        self.assertTrue(at["0.71"] < circles[1] < at["1"])  # tree, 0.9
        self.assertIsNone(picture.draw(measured.Results([]), "jemalloc"))


class Programs(unittest.TestCase):

    def test_scores_are_seconds_an_operation(self):
        outputs = {
            "larson": ("Throughput = 55599640 operations per second, relative time: 17.986s.\nDone sleeping...", 1 / 55599640),
            "xmalloc-test": ("rtime: 6.349, free/sec: 15.750 M\n", 1e-6 / 15.75),
            "rptest": ("crt 2 threads linear size [8,16000] 100 ops: ........4818804 memory ops/CPU second (50MiB peak", 1 / 4818804),
            "glibc-thread": ("160679229 iterations\n", 1 / 160679229),
            "db_bench": ("fillrandom   :       4.000 micros/op 509332 ops/sec\nreadrandom   :       1.000 micros/op 1129902", 2e-6),
            "redis": ('"test","rps","avg_latency_ms","min_latency_ms"\n"SET","200000.00","0.124","0.056"\n"LPUSH","50000.00","0.2","0.1"\n',
                      1e-5),
        }
        self.assertEqual(set(outputs), set(workloads.SCORES))
        for name, (text, seconds) in outputs.items():
            self.assertAlmostEqual(workloads.SCORES[name](text) / seconds, 1, msg=name)
            with self.assertRaises(runs.Failed):
                workloads.SCORES[name]("Segmentation fault")

    def test_contenders_have_names_of_their_own_and_a_series(self):
        if runs.find_library("libjemalloc.so.2") is None:
            self.skipTest("libjemalloc.so.2 is not installed")
        found, _ = contenders.contenders("/lib/libheapprof.so.0", "/tmp")
        names = [taker.name for taker in found]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({taker.series for taker in found}, set(contenders.SERIES))
        self.assertIn(contenders.OURS, names)


if __name__ == "__main__":
    unittest.main()
