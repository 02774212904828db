"""What publishing the log adds to a batch: `submit` with its tiles, as it always writes them in the batch's own
transaction, beside the same payments in a twin of the ledger that writes none.

A tile falls due once in 256 entries, so a round has at least two of them, whatever the size of its batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import Base, World
from ledger.intake.submission import Prepared
from ledger.store import log

BATCHES = {1: 512, 10: 52, 100: 8, 1000: 1}  # batches a round


@pytest.mark.parametrize("size", BATCHES)
def test_publishing_tiles(base: Base, size: int, turns: Turns, report: Report) -> None:
    items = size * BATCHES[size]
    with base.world() as bare, base.world() as world:
        drawn = {id(one): [_batches(one, size) for _ in turns.numbers] for one in (bare, world)}

        def run(one: World, number: int) -> None:
            for batch in drawn[id(one)][number]:
                one.submit(batch)

        def without(number: int) -> None:
            with without_tiles():
                run(bare, number)

        seconds, floors = turns(lambda number: run(world, number), without=without)
        with world.store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM tile").scalar_one() > 2 * turns.rounds
    cpu = turns.cpu["product"] / turns.cpu["without"] - 1
    added = f"tiles add {seconds / floors['without'] - 1:+.1%}, by this process's CPU {cpu:+.1%}"
    report.add(Line(f"submit with tiles, batches of {size}", base.databases.name, 1e6 * seconds / items, "µs an entry",
                    "without", 1e6 * floors["without"] / items, added))  # fmt: skip


def _batches(world: World, size: int) -> list[list[Prepared]]:
    return [world.prepared(size) for _ in range(BATCHES[size])]


@contextmanager
def without_tiles() -> Iterator[None]:
    """The writer as it would be if it published nothing."""
    with patch.object(log, "_append_tiles", lambda rows, old, leaves: None):
        yield
