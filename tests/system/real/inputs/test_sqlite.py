# SPDX-License-Identifier: Apache-2.0
"""Tests of Python's sqlite3 module. Debian's package of Python's own tests leaves test.test_sqlite3 out."""
import datetime
import sqlite3
import threading
import unittest


class SqliteTest(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:", check_same_thread=False)
        self.db.execute("create table t (id integer primary key, name text, data blob)")

    def tearDown(self):
        self.db.close()

    def fill(self, count):
        rows = ((i, f"name {i}", bytes([i % 256]) * (i % 100)) for i in range(count))
        self.db.executemany("insert into t values (?, ?, ?)", rows)

    def test_values_come_back(self):
        self.fill(2000)
        for i, name, data in self.db.execute("select * from t order by id"):
            self.assertEqual((name, data), (f"name {i}", bytes([i % 256]) * (i % 100)))

    def test_errors_are_raised(self):
        with self.assertRaises(sqlite3.OperationalError):
            self.db.execute("select * from absent")
        self.fill(1)
        with self.assertRaises(sqlite3.IntegrityError):
            self.fill(1)
        with self.assertRaises(sqlite3.ProgrammingError):
            self.db.execute("select ?", (1, 2))

    def test_functions_of_python(self):
        def fails(_):
            raise ZeroDivisionError
        class Longest:
            def __init__(self):
                self.best = ""
            def step(self, text):
                self.best = max(self.best, text, key=len)
            def finalize(self):
                return self.best
        self.fill(1000)
        self.db.create_function("twice", 1, lambda text: text + text)
        self.db.create_function("fails", 1, fails)
        self.db.create_aggregate("longest", 1, Longest)
        self.db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
        self.assertEqual(self.db.execute("select twice(name) from t where id = 7").fetchone(), ("name 7name 7",))
        self.assertEqual(len(self.db.execute("select longest(name) from t").fetchone()[0]), 8)
        first = self.db.execute("select name from t order by name collate backwards limit 1").fetchone()
        self.assertEqual(first, ("name 999",))
        with self.assertRaises(sqlite3.OperationalError):
            self.db.execute("select fails(1)")

    def test_rollback(self):
        self.fill(10)
        self.db.commit()
        self.db.execute("delete from t")
        self.db.rollback()
        self.assertEqual(self.db.execute("select count(*) from t").fetchone(), (10,))

    def test_backup_dump_and_blob(self):
        self.fill(500)
        self.db.commit()
        with sqlite3.connect(":memory:") as copy:
            self.db.backup(copy, pages=3)
            self.assertEqual(list(copy.iterdump()), list(self.db.iterdump()))
        with self.db.blobopen("t", "data", 99) as blob:
            self.assertEqual(blob.read(), bytes([99]) * 99)
            blob[0] = 1
        self.assertEqual(self.db.execute("select data from t where id = 99").fetchone()[0][:2], b"\1c")

    def test_rows_and_types(self):
        self.db.row_factory = sqlite3.Row
        row = self.db.execute("select 1 as one, null as missing, 2.5 as real, 'x' as text").fetchone()
        self.assertEqual((row["one"], row["missing"], row["real"], row["TEXT"]), (1, None, 2.5, "x"))
        with sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES) as typed:
            typed.execute("create table d (day date)")
            typed.execute("insert into d values (?)", (datetime.date(2020, 2, 29).isoformat(),))
            self.assertEqual(typed.execute("select day from d").fetchone(), (datetime.date(2020, 2, 29),))

    def test_threads_share_a_database(self):
        uri = "file:shared?mode=memory&cache=shared"
        keeper = sqlite3.connect(uri, uri=True)
        keeper.execute("create table s (thread, value)")
        keeper.commit()
        lock = threading.Lock()
        def work(number):
            with sqlite3.connect(uri, uri=True, timeout=60) as mine:
                for i in range(50):
                    with lock:
                        mine.execute("insert into s values (?, ?)", (number, "v" * i))
                        mine.commit()
            mine.close()
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(keeper.execute("select count(*) from s").fetchone(), (200,))
        keeper.close()


if __name__ == "__main__":
    unittest.main(verbosity=0)
