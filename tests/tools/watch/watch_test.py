#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`heapprof watch` in a terminal: tmux draws what the command writes, and tells what stands there.

Usage: watch_test.py HEAPPROF LIBRARY SUBJECT. A test waits for the text that it wants, in the pane, and for no time.
"""

import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SKIPPED = 77  # what CTest is told to take for "skipped"
HEAPPROF, LIBRARY, SUBJECT = "", "", ""
PATIENCE = 20  # seconds


class WatchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="heapprof-tmux-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.sockets = []
        self.subject = subprocess.Popen([SUBJECT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder,
                                        env=dict(os.environ, LD_PRELOAD=LIBRARY, HEAPPROF_OPTIONS="sample_interval=1"))
        self.addCleanup(self.end)
        self.assertEqual(self.subject.stdout.readline(), "ready\n")
        self.pid = str(self.subject.pid)

    def end(self):
        if self.sockets:
            self.tmux("kill-server", check=False)
        self.wait_for("^$", where=self.folders_as_lines)
        if self.subject.poll() is None:
            self.subject.kill()
        self.subject.communicate()

    def folders_as_lines(self):
        return ["".join(self.folders())]

    def say(self, line):
        self.subject.stdin.write(line + "\n")
        self.subject.stdin.flush()
        self.assertEqual(self.subject.stdout.readline(), "done\n")

    def folders(self):
        """Private folders of this test's user."""
        return [name for name in glob.glob("/tmp/heapprof-watch.*") if self.since <= os.stat(name).st_mtime]

    @classmethod
    def setUpClass(cls):
        cls.since = time.time()

    def tmux(self, *words, check=True):
        done = subprocess.run(["tmux", "-f", "/dev/null", "-S", self.sockets[-1], *words], capture_output=True, text=True, check=False,
                              timeout=PATIENCE, env=dict(os.environ, LC_ALL="C.UTF-8"))
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def start(self, *words, columns=80, rows=24, terminal="tmux-256color", locale="C.UTF-8", **more):
        """Runs a shell's line in a pane: the command, and then its status."""
        self.sockets.append(os.path.join(self.folder, f"tmux{len(self.sockets)}"))
        variables = dict(more, LC_ALL=locale, TERM=terminal, XDG_CACHE_HOME="/dev/null")
        line = "trap : INT; cd " + self.folder + "; echo the line before; " + " ".join(f"{key}={value}" for key, value in variables.items())
        line += " " + shlex.join([HEAPPROF, "watch", "--interval", "0.1", *words]) + "; echo status $?; exec cat"
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "exec sh -c " + shlex.quote(line))

    def lines(self, *words):
        return self.tmux("capture-pane", "-p", *words).split("\n")[:-1]

    def wait_for(self, *patterns, where=None):
        """The pane's lines, once each pattern is found in one of them."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = (where or self.lines)()
            if all(any(re.search(pattern, line) for line in lines) for pattern in patterns):
                return lines
            self.assertLess(time.monotonic(), end, f"{patterns} in:\n" + "\n".join(lines))
            time.sleep(0.01)

    def row_of(self, function):
        return next(i for i, line in enumerate(self.lines()) if function in line)

    def quit(self, status=0):
        self.tmux("send-keys", "q")
        lines = self.wait_for(f"^status {status}$")
        self.assertEqual(lines[0], "the line before")
        return lines

    def test_shows_what_grows_first_and_sorts_by_keys(self):
        self.start(self.pid)
        self.wait_for(r" 8\.0 MiB +0 +0   .*KeptTable")
        for _ in range(3):
            self.say("grow")
        self.say("churn")
        lines = self.wait_for(r" 3\.0 MiB +\+3\.0 MiB .*/s   .*GrowingCache", r" 0 B +0 .*/s   .*PassingBuffer")
        self.assertRegex(lines[0], rf"^ heapprof watch: process {self.pid} \(watch_subject\) +every 0\.1 s$")
        self.assertRegex(lines[1], r"^ RSS +[0-9.]+ MiB +[+-][0-9.]+ .*/s  [▁▂▃▄▅▆▇█]+$")
        self.assertRegex(lines[2], r"^ live +11\.[0-9] MiB +\+[0-9.]+ .*/s  [▁▂▃▄▅▆▇█]+$")
        self.assertRegex(lines[3], r"^ allocated +[0-9.]+ .*/s +[▁▂▃▄▅▆▇█]+$")
        self.assertRegex(lines[4], r"^ \[L+[a-zA-Z?]*\]$")
        self.assertEqual(len(lines[4]), 79)
        self.assertRegex(lines[5], r"^ L live blocks \d+%  \w \w+ \d+%")
        self.assertRegex(lines[23], r"^ q quit  g growth  l live  a allocated   by growth of \d+(\.\d)? s$")
        self.assertLess(self.row_of("GrowingCache"), self.row_of("KeptTable"))
        self.tmux("send-keys", "l")
        self.wait_for("live\\*")
        self.assertLess(self.row_of("KeptTable"), self.row_of("GrowingCache"))
        self.tmux("send-keys", "a")
        self.wait_for("allocated\\*")
        self.assertLess(self.row_of("PassingBuffer"), self.row_of("GrowingCache"))
        folder = self.folders()
        self.assertEqual(len(folder), 1)
        self.assertEqual(os.stat(folder[0]).st_mode & 0o777, 0o700)
        self.quit()
        self.assertEqual(os.listdir(self.folder), ["tmux0"], "files of the process' own pattern")

    def test_follows_the_size_of_the_terminal(self):
        self.start(self.pid)
        self.wait_for("KeptTable")
        self.tmux("resize-window", "-x", "132", "-y", "40")
        self.wait_for(r"^.{119} every 0\.1 s$", r"KeptTable")
        lines = self.wait_for(r"^ q quit  ")
        self.assertEqual(len(lines), 40)
        self.assertIn("q quit", lines[39])
        # Small: the totals and the first row stay.
        self.tmux("resize-window", "-x", "40", "-y", "7")
        lines = self.wait_for(r"^ heapprof watch: process \d+ \(watch", r"^ RSS  ", r"^ live  ", r"^ +live +growth\*   function$",
                              r"^ q quit  ")
        self.assertEqual(len(lines), 7)
        self.assertFalse(any("live blocks" in line for line in lines), lines)
        self.wait_for(r"8\.0 MiB +0   .*eptTable$")
        self.tmux("resize-window", "-x", "10", "-y", "2")
        self.wait_for(r"^ heapprof$", r"^ RSS *$")
        self.tmux("resize-window", "-x", "80", "-y", "24")
        self.wait_for(r"^ RSS  ", "KeptTable", r"L live blocks")
        self.quit()

    def test_keeps_the_last_screen_of_a_process_that_ends(self):
        self.start(self.pid)
        self.wait_for("KeptTable")
        self.subject.stdin.write("end\n")
        self.subject.stdin.flush()
        self.wait_for(rf"^ process {self.pid} has ended   q quit$", "KeptTable", r"^ RSS  ")
        lines = self.quit()
        # It stays among the shell's lines.
        self.assertTrue(any("KeptTable" in line for line in lines), lines)
        self.assertTrue(any(line == f" process {self.pid} has ended" for line in lines), lines)

    def test_signals_leave_the_terminal_as_it_was(self):
        for sent, status in ((None, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            self.start(self.pid)
            self.wait_for("KeptTable")
            settings = self.tmux("list-panes", "-F", "#{alternate_on} #{cursor_flag} #{pane_tty}").split()
            self.assertEqual(settings[:2], ["1", "0"])
            self.assertIn("-icanon", self.stty(settings[2]))
            if sent is None:
                self.tmux("send-keys", "C-c")
            else:
                os.kill(self.pid_of_command(), sent)
            self.assertEqual(self.wait_for(f"^status {status}$")[0], "the line before")
            self.assertEqual(self.tmux("list-panes", "-F", "#{alternate_on} #{cursor_flag}"), "0 1\n")
            self.assertNotIn("-icanon", self.stty(settings[2]))
            self.assertEqual(self.folders(), [])
            self.tmux("kill-server")

    def status_of(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return file.read().split("\n")

    def stty(self, terminal):
        return subprocess.run(["stty", "-a", "-F", terminal], capture_output=True, text=True, check=True).stdout

    def pid_of_command(self):
        shell = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
            return int(file.read().split()[0])

    def test_tells_of_a_process_that_does_not_answer_and_goes_on(self):
        self.start(self.pid, "--timeout", "0.2")
        self.wait_for("KeptTable")
        self.subject.send_signal(signal.SIGSTOP)
        self.wait_for(rf"^ process {self.pid} is stopped; nothing is sent", "KeptTable")
        self.subject.send_signal(signal.SIGCONT)
        self.say("grow")
        self.wait_for(r" 1\.0 MiB +\+1\.0 MiB .*GrowingCache", r"^ q quit")
        # A signal that it has taken for itself meanwhile is not sent.
        self.say("own")
        self.wait_for(rf"^ process {self.pid} .*SIGUSR2")
        self.say("grow")
        self.quit()

    def test_has_no_colours_and_no_unicode_where_there_are_none(self):
        self.start(self.pid)
        self.wait_for("KeptTable")
        self.assertTrue(any("\033[" in line for line in self.lines("-e")))
        self.quit()
        self.tmux("kill-server")
        self.start(self.pid, NO_COLOR="1", locale="C")
        self.say("churn")
        lines = self.wait_for("KeptTable", r"^ live .*  [_.:=+*#-]{2,}$")
        self.assertFalse(any("\033[" in line for line in self.lines("-e")))
        self.assertTrue("\n".join(lines).isascii())
        self.quit()

    def test_refuses_what_is_no_terminal(self):
        self.start(self.pid, terminal="dumb")
        self.wait_for(r"^heapprof: watch cannot draw on this terminal \(TERM=dumb\)", "^status 2$")
        done = subprocess.run([HEAPPROF, "watch", self.pid], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("watch needs a terminal", done.stderr)

    def test_refuses_a_process_without_the_library_in_a_line(self):
        self.start(str(os.getpid()), columns=100)
        lines = self.wait_for(rf"^heapprof: process {os.getpid()} does not run under heapprof", "^status 2$")
        self.assertEqual(lines[0], "the line before")

    def test_stops_and_goes_on_with_the_job(self):
        self.start(self.pid)
        self.wait_for("KeptTable")
        command = self.pid_of_command()
        os.kill(command, signal.SIGTSTP)
        self.wait_for("^the line before$")
        self.wait_for(r"^State:\s+T", where=lambda: self.status_of(command))
        os.kill(command, signal.SIGCONT)
        self.wait_for(r"^ RSS  ", "KeptTable")
        self.quit()


if __name__ == "__main__":
    HEAPPROF, LIBRARY, SUBJECT = sys.argv[1:4]
    if shutil.which("tmux") is None:
        print("skipped: tmux is not installed; scripts/install-deps installs it")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
