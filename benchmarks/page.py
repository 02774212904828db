"""The measured part of docs/performance.md, which `make bench` writes: the marks, a plot, every line of the table.

It stands between two comments. What is around them is written by hand, and stays.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.marks import Judged, judge
from benchmarks.rounds import Line

PAGE, PLOT = "performance.md", "performance/http.svg"  # in the folder of the documents
BEGIN, END = "<!-- measured: `make bench` writes from here -->\n", "<!-- measured: to here -->\n"
HEADS = ("what", "on", "median", "floor", "median", "ratio", "")
ALIGNED = "| --- | --- | ---: | --- | ---: | ---: | --- |"


class Run(NamedTuple):
    """When and where it was measured."""

    date: str
    machine: str
    rounds: int


class NoPlace(Exception):
    """The page is missing, or has no place for what is measured; the message says so."""


def around(page: Path) -> tuple[str, str]:
    """What stands before and after the measured part; raises NoPlace."""
    text = page.read_text() if page.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlace(f"{page}: it needs these two lines, in this order:\n{BEGIN}{END}")
    return before + begin, end + after


def write(folder: Path, lines: Sequence[Line], run: Run) -> None:
    """Put what was measured in the page of this folder; raises NoPlace."""
    before, after = around(folder / PAGE)
    (folder / PAGE).write_text(before + section(lines, run) + after)


def section(lines: Sequence[Line], run: Run) -> str:
    """The measured part."""
    parts = [
        f"## Measured on {run.date}",
        f"{run.machine}. Each figure is a median of {run.rounds} rounds in which floor and product take turns; the "
        "ratio is the floor's time by ours.",
        "### Marks",
        "\n".join(_marks(judge(lines))),
        "### HTTP by clients",
        f"![Requests a second by clients: one signed transfer a request, and the trivial route beside it]({PLOT})",
        "### Every line",
        "\n".join(_table(lines)),
    ]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _marks(judged: Iterable[Judged]) -> list[str]:
    rows = [
        (_cell(one.mark.says), "" if one.found is None else number(one.found), one.verdict(), _named(one))
        for one in judged
    ]
    return ["| mark | found | reached | read off |", "| --- | ---: | --- | --- |", *map(_row, rows)]


def _named(one: Judged) -> str:
    return "" if one.line is None else _cell(f"{one.line.what} ({one.line.on}), {one.mark.read}")


def _table(lines: Iterable[Line]) -> list[str]:
    rows = []
    for line in lines:
        floor = "" if line.floor_figure is None else number(line.floor_figure)
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        figure = f"{number(line.figure)} {line.unit}"
        rows.append((_cell(line.what), _cell(line.on), figure, _cell(line.floor), floor, ratio, _cell(line.note)))
    return [_row(HEADS), ALIGNED, *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def number(value: float) -> str:
    """A figure with as many digits as it is good for."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
