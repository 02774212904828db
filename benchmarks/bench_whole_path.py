"""The whole path without HTTP: signed octets in, each with one signature, parsed and verified on every core, then
submitted in batches of 1000.

The floor is bare libsodium verification of as many signatures by as many processes, on the same cores. Processes, as a
server has them: Python's threads hand one lock to and fro. Two verify and one writes, so on two cores the writer's
share is the verifiers' loss, as it would be in a server.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing import get_context
from multiprocessing.pool import Pool

import pytest

from benchmarks.rounds import Line, Report, Turns
from benchmarks.signatures import verifications
from benchmarks.world import Base
from ledger.intake.submission import Prepared
from ledger.service.door import Door
from ledger.store.database import Store
from tests.territory import Clock

CORES = os.cpu_count() or 1
BATCH, BATCHES, CHUNK = 1000, 4, 250
doors: list[Door] = []  # of a verifying process: its own


def _open(url: str, ledger_id: int) -> None:
    doors.append(Door(Store.open(url), ledger_id, Clock()))


def _verify(chunk: list[bytes]) -> list[Prepared]:
    verified = [doors[0].verify(octets) for octets in chunk]
    return [item for item in verified if isinstance(item, Prepared)]


@cache
def _bare(count: int) -> Callable[[], None]:
    return verifications(count)


def _verify_bare(count: int) -> None:
    _bare(count)()


@pytest.fixture
def pool() -> Iterator[Pool]:
    """One process a core for the floor."""
    with get_context("spawn").Pool(CORES) as processes:
        yield processes


def test_whole_path(base: Base, pool: Pool, turns: Turns, report: Report) -> None:
    count = BATCH * BATCHES
    with base.world() as world, get_context("spawn").Pool(CORES, _open, (world.url, world.ledger_id)) as verifiers:
        rounds = [world.signed(count) for _ in turns.numbers]

        def settle(number: int) -> None:
            chunks = [rounds[number][n : n + CHUNK] for n in range(0, count, CHUNK)]
            waiting: list[Prepared] = []
            for verified in verifiers.imap(_verify, chunks):
                assert len(verified) == CHUNK
                waiting += verified
                if len(waiting) == BATCH:
                    world.submit(waiting)
                    waiting = []

        seconds, floors = turns(settle, bare=lambda n: pool.map(_verify_bare, [CHUNK] * (count // CHUNK), 1))
    what, note = "octets to committed, one signature each", f"{count / seconds:,.0f} entries a second"
    micros, least = 1e6 * seconds / count, 1e6 * floors["bare"] / count
    on = f"{base.databases.name}, {CORES} cores"
    report.add(Line(what, on, micros, "µs an entry", f"bare libsodium, {CORES} processes", least, note))
