# SPDX-License-Identifier: Apache-2.0
"""What a call of the bench does with what it was asked for, and with what came of it. Nothing is measured."""

import argparse
import contextlib
import io
import os
import signal
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))
import run  # noqa: E402
from method import contenders  # noqa: E402
from method import results as measured  # noqa: E402
from method import runs  # noqa: E402
from method import workloads  # noqa: E402
from results_test import some_rows  # noqa: E402


class FakeBench:
    """Measures nothing, and ends as it is told."""
    end, failed = None, 0

    def __init__(self, _):
        self.failures = FakeBench.failed

    def measure(self):
        if FakeBench.end:
            raise FakeBench.end


class Calls(unittest.TestCase):

    def setUp(self):
        FakeBench.end, FakeBench.failed = None, 0
        self.folder = tempfile.TemporaryDirectory()
        self.csv, self.history = (os.path.join(self.folder.name, name) for name in ("runs.csv", "history.csv"))
        measured.append(self.csv, some_rows())

    def tearDown(self):
        self.folder.cleanup()

    def call(self, *words):
        """The status, and what was said."""
        said = io.StringIO()
        with unittest.mock.patch.object(run, "HISTORY", self.history), unittest.mock.patch.object(run, "Bench", FakeBench), \
                contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            return run.main(["--csv", self.csv, *words]), said.getvalue()

    def test_what_was_measured_is_recorded(self):
        self.assertEqual(self.call("--record")[0], 0)
        self.assertTrue(os.path.exists(self.history))

    def test_a_part_of_what_was_asked_for_is_shown_but_not_recorded(self):
        for end, failed in ((run.Stopped, 0), (KeyboardInterrupt, 0), (None, 1)):
            FakeBench.end, FakeBench.failed = end, failed
            status, said = self.call("--record", "--readme")
            self.assertEqual(status, 1)
            self.assertIn("not recorded", said)
            self.assertFalse(os.path.exists(self.history))

    def test_a_file_of_other_columns_is_refused_before_anything_is_measured(self):
        FakeBench.end = AssertionError
        with open(self.csv, "w", encoding="utf-8") as file:
            file.write("a,b\n1,2\n")
        with self.assertRaises(SystemExit):
            self.call()

    def test_a_name_that_is_none_is_refused(self):
        FakeBench.end = AssertionError
        with self.assertRaises(SystemExit) as refused:
            self.call("--series", "512k,512")
        self.assertIn("512", str(refused.exception))
        if runs.find_library("libjemalloc.so.2") is None:
            self.skipTest("libjemalloc.so.2 is not installed")
        bench = object.__new__(run.Bench)
        bench.library, bench.scratch = "/lib/libheapprof.so.0", self.folder.name
        bench.options = argparse.Namespace(contenders="heapprof,maloc", only="", quick=True, build="", mimalloc_bench=None)
        with self.assertRaises(SystemExit) as refused:
            bench.chosen()
        self.assertIn("maloc", str(refused.exception))

    def test_a_terminal_that_closes_stops_the_bench_and_nohup_keeps_it(self):
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            run.listen()
            self.assertEqual([signal.getsignal(number) for number in before], [run.stop, run.stop])
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            run.listen()
            self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Program:
    """Runs of a second that print what `outputs` says, or fail where `failing` does."""
    name, set, slow, same_output, environment, stdin = "tree", "single", False, True, {}, None

    def __init__(self):
        self.ran, self.outputs, self.failing = [], {}, {}

    def measure(self, _, contender, percent):
        self.ran.append((contender.name, percent))
        if self.failing.get(contender.name) == [name for name, _ in self.ran].count(contender.name):
            raise runs.Failed(f"{contender.name}: status 1")
        return runs.Run(2.0, 1.0, 1, 1, 1, self.outputs.get(contender.name, b""))

    def time(self, measured_run):
        return workloads.Workload.time(self, measured_run)

    score = None

    def times(self, name):
        return [ran for ran, _ in self.ran].count(name)


class Rounds(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.program = Program()
        self.takers = [contenders.Contender(name, {}, "512k", few=name == "b") for name in ("jemalloc", "a", "b")]
        self.bench = object.__new__(run.Bench)
        self.bench.head, self.bench.failures = ("machine", "commit", "library", "session"), 0
        self.bench.options = argparse.Namespace(build="", rounds=8, quick=False, seed="1", csv=os.path.join(self.folder.name, "runs.csv"))

    def tearDown(self):
        self.folder.cleanup()

    def rows(self, name):
        """Of the contender, once the rounds are made."""
        with contextlib.redirect_stderr(io.StringIO()):
            self.bench.times("512k", self.program, self.takers)
        return [row for row in measured.read(self.bench.options.csv) if row.contender == name]

    def test_begin_when_the_program_has_run_once(self):
        self.assertEqual(len(self.rows("jemalloc")), 8)
        self.assertEqual(self.program.times("jemalloc"), 9)
        self.assertEqual(self.program.ran[0][0], "jemalloc")

    def test_of_what_is_very_slow_are_three_and_of_programs_that_sleep_six(self):
        self.assertEqual(len(self.rows("b")), 3)
        self.program = Program()
        self.program.slow, self.bench.options.csv = True, os.path.join(self.folder.name, "slow.csv")
        self.assertEqual(len(self.rows("a")), 6)

    def test_who_fails_is_told_of_and_runs_no_more_and_the_others_go_on(self):
        self.program.failing = {"a": 3}
        self.assertEqual(len(self.rows("a")), 2)
        self.assertEqual((self.program.times("a"), self.program.times("jemalloc"), self.bench.failures), (3, 9, 1))

    def test_another_output_ends_it(self):
        self.program.outputs = {"a": b"other"}
        with self.assertRaises(SystemExit):
            self.rows("a")

    def test_are_of_less_work_where_it_is_to_be_quick(self):
        self.bench.options.quick = True
        self.assertEqual({row.work for row in self.rows("a")}, {80})
        self.assertEqual({percent for _, percent in self.program.ran}, {80})

    def test_with_threads_time_is_the_clocks_and_else_the_processors(self):
        self.assertEqual({(row.time, row.instructions) for row in self.rows("a")}, {(1.0, None)})
        self.program.set, self.bench.options.csv = "threads", os.path.join(self.folder.name, "threads.csv")
        self.assertEqual({row.time for row in self.rows("a")}, {2.0})


if __name__ == "__main__":
    unittest.main()
