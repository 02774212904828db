"""A chunk ahead of the replay: entries are read, put in order, and given to all cores to be examined."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import product
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerContext
from types import NoneType
from typing import NamedTuple, ParamSpec, TypeVar

from sqlalchemy.engine import Connection

from ledger.audit.evidence import (
    CheckpointRow,
    Evidence,
    Examined,
    examine_all,
    examine_checkpoints,
)
from ledger.audit.fault import Fault, at_entry
from ledger.audit.signers import Signers
from ledger.core.erasures import ERASURES
from ledger.rebuild.replay import read_entries
from ledger.store.log import ENTRY_TYPES, EntryRow, Head
from ledger.store.rows import Rows, rows_of

SMALL = 400  # entries: of a smaller log the pool costs more than it brings
NULLABLE = ("note", "legs")
# The types that the columns of an entry may have together.
TYPES = frozenset(
    product(*((type_, NoneType) if name in NULLABLE else (type_,)
              for name, type_ in zip(EntryRow._fields, ENTRY_TYPES, strict=True)))
)  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")


class Chunk(NamedTuple):
    """Entries in the order of the log, what is being found out about them and about the checkpoints among them, and
    the fault, if any, that ends the log after them."""

    rows: list[EntryRow]
    parts: list["Future[Examined]"]
    checkpoints: list[CheckpointRow]
    signed: "Future[dict[int, Fault]]"
    fault: Fault | None

    def examined(self) -> tuple[list[Evidence], Fault | None]:
        """Wait for the evidence: of the entries before the first fault, and that fault."""
        evidence: list[Evidence] = []
        for part in self.parts:
            found = part.result()
            evidence += found.evidence
            if found.fault is not None:
                return evidence, found.fault
        return evidence, self.fault


@contextmanager
def workers(processes: int | None, size: int) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of this many processes (None: one for each core), or none where it would not help."""
    count = cores() if processes is None else processes
    if count <= 1 or size <= SMALL:
        yield None
        return
    pool = ProcessPoolExecutor(count, processes_ready(), initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def processes_ready() -> ForkServerContext:
    """Where a pool has its processes from: one that has imported what they need, so that not each of them spends half
    a second on it."""
    context = get_context("forkserver")
    context.set_forkserver_preload([examine_all.__module__])
    return context


def _begin_worker() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that was started; and end when that does,
    even by SIGKILL: a worker that waits for work would wait for ever, and hold whatever pipe it was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _mistyped(row: EntryRow) -> Fault:
    found = zip(EntryRow._fields, row, ENTRY_TYPES, strict=True)
    name, type_ = next((name, type_) for name, value, type_ in found
                       if type(value) is not type_ and not (value is None and name in NULLABLE))  # fmt: skip
    return at_entry(row.log_index, f"its {name} is of another type than {type_.__name__}")


class Ahead:
    """Reads the log of one ledger from its first entry on."""

    def __init__(self, connection: Connection, replayed: Rows, head: Head, pool: ProcessPoolExecutor | None):
        self._connection, self._head, self._pool = connection, head, pool
        self._driver = rows_of(connection, head.ledger_id).driver
        self._signers = Signers(replayed)
        self._next = self._time = 0

    def chunks(self) -> Iterator[Chunk]:
        """The log in chunks; each is being examined while the one before it is replayed by whoever asks for them."""
        waiting: Chunk | None = None
        for rows in read_entries(self._connection, self._head.ledger_id, 0, self._head.size):
            ahead = self._send(rows)
            if waiting is not None:
                yield waiting
                self._signers.settle()
            waiting = ahead
            if waiting.fault is not None:
                break
        if waiting is not None:
            yield waiting
        if waiting is None or waiting.fault is None:
            self._check_all_read()

    def _check_all_read(self) -> None:
        if self._next != self._head.size:
            raise at_entry(self._next, "is missing")
        beyond = (f'SELECT "log_index" FROM "entry" WHERE "ledger_id" = {self._head.ledger_id} '
                  f'AND ("log_index" >= {self._next} OR "log_index" < 0) ORDER BY "log_index" LIMIT 1')  # fmt: skip
        if row := self._driver.execute(beyond).fetchone():
            raise at_entry(row[0], f"stands outside the log, whose head says {self._next} entries")

    def _send(self, found: list[EntryRow]) -> Chunk:
        start = self._next
        rows, fault = self._in_sequence(found)
        gone = self._gone(start, self._next)
        self._signers.expect(rows)
        size = max(1, len(rows) // 8) if self._pool is not None else len(rows) or 1
        parts = [rows[n : n + size] for n in range(0, len(rows), size)]
        origin, publics = self._head.origin, self._signers.publics
        examined = [self._run(examine_all, part, origin, publics(part), gone) for part in parts]
        checkpoints = self._checkpoints(start, self._next)
        signed = self._run(examine_checkpoints, checkpoints, origin, list(self._signers.operators))
        return Chunk(rows, examined, checkpoints, signed, fault)

    def _run(self, what: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> "Future[T]":
        if self._pool is not None:
            return self._pool.submit(what, *arguments, **named)
        done: Future[T] = Future()
        done.set_result(what(*arguments, **named))
        return done

    def _in_sequence(self, found: Sequence[EntryRow]) -> tuple[list[EntryRow], Fault | None]:
        """The entries up to the first that is not of its types or not in its place."""
        rows: list[EntryRow] = []
        for row in found:
            if fault := self._misplaced(row):
                return rows, fault
            rows.append(row)
            self._next, self._time = self._next + 1, row.time
        return rows, None

    def _misplaced(self, row: EntryRow) -> Fault | None:
        if row.log_index != self._next:
            return at_entry(self._next, "is missing")
        if tuple(map(type, row)) not in TYPES:
            return _mistyped(row)
        if row.time < self._time:
            return at_entry(row.log_index, "its time lies before that of the entry before it")
        return None

    def _gone(self, start: int, end: int) -> dict[int, tuple[bytes, str, bytes]]:
        """What the database says was erased of these entries. The replay shows at the end that all of it was."""
        sql = (f'SELECT "log_index", "id", "kind", "text_hash" FROM "{ERASURES.name}" '
               f'WHERE "ledger_id" = {self._head.ledger_id} AND "log_index" >= {start} '
               f'AND "log_index" < {end}')  # fmt: skip
        return {row[0]: tuple(row[1:]) for row in self._driver.execute(sql)}

    def _checkpoints(self, start: int, end: int) -> list[CheckpointRow]:
        sql = (f'SELECT "size", "root", "note" FROM "checkpoint" WHERE "ledger_id" = {self._head.ledger_id} '
               f'AND "size" > {start} AND "size" <= {end} ORDER BY "size"')  # fmt: skip
        return [tuple(row) for row in self._driver.execute(sql)]
