"""The whole path without HTTP: signed octets in, each with one signature, parsed and verified on every core, then
submitted in batches of 1000.

The floor is bare libsodium verification of as many signatures by as many processes, on the same cores. Processes, as a
server has them: Python's threads hand one lock to and fro. Two verify and one writes, so on two cores the writer's
share is the verifiers' loss, as it would be in a server.
"""

import os
import pickle
import time
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median

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


def _verify(job: tuple[Path, list[bytes]]) -> tuple[Path, float]:
    """Verify a chunk and leave it in a file, as a pipe holds 64 kB and would stop the verifier while the writer writes;
    the file, and the CPU seconds it took."""
    (file, chunk), start = job, time.process_time()
    verified = [doors[0].verify(octets) for octets in chunk]
    file.write_bytes(pickle.dumps([item for item in verified if isinstance(item, Prepared)], pickle.HIGHEST_PROTOCOL))
    return file, time.process_time() - start


@cache
def _bare(count: int) -> Callable[[], None]:
    return verifications(count)


def _verify_bare(count: int) -> float:
    run, start = _bare(count), time.process_time()
    run()
    return time.process_time() - start


@pytest.fixture
def pool() -> Iterator[Pool]:
    """One process a core for the floor."""
    with get_context("spawn").Pool(CORES) as processes:
        yield processes


def test_whole_path(base: Base, pool: Pool, turns: Turns, report: Report, tmp_path: Path) -> None:
    count = BATCH * BATCHES
    with base.world() as world, get_context("spawn").Pool(CORES, _open, (world.url, world.ledger_id)) as verifiers:
        rounds = [world.signed(count) for _ in turns.numbers]
        cpu = {"settle": [0.0] * len(rounds), "bare": [0.0] * len(rounds)}  # of the verifying processes, by round

        def settle(number: int) -> None:
            jobs = [(tmp_path / str(n), rounds[number][n : n + CHUNK]) for n in range(0, count, CHUNK)]
            waiting: list[Prepared] = []
            for file, seconds in verifiers.imap(_verify, jobs):
                cpu["settle"][number] += seconds
                waiting += pickle.loads(file.read_bytes())
                assert len(waiting) % CHUNK == 0
                if len(waiting) == BATCH:
                    world.submit(waiting)
                    waiting = []

        def bare(number: int) -> None:
            cpu["bare"][number] = sum(pool.map(_verify_bare, [CHUNK] * (count // CHUNK), 1))

        seconds, floors = turns(settle, bare=bare)
    spent, least_spent = median(cpu["settle"]) + turns.cpu["product"], median(cpu["bare"])
    what = "octets to committed, one signature each"
    note = (
        f"{count / seconds:,.0f} entries a second; by CPU without a database server's: {1e6 * spent / count:.1f}, "
        f"bare {1e6 * least_spent / count:.1f} ({least_spent / spent:.2f})"
    )
    micros, least = 1e6 * seconds / count, 1e6 * floors["bare"] / count
    on = f"{base.databases.name}, {CORES} cores"
    report.add(Line(what, on, micros, "µs an entry", f"bare libsodium, {CORES} processes", least, note))
