"""Timing: floors and product in turns, medians of all, and the lines of the table at the end.

pytest-benchmark times the product; its setup hook, which runs before each round, times the floors. So all see the same
machine within the same seconds, and a neighbour's load falls on all of them.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from pytest_benchmark.fixture import BenchmarkFixture

Run = Callable[[int], object]  # takes the round's number


class Line(NamedTuple):
    """One line of the table: what was measured on what, the figure with its unit, and the floor beside it."""

    what: str
    on: str
    figure: float
    unit: str
    floor: str = ""
    floor_figure: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Floor over figure: the part of the floor's speed that is reached."""
        return None if self.floor_figure is None else self.floor_figure / self.figure

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        floor = "" if self.floor_figure is None else f"{self.floor_figure:.2f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.what, self.on, f"{self.figure:.2f}", self.unit, self.floor, floor, ratio, self.note)


HEADS = ("what", "on", "median", "unit", "floor", "median", "ratio", "")
NUMBERS = (2, 5, 6)  # columns that stand to the right


class Report:
    """What a run has measured."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.lines.append(line)

    def table(self) -> list[str]:
        """The table, as lines of text."""
        rows = [HEADS, *(line.cells() for line in self.lines)]
        widths = [max(len(row[n]) for row in rows) for n in range(len(HEADS))]
        return ["  ".join(_aligned(row[n], width, n) for n, width in enumerate(widths)).rstrip() for row in rows]


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in NUMBERS else cell.ljust(width)


def seconds_of(run: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Turns:
    """Floors and product in turns, over `rounds` rounds, after one that warms up and does not count."""

    def __init__(self, benchmark: BenchmarkFixture, rounds: int):
        self._benchmark, self.rounds = benchmark, rounds
        self.cpu: dict[str, float] = {}  # median CPU seconds of this process a round, by floor, and of the `product`

    @property
    def numbers(self) -> range:
        """The numbers of the rounds, the one that warms up included."""
        return range(self.rounds + 1)

    def __call__(self, product: Run, **floors: Run) -> tuple[float, dict[str, float]]:
        """Median seconds of a round of the product, and of each floor."""
        times: dict[str, list[float]] = {name: [] for name in floors}
        cpu: dict[str, list[float]] = {name: [] for name in (*floors, "product")}
        numbers = iter(self.numbers)

        def before() -> tuple[tuple[int], dict[str, Any]]:
            number = next(numbers)
            for name, floor in floors.items():
                start = time.perf_counter()
                timed(name, floor, number)
                times[name].append(time.perf_counter() - start)
            return (number,), {}

        def timed(name: str, run: Run, number: int) -> None:
            start = time.process_time()
            run(number)
            cpu[name].append(time.process_time() - start)

        def measured_product(number: int) -> None:
            timed("product", product, number)

        measured_product(before()[0][0])
        pedantic: Callable[..., Any] = self._benchmark.pedantic
        pedantic(measured_product, setup=before, rounds=self.rounds)
        self.cpu = {name: median(found[1:]) for name, found in cpu.items()}
        measured: Any = self._benchmark.stats
        return median(measured.stats.data), {name: median(found[1:]) for name, found in times.items()}
