"""The audit of one ledger, from its first entry to its head, in bounded memory and on all cores.

Signatures and hashes are verified by a pool of processes a chunk ahead, while this process decides each instruction of
the chunk before again (with the rules as they were at its log index), compares the events, and evolves a scratch
database, with which every projection is compared at the end. The first fault ends it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, NoResultFound

from ledger.audit.again import Again
from ledger.audit.ahead import Ahead, Chunk, workers
from ledger.audit.fault import Fault
from ledger.audit.scratch import compare, scratch_database
from ledger.audit.texts import check_texts
from ledger.audit.tree import Tree
from ledger.audit.whole import check_guards, check_ledgers
from ledger.core.accounts import ACCOUNTS
from ledger.core.ledgers import LEDGER
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import StoreError, Unavailable
from ledger.store.log import Head, read_head
from ledger.store.rows import rows_of

Progress = Callable[[int, int], None]  # entries done, entries in all
READ_THROUGH = {"mmap_size": 0, "cache_size": -4096}  # octets; KiB where negative


class Passed(NamedTuple):
    """An audit that found nothing: the log's size, root and last time, how far it is signed, and the checkpoint that
    says so: what comes after `signed` stands in the log and is not yet promised by the operator."""

    size: int
    root: bytes | None
    time: int
    signed: int
    checkpoint: bytes


def audit(
    store: Store, ledger_id: int, progress: Progress = lambda done, total: None, processes: int | None = None
) -> Passed:
    """Audit a ledger as it stands now, on as many processes (None: one for each core).

    Raises Fault where something is wrong; Unavailable or StoreError where it could not be found out.
    """
    with _could_not(store), store.read() as connection, _read_through(connection), scratch_database() as scratch:
        head = _head(connection, ledger_id)
        if head.fingerprint != schema.fingerprint():
            raise StoreError(f"{store}: the tables of {head.name} were made by another release; "
                             "run `comarca rebuild`, then audit")  # fmt: skip
        with workers(processes, head.size) as pool:
            check_ledgers(connection, ledger_id)
            audited = _Audit(connection, scratch, head, progress)
            return audited.run(Ahead(connection, audited.replayed, head, pool).chunks())


@contextmanager
def _read_through(connection: Connection) -> Iterator[None]:
    """Read a SQLite file once, from one end to the other: what is mapped or cached of it would only fill memory."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before = {name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in READ_THROUGH}
    try:
        for name, value in READ_THROUGH.items():
            driver.execute(f"PRAGMA {name} = {value}")
        yield
    finally:
        for name, value in before.items():
            driver.execute(f"PRAGMA {name} = {value}")


@contextmanager
def _could_not(store: Store) -> Iterator[None]:
    """What keeps an audit from its end is no finding."""
    try:
        yield
    except BrokenProcessPool as error:
        raise Unavailable("a process of the audit was ended from outside") from error
    except (DBAPIError, sqlite3.DatabaseError) as error:
        raise StoreError(f"{store}: {getattr(error, 'orig', error)}") from error


def _head(connection: Connection, ledger_id: int) -> Head:
    try:
        head = read_head(connection, ledger_id)
    except NoResultFound as error:
        raise Fault("head", f"there is none for ledger {ledger_id}") from error
    except TypeError as error:
        raise Fault("head", "a column is of another type than it should be") from error
    for name, type_ in (("size", int), ("time", int), ("origin", str), ("name", str), ("checkpoints", int)):
        if type(getattr(head, name)) is not type_:
            raise Fault("head", f"its {name} is of another type than {type_.__name__}")
    return head


class _Audit:
    def __init__(self, connection: Connection, scratch: Connection, head: Head, progress: Progress):
        self._connection, self._scratch, self._head, self._progress = connection, scratch, head, progress
        self.replayed = rows_of(scratch, head.ledger_id)
        self._tree = Tree(connection, head)
        self._again = Again(self.replayed, connection, self._tree)
        self._last = (b"", 0)  # leaf hash of the first entry, time of the last

    def run(self, chunks: Iterator[Chunk]) -> Passed:
        """All of it."""
        for chunk in chunks:
            self._settle(chunk)
        self._check_end()
        return Passed(self._head.size, self._head.root, self._head.time, self._tree.latest, self._tree.note)

    def _settle(self, chunk: Chunk) -> None:
        """Replay a chunk up to its first fault, which an earlier one of the replay's own goes before."""
        evidence, fault = chunk.examined()
        self._tree.expect(chunk.checkpoints, chunk.signed.result())
        rows = chunk.rows[: len(evidence)]
        self._again.replay(rows, evidence)
        if fault is not None:
            self._again.save()
            raise fault
        if rows:
            first = self._last[0] or rows[0].leaf_hash
            self._last = (first, rows[-1].time)
            self._progress(rows[-1].log_index + 1, self._head.size)

    # --- at the end

    def _check_end(self) -> None:
        self._again.save()
        self._tree.check_end()
        if self._head.size:
            self._check_head()
        accounts = schema.PROJECTIONS[ACCOUNTS]
        total = self._scratch.execute(select(func.coalesce(func.sum(accounts.c.balance), 0))).scalar_one()
        if total:
            raise Fault("table account", f"all balances together are {total}, not zero")
        compare(self._scratch, self._connection, self._head.ledger_id)
        check_texts(self._connection, self._head.ledger_id)
        check_guards(self._connection)

    def _check_head(self) -> None:
        head, origin = self._head, self._scratch.execute(select(schema.PROJECTIONS[LEDGER].c.origin)).scalar_one()
        expected = {"origin": origin, "name": origin.rpartition("/")[2], "identity": self._last[0],
                    "time": self._last[1]}  # fmt: skip
        for name, value in expected.items():
            if getattr(head, name) != value:
                raise Fault("head", f"its {name} is not that of the log")
