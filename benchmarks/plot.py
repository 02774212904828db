"""The plot of docs/performance.md: requests a second by clients, ours and the floor beside it. The same lines draw the
same file to the octet.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.rounds import Line

CLIENTS = re.compile(r"HTTP, (\d+) clients?")
SAME: dict[Any, Any] = {"svg.hashsalt": "comarca", "svg.fonttype": "none"}  # ids that stand; letters as text


def rates(lines: Iterable[Line]) -> list[tuple[int, float, float]]:
    """Clients, our requests a second, those of the floor."""
    found = []
    for line in lines:
        clients = CLIENTS.fullmatch(line.what)
        if clients and line.floor_figure is not None:
            found.append((int(clients[1]), 1e6 / line.figure, 1e6 / line.floor_figure))
    return sorted(found)


def draw(lines: Iterable[Line], file: Path) -> None:
    """Draw the plot, as SVG."""
    found = rates(lines)
    places = range(len(found))
    with matplotlib.rc_context(SAME):
        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.subplots()
        for side, (label, column) in zip((-0.2, 0.2), (("one signed transfer", 1), ("trivial route", 2)), strict=True):
            bars = axes.bar([place + side for place in places], [row[column] for row in found], 0.4, label=label)
            axes.bar_label(bars, fmt="{:,.0f}")
        axes.set_xticks(list(places), [f"{row[0]}" for row in found])
        axes.set_xlabel("clients")
        axes.set_ylabel("requests a second")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left")
        file.parent.mkdir(exist_ok=True)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
