#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Profiles to ClickHouse and back.

Usage: clickhouse_test.py HEAPPROF DOCS FOLDER [MODE]. Without MODE servers that answer anything but rows; with "engine" ClickHouse
itself, where it is in FOLDER already; with "full" a thousand profiles of 5,000 samples, for which it is fetched."""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse_engine  # noqa: E402
import clickhouse_server  # noqa: E402
import made_fleet  # noqa: E402
import raw_server  # noqa: E402

HEAPPROF, DOCS, NPM = sys.argv[1:4]
MODE = sys.argv[4] if len(sys.argv) > 4 else ""
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "XDG_CACHE_HOME": "/dev/null"}


def fields(line):
    """Of a row in the format TSV."""
    meanings = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
    return [re.sub(r"\\(.)", lambda found: meanings.get(found[1], found[1]), text) for text in line.split("\t")]


def run(*words, status=0, **more):
    done = subprocess.run([HEAPPROF, *words], capture_output=True, check=False, timeout=300, env=ENVIRONMENT, **more)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{words}: {done.returncode} {done.stderr.decode()}")
    return done


class AnyServer(unittest.TestCase):
    def ask(self, answers, address="", **more):
        with raw_server.RawServer(answers) as server:
            done = run("top", "--no-symbolize", f"clickhouse://127.0.0.1:{server.port}/{address}", status=2, **more)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertEqual(done.stdout, b"")
        return lines[0], server.requests

    def test_garbage_and_errors_end_in_one_line(self):
        head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
        garbage = random.Random(1).randbytes(4000)
        for answer, expected in (
                (head % (b"200 OK", len(garbage), garbage), "not what was asked for"),
                (head % (b"200 OK", 12, b"\x07" * 12), "not what was asked for"),
                (head % (b"200 OK", 100, b"\x07"), ""),
                (head % (b"404 Not Found", 41, b"Code: 60. DB::Exception: No\x1b[2J table\nmore\n"),
                 r"status 404: Code: 60. DB::Exception: No\x1b[2J table"),
                (head % (b"500 Oops", 0, b""), "status 500"),
                (head % (b"403 Forbidden", 5, b"\xff\x00\x07zz"), r"status 403: \xff\x00\x07zz"),
                (b"\x16\x03\x01 no HTTP at all", ""),
                (b"", "")):
            line, _ = self.ask([answer])
            self.assertIn(expected, line)
            self.assertNotIn("\x1b", line)

    def test_an_endless_answer_ends_at_the_bound(self):
        before = time.monotonic()
        with raw_server.RawServer([raw_server.ENDLESS]) as server:
            done = run("top", "--no-symbolize", "--max-size", "4m", f"clickhouse://127.0.0.1:{server.port}/", status=2)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertLess(time.monotonic() - before, 60)

    def test_what_the_user_says_is_in_parameters(self):
        hostile = "a'b\\c\n\t\r\0) OR 1=1 --"
        address = "?service=" + urllib.parse.quote(hostile, safe="") + "&label.k%27=" + urllib.parse.quote(hostile, safe="")
        _, requests = self.ask([b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n"], address)
        target, body = requests[0]
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query, keep_blank_values=True))
        self.assertEqual(asked["param_service"], "a'b\\\\c\\n\\t\\r\\0) OR 1=1 --")
        self.assertIn("k'", asked.values())
        self.assertEqual((asked["database"], asked["readonly"]), ("heapprof", "1"))
        self.assertNotIn("1=1", body)
        self.assertIn("service = {service:String}", body)

    def test_passwords_are_not_of_addresses(self):
        done = run("top", "clickhouse://me:secret@127.0.0.1:1/", status=2)
        self.assertIn(b"HEAPPROF_CLICKHOUSE_PASSWORD", done.stderr)
        with raw_server.RawServer([b"HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n"]) as server:
            done = subprocess.run([HEAPPROF, "top", f"clickhouse://me@127.0.0.1:{server.port}/"], capture_output=True, check=False,
                                  env={**ENVIRONMENT, "HEAPPROF_CLICKHOUSE_PASSWORD": "secret"}, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Authorization: Basic bWU6c2VjcmV0", server.heads[0])
        self.assertNotIn("secret", server.requests[0][0])

    def test_export_says_what_it_lacks(self):
        for words, expected in ((["a"], b"--clickhouse"), (["--clickhouse"], b"FILE is required"),
                                (["--clickhouse", "--schema", "a"], b"no FILE"),
                                (["--clickhouse", "--schema", "--database", "a;b"], b"letters, digits")):
            done = run("export", *words, status=2)
            self.assertIn(expected, done.stderr)

    def test_the_schema_of_the_page_is_that_of_the_command(self):
        with open(os.path.join(DOCS, "fleet", "clickhouse.md"), encoding="utf-8") as page:
            text = page.read()
        shown = re.search(r"```sql\n(CREATE DATABASE.*?)```", text, re.S).group(1)
        self.assertEqual(shown, run("export", "--clickhouse", "--schema").stdout.decode())


class Engine(unittest.TestCase):
    """ClickHouse itself behind its HTTP interface, with a fleet's profiles in it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        place = cls.folder.name
        cls.engine = clickhouse_engine.Engine(LIBRARY, os.path.join(place, "store"))
        instances, samples = (1000, 5000) if MODE == "full" else (24, 120)
        cls.files = made_fleet.write(os.path.join(place, "now"), instances, samples, version="2.1")
        cls.earlier = made_fleet.write(os.path.join(place, "before"), 12, samples, version="2.0", age=7 * 86400)
        cls.server = clickhouse_server.Server(cls.engine)
        cls.engine.run(run("export", "--clickhouse", "--schema").stdout.decode())
        cls.rows = {}
        for name, files in (("now", cls.files), ("before", cls.earlier)):
            cls.rows[name] = os.path.join(place, name + ".native")
            begin = time.process_time(), time.monotonic()
            run("export", "--clickhouse", "--no-symbolize", "-o", cls.rows[name], *files)
            exported = time.monotonic()
            cls.insert(cls.rows[name], name)
            count = len(files) * samples
            print(f"{name}: {count} samples, {os.path.getsize(cls.rows[name]) / count:.0f} bytes each; exported in "
                  f"{exported - begin[1]:.1f} s, loaded in {time.monotonic() - exported:.1f} s "
                  f"({time.process_time() - begin[0]:.1f} s of processors), {count / (time.monotonic() - exported):.0f} a second")
        cls.thread = threading.Thread(target=cls.server.serve_forever)
        cls.thread.start()
        cls.address = f"clickhouse://127.0.0.1:{cls.server.server_port}/"

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()
        cls.engine.close()
        cls.folder.cleanup()

    @classmethod
    def insert(cls, path, token):
        return cls.engine.query(f"INSERT INTO heapprof.input FROM INFILE '{path}' COMPRESSION 'none' SETTINGS insert_deduplication_token = "
                                f"'{token}', deduplicate_blocks_in_dependent_materialized_views = 1 FORMAT Native")

    def table(self, *words):
        lines = run("top", "--no-symbolize", "--limit", "0", *words).stdout.decode().splitlines()
        return lines[next(i for i, line in enumerate(lines) if "flat%" in line):]

    def test_reports_are_those_of_the_sum_of_the_files(self):
        total = os.path.join(self.folder.name, "sum.pb.gz")
        run("merge", "-o", total, *self.files)
        for words in ([], ["--by", "name", "--unfold"], ["--by", "line"], ["--type", "alloc_objects", "--cum"]):
            self.assertEqual(self.table(*words, self.address + "?service=checkout"), self.table(*words, total), words)
        one = [file for file in self.files if "0007" in file]
        self.assertEqual(self.table(self.address + "?label.host=host7"), self.table(*one))
        run("flame", "-o", os.path.join(self.folder.name, "page.html"), "--no-symbolize", self.address)

    def test_a_block_counts_once(self):
        count = self.engine.query("SELECT count() FROM heapprof.samples")
        self.insert(self.rows["now"], "now")
        self.assertEqual(self.engine.query("SELECT count() FROM heapprof.samples"), count)

    def test_a_push_arrives_once_whatever_is_lost_on_the_way(self):
        with tempfile.TemporaryDirectory() as folder:
            file = made_fleet.write(folder, 1, 40, version="3", age=3600)[0]
            # Busy, done without an answer, not done and no answer, then done.
            self.server.faults[:] = [500, "after", "before", None]
            sent = len(self.server.requests)
            done = run("push", "--no-symbolize", "--label", "service=pushed", "--label", "it's=\\\n\t'", self.address, file)
            self.assertIn(b"1 profile sent to clickhouse://", done.stdout)
            self.assertEqual(len({url["insert_deduplication_token"] for url, _ in self.server.requests[sent:]}), 1)
            self.assertEqual(len(self.server.requests) - sent, 4)
            self.assertEqual(self.table(self.address + "?service=pushed&from=-2h&label.it's=%5C%0A%09'"), self.table(file))
            run("push", "--no-symbolize", "--label", "service=pushed", "--label", "it's=\\\n\t'", self.address, file)
            self.assertEqual(self.table(self.address + "?service=pushed&from=-2h"), self.table(file))
            self.server.faults[:] = [404]
            done = run("push", "--no-symbolize", self.address, file, status=2)
            self.assertIn(b"status 404: Code: 202. DB::Exception", done.stderr)
        done = run("push", "--no-symbolize", self.address + "?service=a", self.files[0], status=2)
        self.assertIn(b"service is for reading", done.stderr)

    def test_questions_of_the_page_have_the_answers_of_the_files(self):
        with open(os.path.join(DOCS, "fleet", "clickhouse.md"), encoding="utf-8") as page:
            text = page.read()
        questions = dict(re.findall(r"<!-- question: (\w+) -->\n+```sql\n(.*?)```", text, re.S))
        self.assertGreaterEqual(set(questions), {"top", "versions", "hosts", "flame", "noise"})
        answers = {}
        self.engine.query("USE heapprof")
        for name, sql in questions.items():
            sql = re.sub(r"\bnow\(\)", f"toDateTime({made_fleet.END + 60}, 'UTC')", sql)
            answers[name] = [fields(line) for line in self.engine.query(sql.rstrip().rstrip(";")).decode().splitlines()]
            self.assertTrue(answers[name], name)
        rows = self.functions(self.files)
        then = self.functions(self.earlier)
        for name, value, spread, before in answers["top"]:
            self.assertEqual((rows[name]["flat"], then[name]["flat"]), (int(value), int(before)), name)
            # These are of the normal distribution, the command's of the gamma's.
            self.assertAlmostEqual(float(spread), (rows[name]["flat_high"] - rows[name]["flat_low"]) / 2, delta=0.2 * float(spread))
        for name, value, _ in answers["noise"]:
            self.assertEqual(rows[name]["cum"], int(value), name)
        for name, old, new, growth, _ in answers["versions"]:
            self.assertEqual([round(then[name]["flat"] / len(self.earlier)), round(rows[name]["flat"] / len(self.files))],
                             [int(old), int(new)], name)
            self.assertGreater(int(growth), 0)
        self.assertEqual(answers["hosts"][0][0], "host7")
        folded = run("folded", "--no-symbolize", "--unfold", "--long", *self.files).stdout.decode().splitlines()
        # Line feeds and the like are shown there as \xNN.
        plain = [f"{stack} {value}" for stack, value in answers["flame"] if "\0" not in stack]
        self.assertLessEqual(set(plain), set(folded))
        self.assertTrue(plain)

    def functions(self, files):
        words = ("top", "--no-symbolize", "--limit", "0", "--unfold", "--by", "name", "--json", "--long")
        return {row["name"]: row for row in json.loads(run(*words, *files).stdout)["rows"]}


if __name__ == "__main__":
    if MODE:
        LIBRARY = clickhouse_engine.library(NPM, MODE == "full")
        del AnyServer
    else:
        del Engine
    unittest.main(argv=sys.argv[:1])
