# SPDX-License-Identifier: Apache-2.0
"""The tables of the comparison, as Markdown, and their places in the documents."""

import re

from method import contenders
from method import results as measured
from method import workloads

LEGEND = ("Ratios to {base}, medians of runs in turn with their 95 % limits; `~` before a ratio: it cannot be told from 1; "
          "(of N): so few runs that there are no limits.")
WHAT = {"time": "time", "average": "resident memory over the run", "instructions": "instructions"}
COLUMNS = {"time": "time", "average": "mean RSS", "peak": "peak RSS"}


def table(rows, columns, cell):
    """Lines of a table; a row or a column in which nothing was measured is left out."""
    cells = {(row, column): cell(row, column) for row in rows for column in columns}
    rows = [row for row in rows if any(cells[row, column] for column in columns)]
    columns = [column for column in columns if any(cells[row, column] for row in rows)]
    if not rows:
        return []
    lines = [["", *columns]] + [[row, *(cells[row, column] or "" for column in columns)] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]

    def line(words):
        return "| " + " | ".join([words[0].ljust(widths[0])] + [w.rjust(n) for w, n in zip(words[1:], widths[1:])]) + " |"

    return [line(lines[0]), "|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (n + 1) + ":" for n in widths[1:]]) + "|"] + \
        [line(words) for words in lines[1:]]


def programs_table(results, series, names, base, figure, form):
    def cell(row, column):
        estimate = results.estimate(series, column, row, base, figure)
        return form(estimate) if estimate else ""

    return table([name for name in results.contenders(series) if name != base], names, cell)


def in_bold(lines):
    """Our rows stand out."""
    return [re.sub(r"^\| (heapprof\b[^|]*?)( *) \|", r"| **\1**\2 |", line) for line in lines]


def digits(estimate):
    return "{:.2f}" if estimate.middle < 10 else "{:.0f}"


def text(estimate):
    return estimate.text(digits(estimate))


def short(estimate):
    return estimate.short(digits(estimate))


def exact(estimate):
    """Of what does not scatter."""
    return f"{estimate.middle:.3f}"


def means_table(results, base, who=None):
    """Geometric means of the sets: each against `base`; or, given `who`, this one against each other."""
    series = "512k"
    columns = {f"{name}: {said}": (name, figure) for name in workloads.SETS for figure, said in COLUMNS.items()}

    def cell(row, column):
        name, figure = columns[column]
        found = results.mean(series, name, who or row, row if who else base, figure)
        if not found:
            return ""
        return text(found[0]) + ("" if found[1] == len(results.programs(series, name)) else f", {found[1]} programs only")

    left_out = (who, contenders.AGAIN) if who else (base,)
    return table([name for name in results.contenders(series) if name not in left_out], list(columns), cell)


def bounds(results, base):
    """Sentences on what is asked of the library at 512k, with the worst program of each set."""
    lines = []
    for name, described in workloads.SETS.items():
        for figure in ("time", "average", "instructions"):
            mean = results.mean("512k", name, contenders.OURS, base, figure)
            if not mean:
                continue
            of_programs = {p: e for p in results.programs("512k", name)
                           if (e := results.estimate("512k", p, contenders.OURS, base, figure))}
            worst = max(of_programs, key=lambda p: of_programs[p].middle)
            form = exact if figure == "instructions" else text
            is_like = mean[0].low is not None and not mean[0].told_from()
            lines.append(f"{contenders.OURS}, {described} ({mean[1]}), {WHAT[figure]}: {form(mean[0]).lstrip('~')} of {base}'s"
                         f"{', from which it cannot be told' if is_like else ''}; most: {worst} {form(of_programs[worst])}")
    return lines


def whole(results, base):
    """All tables, as lines."""
    lines = [LEGEND.format(base=base)]

    def add(title, rows):
        if rows:
            lines.extend(["", f"### {title}", "", *rows])

    add(f"Geometric means, ratio to {base}", means_table(results, base))
    add(f"{contenders.OURS}, ratio to each", means_table(results, base, contenders.OURS))
    for series in contenders.SERIES:
        for name, described in workloads.SETS.items():
            for figure, said in measured.FIGURES.items():
                add(f"{series}, {described}: {said}",
                    programs_table(results, series, results.programs(series, name), base, figure,
                                   exact if figure == "instructions" else text))
    sentences = bounds(results, base)
    return lines + [""] + [f"- {line}" for line in sentences] if sentences else lines


def for_readme(results, base):
    """What README.md shows: the means, and times of the programs that run in more than the first series."""
    programs = list(dict.fromkeys(p for series in ("4k", "exact") for p in results.programs(series)))
    rows = {name: series for series in contenders.SERIES for name in results.contenders(series)
            if name.startswith(("heapprof", "jemalloc prof", "gperftools", "heaptrack"))}

    def cell(row, column):
        estimate = results.estimate(rows[row], column, row, base, "time")
        return short(estimate) if estimate else ""

    counts = ", ".join(f"{len(results.programs('512k', name))} {described}" for name, described in workloads.SETS.items())
    head = results.rows[-1]
    lines = [LEGEND.format(base=base) + f" Geometric means over {counts}:", "", *in_bold(means_table(results, base))]
    if times := table(list(rows), programs, cell):
        lines += ["", "Time of each program: a sample each 512 KiB, each 4 KiB, every allocation (`*`: of fewer than six runs):", "",
                  *in_bold(times)]
    return lines + ["", f"{head.machine}, commit {head.commit}, {head.session[:10]}."]


def put(document, name, lines):
    """The document with `lines` between the marks of `name`; they are there."""
    marks = re.compile(rf"(<!-- bench: {name} -->\n).*?(<!-- end of bench: {name} -->)", re.DOTALL)
    replaced, count = marks.subn(lambda found: found.group(1) + "\n".join(lines) + "\n" + found.group(2), document)
    if count != 1:
        raise SystemExit(f"bench: the document has no place for {name}: <!-- bench: {name} --> ... <!-- end of bench: {name} -->")
    return replaced
