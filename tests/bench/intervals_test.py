# SPDX-License-Identifier: Apache-2.0
"""The statistics of the benches."""

import collections
import math
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))
from method import intervals  # noqa: E402


class Limits(unittest.TestCase):

    def test_ranks_are_those_of_the_tables(self):
        # Of tables of the sign test, 95 %: the k-th of n values from either end.
        for count, rank in {1: 0, 5: 0, 6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 20: 6, 25: 8, 50: 18, 100: 40}.items():
            self.assertEqual(intervals.rank_of_limits(count), rank, count)
        self.assertEqual(intervals.rank_of_limits(10, 0.99), 1)
        self.assertEqual(intervals.rank_of_limits(0), 0)

    def test_limits_enclose_the_median_as_often_as_they_say(self):
        # Of a law that is far from normal: its median is exp(0) = 1, and its mean is 7.4.
        chance, tried = random.Random(1), 4000
        for count, least in ((6, 0.969), (9, 0.961), (15, 0.965)):
            inside = 0
            for _ in range(tried):
                found = intervals.median([math.exp(2 * chance.gauss(0, 1)) for _ in range(count)])
                inside += not found.told_from(1)
            # Four standard deviations, sqrt(0.03 * 0.97 / 4000) each, below what the formula says.
            self.assertAlmostEqual(inside / tried, least, delta=0.0125, msg=str(count))

    def test_few_values_have_no_limits_and_tell_nothing(self):
        found = intervals.median([3.0, 3.1, 3.2, 3.3, 3.4])
        self.assertEqual((found.middle, found.low, found.high, found.count), (3.2, None, None, 5))
        self.assertFalse(found.told_from(1))
        self.assertEqual((found.text(), found.short()), ("3.20 (of 5)", "3.20*"))

    def test_what_cannot_be_told_apart_is_marked(self):
        self.assertEqual(intervals.median([0.9, 0.98, 1.0, 1.0, 1.02, 1.1]).text(), "~1.00 (0.90-1.10)")
        self.assertEqual(intervals.median([0.91, 0.92, 0.93, 0.94, 0.95, 0.96]).text(), "0.94 (0.91-0.96)")
        self.assertEqual(intervals.median([0.9, 0.98, 1.0, 1.0, 1.02, 1.1]).short(), "~1.00")
        # A limit that is 1 itself does not tell it apart, and its neighbour does.
        self.assertFalse(intervals.median([1.0] + [1.1] * 5).told_from())
        self.assertTrue(intervals.median([1.0001] + [1.1] * 5).told_from())

    def test_one_run_among_nine_that_was_disturbed_changes_little(self):
        quiet = [0.97, 0.98, 0.98, 0.99, 0.99, 0.99, 1.0, 1.0]
        found = intervals.median(quiet + [7.0])
        self.assertEqual((found.middle, found.low, found.high), (0.99, 0.98, 1.0))


class Means(unittest.TestCase):

    def test_of_programs_in_each_round(self):
        found = intervals.geometric_mean([[0.5] * 6, [2.0] * 6])
        self.assertEqual(tuple(round(value, 12) for value in found[:3]), (1, 1, 1))
        found = intervals.geometric_mean([[0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [1.0] * 6])
        self.assertAlmostEqual(found.low, 0.5 ** (2 / 3))
        self.assertAlmostEqual(found.high, 1.0)

    def test_rounds_that_not_all_programs_have_are_left_out(self):
        self.assertEqual(intervals.geometric_mean([[2.0] * 9, [2.0] * 6]).count, 6)


class Orders(unittest.TestCase):

    def test_each_stands_once_at_each_place(self):
        names = ("a", "b", "c", "d", "e")
        found = intervals.orders(names, 10, seed=1)
        for block in (found[:5], found[5:]):
            for place in range(5):
                self.assertEqual(sorted(order[place] for order in block), sorted(names))

    def test_the_seed_says_all(self):
        names = ("a", "b", "c", "d", "e")
        self.assertEqual(intervals.orders(names, 20, seed="x"), intervals.orders(names, 20, seed="x"))
        self.assertNotEqual(intervals.orders(names, 20, seed="x"), intervals.orders(names, 20, seed="y"))
        self.assertEqual(len(intervals.orders(names, 7, seed=1)), 7)

    def test_the_one_before_is_not_always_the_same(self):
        before = collections.Counter()
        for order in intervals.orders("abcde", 100, seed=1):
            before.update(a for a, b in zip(order, order[1:]) if b == "a")
        self.assertEqual(set(before), set("bcde"))
        self.assertLess(max(before.values()), 40)  # of 80, 20 being a fourth


if __name__ == "__main__":
    unittest.main()
