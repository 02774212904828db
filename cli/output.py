"""What a command says: data on stdout, everything else on stderr.

A table is drawn for a person at a terminal; into a pipe it goes as lines of fields with tabs between them, the header
first; with --json as JSON. Progress is shown at a terminal alone.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import click
from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ledger.ambient.clock import moment

# What is copied from a screen.
UNBROKEN = ("account", "other account", "holder", "public key", "id", "time", "amount", "balance")
SHOWN_AFTER_S = 1.0  # what takes less needs no bar

Column = str
Row = Sequence[object]


def say(text: str) -> None:
    """Tell a person, on stderr."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=True)


def write_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, indent=1 if sys.stdout.isatty() else None, ensure_ascii=False))


def write_table(columns: Sequence[Column], rows: Iterable[Row], right: Iterable[Column] = ()) -> None:
    """A table on stdout; columns named in `right` are flush right."""
    if sys.stdout.isatty():
        _draw(columns, rows, set(right))
        return
    lines = iter(rows)
    first = list(islice(lines, 1))  # may be refused: then there is no table
    click.echo("\t".join(columns))
    for row in chain(first, lines):
        click.echo("\t".join(_plain(value) for value in row))


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values on stdout."""
    if sys.stdout.isatty():
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in facts:
            table.add_row(name, _plain(value), end_section=False)
        Console(highlight=False, markup=False).print(table)
        return
    for name, value in facts:
        click.echo(f"{name}\t{_plain(value)}")


def _draw(columns: Sequence[Column], rows: Iterable[Row], right: set[Column]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in UNBROKEN)
    for row in rows:
        table.add_row(*(_plain(value) for value in row))
    console = Console(highlight=False, markup=False)
    # On too narrow a screen the terminal breaks the lines; here nothing is cut off.
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=999)).minimum)
    console.print(table)


def _plain(value: object) -> str:
    """A field without what would break its line, or speak to the terminal."""
    return printable("" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value))


def printable(text: str) -> str:
    """A line without what would break it, speak to the terminal, or turn what a person reads around."""
    return "".join(character if character.isprintable() else " " for character in text)


def utc(seconds: int | None) -> str:
    """Unix seconds as RFC 3339."""
    return "" if seconds is None else moment(seconds)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, once it has taken a second; the function says how many more are done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=total)
    began = time.monotonic()

    def advance(count: int) -> None:
        bar.advance(task, count)
        if time.monotonic() - began > SHOWN_AFTER_S:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
