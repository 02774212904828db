"""The audit of one ledger, from its first entry to its head, in bounded memory and on all cores.

Signatures and hashes are verified by a pool of processes a chunk ahead, while this process decides each instruction of
the chunk before again (with the rules as they were at its log index), compares the events, and evolves a scratch
database, with which every projection is compared at the end. The first fault ends it.
"""

import os
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from ledger.audit.evidence import Evidence, Known, anchor_size, examine_all, signer_ids
from ledger.audit.fault import Fault, at_entry
from ledger.audit.scratch import compare, scratch_database
from ledger.audit.tree import Tree
from ledger.core import machine
from ledger.core.accounts import ACCOUNTS
from ledger.core.forms import BadForm
from ledger.core.keys import KEYS, LOGGED, KeyAdded, Logged
from ledger.core.ledgers import LEDGER
from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, State
from ledger.core.words import At
from ledger.log import merkle
from ledger.log.malformed import Malformed
from ledger.rebuild.replay import at_of, events_of, evolve, loaded, read_entries, references
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import Unbalanced
from ledger.store.log import EntryRow, Head, nodes, read_head
from ledger.store.rows import Rows, rows_of

Progress = Callable[[int, int], None]  # entries done, entries in all
ROOTS = 10_000  # roots remembered
SMALL = 400  # entries: of a smaller log the pool costs more than it brings


class Passed(NamedTuple):
    """An audit that found nothing: the log's size, root and last time, and how far checkpoints are signed."""

    size: int
    root: bytes | None
    time: int
    signed: int


def audit(
    store: Store, ledger_id: int, progress: Progress = lambda done, total: None, processes: int | None = None
) -> Passed:
    """Audit a ledger as it stands now; raises Fault where something is wrong, Unavailable where it cannot be read."""
    with store.read() as connection, scratch_database() as scratch:
        head = read_head(connection, ledger_id)
        count = (os.cpu_count() or 1) if processes is None else processes
        with _pool(count if head.size > SMALL else 1) as pool:
            return _Audit(connection, scratch, head, pool, progress).run()


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    if processes <= 1:
        yield None
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("forkserver"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Chunk(NamedTuple):
    rows: list[EntryRow]
    parts: list["Future[list[Evidence] | Fault]"]


class _Audit:
    def __init__(
        self,
        connection: Connection,
        scratch: Connection,
        head: Head,
        pool: ProcessPoolExecutor | None,
        progress: Progress,
    ):
        self.connection, self.scratch, self.head, self.pool, self.progress = connection, scratch, head, pool, progress
        self.stored: Rows = rows_of(connection, head.ledger_id)
        self.replayed: Rows = rows_of(scratch, head.ledger_id)
        self.tree = Tree(connection, head)
        self.roots: OrderedDict[int, bytes] = OrderedDict()
        self.unsettled: deque[dict[bytes, list[bytes]]] = deque()  # keys that chunks still to be replayed register
        self.sent = self.time = 0

    def run(self) -> Passed:
        """All of it."""
        waiting: _Chunk | None = None
        for rows in read_entries(self.connection, self.head.ledger_id, 0, self.head.size):
            ahead = self._send(rows)
            if waiting is not None:
                self._settle(waiting)
            waiting = ahead
        if waiting is not None:
            self._settle(waiting)
        if self.sent != self.head.size:
            raise at_entry(self.sent, "is missing")
        self._check_end()
        return Passed(self.head.size, self.head.root, self.head.time, self.tree.latest)

    # --- a chunk ahead: order, hashes, form, signatures

    def _send(self, rows: list[EntryRow]) -> _Chunk:
        self._check_sequence(rows)
        known = self._known(rows)
        if self.pool is None:
            found: Future[list[Evidence] | Fault] = Future()
            found.set_result(examine_all(rows, self.head.origin, known))
            return _Chunk(rows, [found])
        size = max(1, len(rows) // 8)
        parts = [rows[n : n + size] for n in range(0, len(rows), size)]
        return _Chunk(rows, [self.pool.submit(examine_all, part, self.head.origin, known) for part in parts])

    def _check_sequence(self, rows: Sequence[EntryRow]) -> None:
        for row in rows:
            if row.log_index != self.sent:
                raise at_entry(self.sent, "is missing")
            if row.time < self.time:
                raise at_entry(row.log_index, "its time lies before that of the entry before it")
            self.sent, self.time = self.sent + 1, row.time

    def _known(self, rows: Sequence[EntryRow]) -> Known:
        """What the rest of the log says to these entries: keys of their signers, roots at their anchors."""
        self.unsettled.append(_registered(rows))
        holders = {holder for row in rows for holder in signer_ids(row)}
        publics = {holder: [p for keys in self.unsettled for p in keys.get(holder, ())] for holder in holders}
        table = schema.PROJECTIONS[KEYS]
        wanted = select(table.c.holder, table.c.public).where(
            table.c.ledger_id == self.head.ledger_id, table.c.holder.in_(holders)
        )
        for holder, public in self.scratch.execute(wanted):
            publics[bytes(holder)].append(bytes(public))
        sizes = {size for row in rows if (size := anchor_size(row)) is not None and 0 < size <= self.head.size}
        return Known(publics, {size: self._root(size) for size in sizes})

    def _root(self, size: int) -> bytes:
        """The root at an anchor's size, from hashes that this audit has compared or will have before it ends."""
        if size not in self.roots:
            try:
                self.roots[size] = merkle.root_from_nodes(size, nodes(self.stored))
            except (ValueError, LookupError) as error:
                raise Fault("tiles", f"the root of the first {size} entries cannot be made of them") from error
            if len(self.roots) > ROOTS:
                self.roots.popitem(last=False)
        return self.roots[size]

    # --- in order: decide again, compare, evolve

    def _settle(self, chunk: _Chunk) -> None:
        evidence: list[Evidence] = []
        for part in chunk.parts:
            found = part.result()
            if isinstance(found, Fault):
                raise found
            evidence += found
        self.tree.grow([row.leaf_hash for row in chunk.rows])
        self._replay(chunk.rows, evidence)
        self.unsettled.popleft()
        self.progress(chunk.rows[-1].log_index + 1, self.head.size)

    def _replay(self, rows: Sequence[EntryRow], evidence: Sequence[Evidence]) -> None:
        wanted = [row for found in evidence for row in machine.footprint(found.instruction)]
        wanted += [row for found in evidence for row in references(found.events)]
        start = rows[0].log_index
        state = loaded(self.replayed, (one for one in wanted if one[0] is not LOGGED))
        state.rows[LOGGED] = self._logged_before(start, {key for noun, key in wanted if noun is LOGGED})
        for row, found in zip(rows, evidence, strict=True):
            at = at_of(row)
            self._decide_again(state, found, at, start)
            for event in found.events:
                evolve(self.replayed, state, event, at)
            state.rows[LOGGED][at.id] = Logged(at.id, at.log_index, row.text_hash)
        try:
            self.replayed.save(state)
        except (Unbalanced, IntegrityError, sqlite3.IntegrityError) as error:
            raise Fault(f"entries {start} to {rows[-1].log_index}", f"break a rule of every state: {error}") from error

    def _decide_again(self, state: State, found: Evidence, at: At, start: int) -> None:
        outcome = self._decide(state, found, at, start)
        if isinstance(outcome, Refusal):
            raise at_entry(at.log_index, f"decided again, it is refused: {outcome.reason} {dict(outcome.details)}")
        if isinstance(outcome, Repeat):
            raise at_entry(at.log_index, f"its id is in the log already, at {outcome.log_index}")
        if _typed(outcome) != _typed(found.events):
            raise at_entry(at.log_index, "its events are not those that its instruction comes to")

    def _decide(self, state: State, found: Evidence, at: At, start: int) -> machine.Outcome:
        while True:
            try:
                return machine.decide(state, found.instruction, at)
            except NotLoaded as missing:
                key = missing.key
                rows = self._logged_before(start, {key}) if missing.noun is LOGGED else None
                state.fill(missing.noun, rows if rows is not None else self.replayed.load(missing.noun, [key]))

    def _logged_before(self, start: int, ids: set[Any]) -> dict[Any, Any]:
        """The ids in the log before a chunk: what was logged, as it stood then."""
        table = schema.entry
        found: dict[Any, Any] = dict.fromkeys(ids)
        wanted = select(table.c.id, table.c.log_index, table.c.text_hash).where(
            table.c.ledger_id == self.head.ledger_id, table.c.id.in_(ids), table.c.log_index < start
        )
        found.update((bytes(row.id), Logged(*row)) for row in self.connection.execute(wanted))
        return found

    # --- at the end

    def _check_end(self) -> None:
        operator = b""
        if self.head.size:
            table = schema.PROJECTIONS[LEDGER]
            row = self.scratch.execute(select(table.c.origin, table.c.operator)).one()
            operator = bytes(row.operator)
            self._check_head(row.origin)
        self.tree.check_end(operator)
        accounts = schema.PROJECTIONS[ACCOUNTS]
        total = self.scratch.execute(select(func.coalesce(func.sum(accounts.c.balance), 0))).scalar_one()
        if total:
            raise Fault("table account", f"all balances together are {total}, not zero")
        compare(self.scratch, self.connection, self.head.ledger_id)

    def _check_head(self, origin: str) -> None:
        head = self.head
        first = self.stored.driver.execute(
            f'SELECT "leaf_hash" FROM "entry" WHERE "ledger_id" = {head.ledger_id} AND "log_index" = 0'
        ).fetchone()
        expected = (origin, origin.rpartition("/")[2], bytes(first[0]), self.time, schema.fingerprint())
        if (head.origin, head.name, head.identity, head.time, head.fingerprint) != expected:
            raise Fault("head", "origin, name, identity, time or fingerprint is not that of the log")


def _registered(rows: Sequence[EntryRow]) -> dict[bytes, list[bytes]]:
    """The keys that these entries make live, by holder; entries that cannot be read are found elsewhere."""
    found: dict[bytes, list[bytes]] = {}
    for row in rows:
        if b'"event":"key_added"' not in row.event_lines:
            continue
        try:
            events = events_of(row)
        except (BadForm, Malformed):
            continue
        for event in events:
            if isinstance(event, KeyAdded):
                found.setdefault(event.holder, []).append(event.key)
    return found


def _typed(events: Sequence[Any]) -> list[tuple[type, Any]]:
    """Events with their kinds: tuples of two kinds may be equal."""
    return [(type(event), event) for event in events]
