# SPDX-License-Identifier: Apache-2.0
"""The comparison as one SVG: a row a program, a mark a contender with its limits as a line, time at the left, memory at the right."""

import html
import math

from method import contenders
from method import workloads

# Colours that people who see few of them tell apart (Okabe and Ito), and a shape for each besides.
LOOKS = {contenders.OURS: ("#d55e00", "circle"), "jemalloc prof 512k": ("#000000", "cross"), "tcmalloc": ("#0072b2", "square"),
         "mimalloc": ("#009e73", "triangle"), "glibc": ("#cc79a7", "diamond")}
PANELS = (("time", "time"), ("average", "resident memory over the run"))
LABELS, PANEL, GAP, TOP, ROW = 134, 400, 26, 92, 30


class Axis:
    """A logarithmic one over all values, with a tick at each power of two, and between them where there are few."""

    def __init__(self, values, left):
        low, high = min([0.7, *values]), max([1.4, *values])
        self.low, self.high, self.left = math.log2(low) - 0.05, math.log2(high) + 0.05, left
        step = 0.5 if self.high - self.low < 3 else 1
        self.ticks = [2.0 ** (i * step) for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]

    def at(self, value):
        return self.left + PANEL * (math.log2(value) - self.low) / (self.high - self.low)


def mark(shape, x, y, colour, size=4.2):
    points = {"square": [(-1, -1), (1, -1), (1, 1), (-1, 1)], "triangle": [(0, -1.2), (1.1, 0.9), (-1.1, 0.9)],
              "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)]}
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size + 0.6:.1f}" fill="{colour}"/>'
    if shape == "cross":
        lines = (f"M{x - size:.1f} {y - k * size:.1f}L{x + size:.1f} {y + k * size:.1f}" for k in (1, -1))
        return f'<path d="{"".join(lines)}" stroke="{colour}" stroke-width="2"/>'
    corners = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in points[shape])
    return f'<polygon points="{corners}" fill="{colour}"/>'


def text(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>'


def draw(results, base):
    """The picture's text; None where nothing that it shows was measured."""
    series = "512k"
    shown = [name for name in LOOKS if name in results.contenders(series)]
    rows = []  # (label, whether it is a mean, {(contender, figure): estimate})
    for name in workloads.SETS:
        programs = results.programs(series, name)
        for program in programs:
            rows.append((program, False, {(who, figure): results.estimate(series, program, who, base, figure)
                                          for who in shown for figure, _ in PANELS}))
        means = {(who, figure): results.mean(series, name, who, base, figure) for who in shown for figure, _ in PANELS}
        if any(means.values()):
            rows.append((f"mean, {name}", True, {key: found and found[0] for key, found in means.items()}))
    if not rows:
        return None

    bottom = TOP + ROW * len(rows)
    width, height = LABELS + 2 * PANEL + 2 * GAP, bottom + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           'font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#1b1f24">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           text(12, 24, f"Ratios to {base}: less is better", more=' font-size="16" font-weight="bold"')]
    for i, who in enumerate(shown):
        out += [mark(LOOKS[who][1], 20 + 165 * i, 46, LOOKS[who][0]), text(30 + 165 * i, 50, who)]
    for i, (label, is_mean, _) in enumerate(rows):
        if is_mean:
            out.append(f'<rect x="0" y="{TOP + ROW * i}" width="{width}" height="{ROW}" fill="#eef1f4"/>')
        out.append(text(LABELS - 10, TOP + ROW * i + 19, label, "end", ' font-weight="bold"' if is_mean else ""))
    for panel, (figure, title) in enumerate(PANELS):
        estimates = [e for _, _, cells in rows for (_, f), e in cells.items() if f == figure and e]
        axis = Axis([v for e in estimates for v in (e.middle, e.low, e.high) if v], LABELS + panel * (PANEL + GAP))
        out.append(text(axis.left + PANEL / 2, 76, title, "middle", ' font-weight="bold"'))
        for tick in axis.ticks:
            x, line = axis.at(tick), "#545b64" if tick == 1 else "#d0d5da"
            out += [f'<path d="M{x:.1f} {TOP - 6}V{bottom + 6}" stroke="{line}"/>', text(x, bottom + 22, f"{tick:.2g}", "middle")]
        for i, (_, _, cells) in enumerate(rows):
            for place, who in enumerate(shown):
                estimate, (colour, shape) = cells[who, figure], LOOKS[who]
                if not estimate:
                    continue
                y = TOP + ROW * (i + (place + 1) / (len(shown) + 1))
                if estimate.low is not None:
                    out.append(f'<path d="M{axis.at(estimate.low):.1f} {y:.1f}H{axis.at(estimate.high):.1f}" stroke="{colour}" '
                               'stroke-width="1.6"/>')
                out.append(mark(shape, axis.at(estimate.middle), y, colour))
    head = results.rows[-1]
    said = f"{head.machine}, commit {head.commit}, {head.session[:10]}; lines are 95 % limits"
    out.append(text(width - 12, 24, said, "end", ' font-size="11" fill="#545b64"'))
    return "\n".join(out + ["</svg>"]) + "\n"
