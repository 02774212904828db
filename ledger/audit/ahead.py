"""A chunk ahead of the replay: entries are read, put in order, and given to all cores to be examined."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import NamedTuple, ParamSpec, TypeVar

from sqlalchemy.engine import Connection

from ledger.audit.evidence import (
    CheckpointRow,
    Evidence,
    Examined,
    Operator,
    examine_all,
    examine_checkpoints,
    signer_ids,
)
from ledger.audit.fault import Fault, at_entry
from ledger.core.erasures import ERASURES
from ledger.core.forms import BadForm
from ledger.core.keyrings import KeyRotated
from ledger.core.keys import KEYS, KeyAdded
from ledger.core.ledgers import LedgerOpened
from ledger.core.offices import ClerkSet, OperatorSet
from ledger.core.recoveries import RecoveryStarted
from ledger.log.malformed import Malformed
from ledger.rebuild.replay import events_of, read_entries
from ledger.store.log import ENTRY_TYPES, EntryRow, Head
from ledger.store.rows import Rows, rows_of

SMALL = 400  # entries: of a smaller log the pool costs more than it brings
NULLABLE = ("note", "legs")
REGISTERING = (KeyAdded, KeyRotated, RecoveryStarted, ClerkSet)  # the events that give a holder a key

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
    pool = ProcessPoolExecutor(count, get_context("forkserver"), initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


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


class Ahead:
    """Reads the log of one ledger from its first entry on."""

    def __init__(self, connection: Connection, replayed: Rows, head: Head, pool: ProcessPoolExecutor | None):
        self._connection, self._replayed, self._head, self._pool = connection, replayed, head, pool
        self._driver = rows_of(connection, head.ledger_id).driver
        self._unsettled: deque[dict[bytes, list[bytes]]] = deque()  # keys that chunks still to be replayed register
        self._operators: list[Operator] = []
        self._next = self._time = 0

    def chunks(self) -> Iterator[Chunk]:
        """The log in chunks; each is being examined while the one before it is replayed by whoever asks for them."""
        waiting: Chunk | None = None
        for rows in read_entries(self._connection, self._head.ledger_id, 0, self._head.size):
            ahead = self._send(rows)
            if waiting is not None:
                yield waiting
                self._unsettled.popleft()
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
        publics, gone = self._publics(rows), self._gone(start, self._next)
        size = max(1, len(rows) // 8) if self._pool is not None else len(rows) or 1
        parts = [rows[n : n + size] for n in range(0, len(rows), size)]
        examined = [self._run(examine_all, part, self._head.origin, publics, gone) for part in parts]
        checkpoints = self._checkpoints(start, self._next)
        signed = self._run(examine_checkpoints, checkpoints, self._head.origin, list(self._operators))
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
        for name, value, type_ in zip(EntryRow._fields, row, ENTRY_TYPES, strict=True):
            if type(value) is not type_ and not (value is None and name in NULLABLE):
                return at_entry(row.log_index, f"its {name} is of another type than {type_.__name__}")
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

    # --- keys

    def _publics(self, rows: Sequence[EntryRow]) -> dict[bytes, list[bytes]]:
        """The keys of these entries' signers: replayed ones, and those of entries that are still to be replayed.

        Whether a key was live at its entry is decided by the replay.
        """
        self._unsettled.append(self._registered(rows))
        holders = {holder for row in rows for holder in signer_ids(row)}
        publics = {holder: [p for keys in self._unsettled for p in keys.get(holder, ())] for holder in holders}
        if holders:
            marks = ",".join("?" * len(holders))
            sql = (f'SELECT "holder", "public" FROM "{KEYS.name}" '
                   f'WHERE "ledger_id" = {self._head.ledger_id} AND "holder" IN ({marks})')  # fmt: skip
            for holder, public in self._replayed.driver.execute(sql, list(holders)):
                publics[holder].append(public)
        return publics

    def _registered(self, rows: Sequence[EntryRow]) -> dict[bytes, list[bytes]]:
        """The keys that these entries register, by holder; entries that cannot be read are found elsewhere."""
        found: dict[bytes, list[bytes]] = {}
        for row in rows:
            if b'"key":"' not in row.event_lines and b'"operator":"' not in row.event_lines:
                continue
            try:
                events = events_of(row)
            except (BadForm, Malformed):
                continue
            for event in events:
                if isinstance(event, REGISTERING):
                    found.setdefault(event.holder, []).append(event.key)
                elif isinstance(event, (LedgerOpened, OperatorSet)):
                    self._operators.append((row.log_index, event.operator))
        return found
