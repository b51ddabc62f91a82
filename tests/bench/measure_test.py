# SPDX-License-Identifier: Apache-2.0
"""bench_measure, and how programs are run by it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))
from method import runs  # noqa: E402

BUILD = os.environ.get("BENCH_BUILD", os.path.join(runs.ROOT, "build/release"))
PYTHON = "/usr/bin/python3"


@unittest.skipUnless(os.path.exists(runs.program(BUILD, "measure")), "bench_measure is not built")
class Measured(unittest.TestCase):

    def test_memory_at_its_peak_on_average_and_at_the_end(self):
        # 64 MiB for a while, and then none; the looks come each 10 ms.
        run = runs.measured(BUILD, (PYTHON, "-ISc", "import time; a = b'x' * (64 << 20); time.sleep(.15); del a; time.sleep(.15)"), {})
        self.assertGreater(run.peak, 64 << 10)
        self.assertLess(run.last, 40 << 10)
        self.assertTrue(run.last < run.average < run.peak, run)
        self.assertTrue(0.3 <= run.seconds and run.processor < run.seconds, run)

    def test_what_a_child_holds_counts(self):
        code = "import os, time; p = os.fork(); a = b'x' * (64 << 20) if p == 0 else 0; time.sleep(.15); p and os.wait()"
        self.assertGreater(runs.measured(BUILD, (PYTHON, "-ISc", code), {}).average, 20 << 10)  # 10 MiB without the child

    def test_the_environment_is_the_programs_and_nothing_foreign_is_in_it(self):
        foreign = {"MALLOC_CONF": "narenas:1", "MALLOC_ARENA_MAX": "1", "MALLOC_PERTURB_": "7", "GLIBC_TUNABLES": "glibc.malloc.perturb=7",
                   "MIMALLOC_VERBOSE": "0", "TCMALLOC_SAMPLE_PARAMETER": "1", "HEAP_PROFILE_TIME_INTERVAL": "1", "LD_AUDIT": ""}
        with unittest.mock.patch.dict(os.environ, foreign):
            run = runs.measured(BUILD, ("/usr/bin/env",), {"HEAPPROF_OPTIONS": "a=b"})
        lines = run.output.decode().splitlines()
        self.assertIn("HEAPPROF_OPTIONS=a=b", lines)
        self.assertFalse([line for line in lines if line.split("=")[0] in foreign])

    def test_a_program_that_fails_is_no_measurement(self):
        with self.assertRaises(runs.Failed):
            runs.measured(BUILD, ("/bin/false",), {})
        with self.assertRaises(runs.Failed):
            runs.measured(BUILD, (PYTHON, "-ISc", "import os; os.kill(os.getpid(), 9)"), {})

    def test_nothing_runs_on_when_the_bench_is_stopped(self):
        class Stopped(Exception):
            pass

        def stop(*_):
            raise Stopped

        before = signal.signal(signal.SIGALRM, stop)
        mark = f"100.{os.getpid()}"
        try:
            with self.assertRaises(Stopped):
                runs.measured(BUILD, ("sh", "-c", f"kill -ALRM {os.getpid()}; exec sleep {mark}"), {})
        finally:
            signal.signal(signal.SIGALRM, before)
        # What was killed goes as soon as it is given a processor, or waits for the process that takes orphans.
        left, end = True, time.monotonic() + 20
        while left and time.monotonic() < end:
            lines = subprocess.run(("ps", "-e", "-o", "stat=,args="), capture_output=True, text=True, check=True).stdout.splitlines()
            left = [line for line in lines if f"sleep {mark}" in line and not line.startswith("Z")]
        self.assertFalse(left)

    def test_a_server_is_ended_by_its_last_client(self):
        with tempfile.TemporaryDirectory() as folder:
            ready, done = (os.path.join(folder, name) for name in ("ready", "done"))
            os.mkfifo(done)
            code = f"open({ready!r}, 'w').close(); open({done!r}).read()"
            run = runs.served(BUILD, (PYTHON, "-ISc", code), {}, (("echo", "one"), ("sh", "-c", f"echo two; : > {done}")), ready)
            self.assertEqual(run.output, b"one\ntwo\n")
            self.assertGreater(run.processor, 0)
            # The file is there still, as the socket of a server that was killed is: the next client waits for the next server.
            with open(ready, "w", encoding="ascii") as file:
                file.write("old")
            code = f"import time; time.sleep(.1); {code}"
            run = runs.served(BUILD, (PYTHON, "-ISc", code), {}, (("cat", ready), ("sh", "-c", f": > {done}")), ready)
            self.assertEqual(run.output, b"")
            os.remove(ready)
            with self.assertRaises(runs.Failed):  # ends before it is ready
                runs.served(BUILD, ("/bin/false",), {}, (("echo",),), ready)


if __name__ == "__main__":
    unittest.main()
