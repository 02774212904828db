"""A large ledger beside one that is nearly empty, on SQLite: how long it takes to open, and what a batch of 1000 costs
between the same 2,000 accounts in both.

Making the large one takes minutes the first time, so this runs where COMARCA_BENCH_LARGE is set (benchmarks/large.py).
"""

import time
from statistics import median

import pytest

from benchmarks.large import ACCOUNTS, ENTRIES, large_world
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import Base, World

pytestmark = pytest.mark.skipif(not ENTRIES, reason="set COMARCA_BENCH_LARGE to a number of entries")
ON = f"SQLite, {ENTRIES:,} entries, {ACCOUNTS:,} accounts"
BATCH = 1000


def test_large(sqlite_base: Base, turns: Turns, report: Report) -> None:
    with large_world(sqlite_base) as large, sqlite_base.world() as small:
        rounds = [(large.prepared(BATCH), small.prepared(BATCH)) for _ in turns.numbers]
        opened, opened_small = (opening(sqlite_base, world) for world in (large, small))
        seconds, floors = turns(
            lambda n: large.submit(rounds[n][0]),
            small=lambda n: small.submit(rounds[n][1]),
        )
    report.add(Line("open a ledger", ON, 1e3 * opened, "ms", "nearly empty", 1e3 * opened_small))
    micros, small_micros = 1e6 * seconds / BATCH, 1e6 * floors["small"] / BATCH
    note = f"{micros / small_micros:.2f} times as much"
    report.add(
        Line(f"submit, batches of {BATCH}, large", ON, micros, "µs an entry", "nearly empty", small_micros, note)
    )


def opening(base: Base, world: World) -> float:
    """Median seconds to open the database and make a door to its ledger, from nothing."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        World(world.url, base.origin, base.members, base.anchor).close()
        times.append(time.perf_counter() - start)
    return median(times)
