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
from method import results as measured  # noqa: E402
from method import runs  # noqa: E402
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


class Rounds(unittest.TestCase):

    def test_begin_when_the_program_has_run_once(self):
        program = unittest.mock.Mock(name="program", slow=False, same_output=False, set="single")
        program.name = "tree"
        program.measure.return_value = runs.Run(1.0, 1.0, 1, 1, 1, b"")
        program.time.return_value = 1.0
        takers = [unittest.mock.Mock(few=False, command=()) for _ in range(3)]
        for taker, name in zip(takers, ("jemalloc", "a", "b")):
            taker.name = name
        with tempfile.TemporaryDirectory() as folder:
            bench = object.__new__(run.Bench)
            bench.head, bench.failures = ("machine", "commit", "library", "session"), 0
            bench.options = argparse.Namespace(build="", rounds=2, quick=False, seed="1", csv=os.path.join(folder, "runs.csv"))
            with contextlib.redirect_stderr(io.StringIO()):
                bench.times("512k", program, takers)
            self.assertEqual(len(measured.read(bench.options.csv)), 6)
        self.assertEqual(program.measure.call_count, 7)
        self.assertIs(program.measure.call_args_list[0].args[1], takers[0])


if __name__ == "__main__":
    unittest.main()
