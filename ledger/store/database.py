"""One database and the ledgers in it: make it, open it, write in one transaction, read.

What is missing, empty, of another program or of an unknown schema is refused in one line, and never made anew.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, func, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ledger.core.erasures import ERASURES
from ledger.core.machine import NOUNS
from ledger.core.state import Noun, State
from ledger.store import engine, schema
from ledger.store.errors import StoreError, Unavailable
from ledger.store.log import EntryRow, Head, append, erase, lock_head, save_checkpoints, write_head
from ledger.store.rows import Rows, rows_of

FORGET_MS = 500  # how long octets that are to be let go wait for an open read, and writers for them
# What says that the database, not the batch, is in trouble: a lock, a disk, a connection, a pool that is used up.
TROUBLE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    sqlite3.OperationalError,
    sqlite3.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


def is_trouble(error: Exception) -> bool:
    """Whether the database, not the batch, is in trouble. A damaged file is a bare sqlite3.DatabaseError."""
    return isinstance(error, TROUBLE) or type(getattr(error, "orig", error)) is sqlite3.DatabaseError


@contextmanager
def trouble_is_unavailable() -> Iterator[None]:
    """Turn the database's trouble into Unavailable, in the driver's own words: SQLAlchemy's quote the statement."""
    try:
        yield
    except Exception as error:
        if not is_trouble(error):
            raise
        said = str(getattr(error, "orig", error)).strip().split("\n")
        raise Unavailable(f"the database: {said[0] or type(error).__name__}") from error


def _make_file(file: Path | None) -> None:
    """Make the file that is not there for its owner alone, as it will hold what members said; SQLite gives the files
    that it puts beside it the same mode."""
    if file is not None and not file.exists():
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"{file}: cannot be made: {error.strerror}") from error


class Transaction:
    """A write transaction on one ledger, its head locked."""

    def __init__(self, connection: Connection, ledger_id: int):
        self.connection = connection
        self.rows: Rows = rows_of(connection, ledger_id)
        self.head = self._written = lock_head(self.rows)
        self.has_erased = False

    def state(self, wanted: Mapping[Noun[Any], Collection[Any]]) -> State:
        """A state with the rows under these keys, by noun, loaded."""
        state = State(NOUNS)
        for noun, keys in wanted.items():
            if keys:
                state.rows[noun] = self.rows.load(noun, keys)
        return state

    def append(self, entries: list[EntryRow]) -> None:
        """Append entries to the log and move the head."""
        self.head = append(self.rows, self.head, entries)

    def keep(self, checkpoints: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Keep signed checkpoints: size, root, note."""
        self.head = save_checkpoints(self.rows, self.head, checkpoints)

    def save(self, state: State) -> None:
        """Write the rows that the state has changed, and empty the entries that were erased."""
        self.rows.save(state)
        if erased := state.before[ERASURES]:
            self.erase(min(state.rows[ERASURES][log_index].erased_by for log_index in erased))

    def erase(self, since: int) -> None:
        """Empty the entries that erasures from this log index on name."""
        self.has_erased = erase(self.rows, since) > 0

    def end(self) -> None:
        """Write the head, once, if anything has moved it."""
        if self.head != self._written:
            write_head(self.rows, self.head)


class Store:
    """An open database. Use `open` or `create`."""

    def __init__(self, url: str, copies_back: bool = True):
        self.url = engine.parse_url(url)
        self.writes: Engine = engine.open_engine(self.url, copies_back=copies_back)
        self.reads: Engine = engine.open_engine(self.url, reads=True)

    @classmethod
    def open(cls, url: str, copies_back: bool = True) -> "Store":
        """The database at this URL; raises StoreError where there is none of ours. `copies_back`: it is this process
        that copies SQLite's WAL into its file."""
        store = cls(url, copies_back)
        file = engine.sqlite_file(store.url)
        if file is not None and not file.exists():
            raise StoreError(f"{file}: there is no such database; `comarca init` makes one")
        store._check_version()
        return store

    @classmethod
    def create(cls, url: str) -> "Store":
        """The database at this URL, its tables made if it is empty; raises StoreError where it is not ours."""
        store = cls(url)
        with store._reached():
            _make_file(engine.sqlite_file(store.url))
            if store._is_empty():
                with store.writes.begin() as connection:
                    schema.create_log_tables(connection)
        store._check_version()
        return store

    def close(self) -> None:
        """Give every connection back."""
        self.writes.dispose()
        self.reads.dispose()

    def _is_empty(self) -> bool:
        with self.writes.connect() as connection:
            return not inspect(connection).get_table_names()

    def _check_version(self) -> None:
        with self._reached(), self.writes.connect() as connection:
            tables = inspect(connection).get_table_names()
            if not tables:
                raise StoreError(f"{self}: the database is empty; `comarca init` makes a ledger in it")
            if schema.version.name not in tables:
                raise StoreError(f"{self}: this is no database of Comarca's; name another")
            found = connection.execute(select(schema.version.c.version)).scalars().all()
        if found != [schema.VERSION]:
            raise StoreError(f"{self}: its schema is {found}, and this program knows {schema.VERSION}: use the release "
                             "that made it, or export the log with that one and recover it with this")  # fmt: skip

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.DatabaseError) as error:
            said = str(getattr(error, "orig", error)).strip().splitlines()
            raise StoreError(f"{self}: {said[0] if said else 'it cannot be opened'}") from error

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    # --- ledgers

    def heads(self) -> list[Head]:
        """The heads of all ledgers in this database."""
        with self.read() as connection:
            return [Head(*row) for row in connection.execute(select(schema.head).order_by(schema.head.c.ledger_id))]

    def head(self, name: str | None = None) -> Head:
        """The head of the ledger of this name, or of the only one; raises StoreError."""
        heads = self.heads()
        found = [head for head in heads if name in (None, head.name)]
        if len(found) == 1:
            return found[0]
        named = ", ".join(head.name for head in heads) or "none"
        what = f"no ledger {name!r}" if name else "more than one ledger, so name one" if heads else "no ledger"
        raise StoreError(f"{self}: {what} (here: {named})")

    def add_ledger(self, origin: str) -> int:
        """Make room for a ledger of this origin, still without its genesis; its number here."""
        name = origin.rpartition("/")[2]
        if any(name == head.name for head in self.heads()):
            raise StoreError(f"{self}: there is a ledger {name!r} already")
        with self.writing() as connection:
            highest = connection.execute(select(func.max(schema.head.c.ledger_id))).scalar()
            head = Head((highest or 0) + 1, name, origin, None, 0, b"", None, 0, schema.fingerprint(), 0)
            connection.execute(schema.head.insert().values(head._asdict()))
        return head.ledger_id

    # --- transactions

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that reads one state of the database from beginning to end; raises Unavailable."""
        with trouble_is_unavailable(), self.reads.connect() as connection:
            yield connection

    @contextmanager
    def write(self, ledger_id: int) -> Iterator[Transaction]:
        """One write transaction with the ledger's head locked: committed whole or not at all; raises Unavailable."""
        with self.writing() as connection:
            transaction = Transaction(connection, ledger_id)
            yield transaction
            transaction.end()
        if transaction.has_erased:
            self.forget()

    def forget(self) -> bool:
        """Let go of old octets of what was erased that SQLite still keeps in its WAL; False where an open read keeps
        them, as until the WAL is next written over. PostgreSQL's own VACUUM does it there."""
        if self.url.drivername != "sqlite":
            return True
        try:
            with trouble_is_unavailable(), closing(self.writes.raw_connection()) as connection:
                driver: Any = connection.driver_connection
                ((patience,),) = driver.execute("PRAGMA busy_timeout")
                driver.execute(f"PRAGMA busy_timeout = {FORGET_MS}")
                ((busy, _, _),) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                driver.execute(f"PRAGMA busy_timeout = {patience}")
        except Unavailable:  # what is committed is committed
            return False
        return not busy

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction on the database as a whole; raises Unavailable."""
        with trouble_is_unavailable(), self.writes.begin() as connection:
            yield connection

    @contextmanager
    def writing_tables(self) -> Iterator[Connection]:
        """The same for whole tables and their indexes, in memory that does not grow with them."""
        connect = self.writes.connect
        with trouble_is_unavailable(), connect() as connection, engine.sorting_on_disk(connection), connection.begin():
            yield connection
