# SPDX-License-Identifier: Apache-2.0
"""The statistics of the bench: in which order runs are made, and what a median of few ratios is worth.

Nothing here supposes a distribution. The limits of a median are two of the measured values themselves: n values in order,
x(1) <= ... <= x(n), of independent runs enclose the true median with

    P(x(k) <= median <= x(n + 1 - k)) = 1 - 2 P(B <= k - 1),   B of the binomial law of n tosses of a coin,

and k is the greatest for which that is at least 95 %. Fewer than six values have no such k, and so no limits.
"""

import math
import random
import statistics
import typing

CONFIDENCE = 0.95


class Estimate(typing.NamedTuple):
    """A median with its limits; these are None where the values are too few for any."""
    middle: float
    low: typing.Optional[float]
    high: typing.Optional[float]
    count: int

    def told_from(self, value=1.0):
        """Whether `value` is outside of the limits."""
        return self.low is not None and not self.low <= value <= self.high

    def text(self, form="{:.2f}"):
        """`0.94 (0.92-0.97)`; `~1.01 (0.99-1.02)` where it cannot be told from 1, `0.94 (of 3)` where there are no limits."""
        middle = form.format(self.middle)
        if self.low is None:
            return f"{middle} (of {self.count})"
        return f"{'' if self.told_from() else '~'}{middle} ({form.format(self.low)}-{form.format(self.high)})"

    def short(self, form="{:.2f}"):
        """Without the limits: `0.94`, `~1.01`, `0.94*` where there are none."""
        middle = form.format(self.middle)
        return f"{middle}*" if self.low is None else middle if self.told_from() else f"~{middle}"


def rank_of_limits(count, confidence=CONFIDENCE):
    """k as above, from 1; 0 where there is none."""
    tail, rank = 0.0, 0
    while rank < count // 2:
        tail += math.comb(count, rank) / 2 ** count
        if 1 - 2 * tail < confidence:
            break
        rank += 1
    return rank


def median(values, confidence=CONFIDENCE):
    """The Estimate of the median of `values`, of which there is at least one."""
    ordered = sorted(values)
    rank = rank_of_limits(len(ordered), confidence)
    low, high = (ordered[rank - 1], ordered[-rank]) if rank else (None, None)
    return Estimate(statistics.median(ordered), low, high, len(ordered))


def geometric_mean(columns, confidence=CONFIDENCE):
    """The Estimate of programs' geometric mean. `columns` has a list of ratios for each program, one a round.

    Rounds of different programs are independent, so that the means of the first rounds, the second ones, ... are independent
    values, whose median and limits are those of the formula above. Rounds that not all programs have are left out.
    """
    return median([math.exp(statistics.fmean(map(math.log, row))) for row in zip(*columns)], confidence)


def orders(names, rounds, seed):
    """The order of `names` in each round. In as many rounds as there are names each stands once at each place, and which follows
    which is drawn: neither what ran before nor a drift of the machine is always the same one's."""
    chance, found = random.Random(seed), []
    while len(found) < rounds:
        circle = list(names)
        chance.shuffle(circle)
        starts = list(range(len(circle)))
        chance.shuffle(starts)
        found += [circle[start:] + circle[:start] for start in starts]
    return found[:rounds]
