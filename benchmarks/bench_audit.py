"""The audit: of a log of payments, each signed, on all cores and on one; rebuilding without signatures; memory.

The floor of an audit is bare libsodium verification of as many signatures by as many processes; of a rebuild, the raw
driver reading the same entries and writing the same rows, with nothing in between.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from benchmarks.auditing import BATCH, grow
from benchmarks.rounds import Line, Report
from benchmarks.signatures import verifications
from benchmarks.world import Base, World
from ledger.audit.ahead import cores, processes_ready
from ledger.audit.auditing import audit
from ledger.rebuild.rebuilding import rebuild
from ledger.store import schema
from ledger.store.rows import quoted

ENTRIES, ROUNDS = 10_000, 5


@pytest.fixture(scope="module")
def world(sqlite_base: Base) -> Iterator[World]:
    """2,000 members and ten thousand payments."""
    with sqlite_base.world() as grown:
        grow(grown, ENTRIES // BATCH)
        yield grown


@cache
def _bare(count: int) -> Callable[[], None]:
    return verifications(count)


def _verify_bare(count: int) -> None:
    _bare(count)()


def signatures(world: World) -> int:
    """How many signature lines the log has."""
    with world.store.read() as connection:
        notes = connection.exec_driver_sql('SELECT "note" FROM "entry"').scalars()
        return sum(note.rpartition(b"\n\n")[2].count(b"\n") for note in notes)


def in_turns(product: Callable[[], object], floor: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    """Median seconds of both by this clock, after a round that warms up."""
    found: list[list[float]] = [[], []]
    for _ in range(ROUNDS + 1):
        for times, run in zip(found, (product, floor), strict=True):
            start = clock()
            run()
            times.append(clock() - start)
    return [median(times[1:]) for times in found]


def test_audit_on_all_cores(world: World, report: Report) -> None:
    size, count, processes = world.door.head().size, signatures(world), cores()
    shares = [count // processes] * processes
    with processes_ready().Pool(processes) as pool:
        measured, floor = in_turns(
            lambda: audit(world.store, world.ledger_id),
            lambda: pool.map(_verify_bare, shares, 1),
            time.perf_counter,
        )
    what = f"SQLite, {size:,} entries, {count:,} signatures, {processes} processes"
    report.add(Line("audit", what, 1e6 * measured / size, "µs an entry", "bare libsodium", 1e6 * floor / size))


def test_audit_by_cpu(world: World, report: Report) -> None:
    size, count = world.door.head().size, signatures(world)
    measured, floor = in_turns(
        lambda: audit(world.store, world.ledger_id, processes=1), lambda: _verify_bare(count), time.process_time
    )
    line = Line("audit, CPU", "one process", 1e6 * measured / size, "µs an entry", "bare libsodium", 1e6 * floor / size)
    report.add(line)


def test_rebuild(world: World, report: Report, tmp_path: Path) -> None:
    size = world.door.head().size
    measured, floor = in_turns(
        lambda: rebuild(world.store), lambda: raw(world, tmp_path / f"{time.monotonic_ns()}.db"), time.process_time
    )
    note = f"{size / measured:,.0f} entries a second"
    line = Line("rebuild, CPU", "no signatures", 1e6 * measured / size, "µs an entry", "the raw driver",
                1e6 * floor / size, note)  # fmt: skip
    report.add(line)


def raw(world: World, file: Path) -> None:
    """Read every entry, and write the rows of every projection into empty tables."""
    source = sqlite3.connect(world.url.removeprefix("sqlite:///"))
    target = sqlite3.connect(file, isolation_level=None)
    target.execute("BEGIN")
    for kind, name, sql in source.execute("SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        if kind != "trigger" and name in {table.name for table in schema.PROJECTIONS.values()}:
            target.execute(sql)
    for _ in source.execute('SELECT * FROM "entry" ORDER BY "log_index"'):
        pass
    for table in schema.PROJECTIONS.values():
        names = [column.name for column in table.columns]
        marks = ", ".join("?" * len(names))
        rows = source.execute(f'SELECT {quoted(names)} FROM "{table.name}"')
        target.executemany(f'INSERT INTO "{table.name}" ({quoted(names)}) VALUES ({marks})', rows)
    target.execute("COMMIT")
    source.close()
    target.close()


def test_memory_of_an_audit(report: Report, tmp_path: Path) -> None:
    few, many = (held(tmp_path / str(batches), batches) for batches in (10_000 // BATCH, 100_000 // BATCH))
    report.add(Line("memory of an audit", "SQLite, 100,000 payments, one process", many, "MB", "of 10,000", few))


def held(folder: Path, batches: int) -> float:
    """The peak of an audit's process, in megabytes."""
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.auditing", str(folder), str(batches)]
    subprocess.run([*command, "grow"], check=True)
    found: float = json.loads(subprocess.run([*command, "audit"], check=True, capture_output=True).stdout)
    return found
