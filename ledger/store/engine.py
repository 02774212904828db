"""Engines: how this program opens SQLite and PostgreSQL.

SQLAlchemy's default transactions on SQLite lose updates silently, so the driver's own are off, and a write begins
with BEGIN IMMEDIATE while a read begins with BEGIN: an open read never locks the writer out.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from ledger.store.errors import StoreError

# FULL: with NORMAL a power cut takes acknowledged entries with it. A batch of 1000 dirties half of the 1,000 pages
# after which SQLite by default copies its WAL back and flushes the database too; 8,000 pages are 32 MB on disk.
# secure_delete: what was erased is overwritten, not only let go.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000", "cache_size = -65536",
           "temp_store = MEMORY", "mmap_size = 268435456", "wal_autocheckpoint = 8000",
           "secure_delete = ON")  # fmt: skip

# For a PostgreSQL whose machine or network is gone without a word, a request would wait for a quarter of an hour, and
# two of them keep all others of their process from running. How long a statement takes is not limited.
GONE = {"connect_timeout": 10, "tcp_user_timeout": 20_000, "keepalives_idle": 10, "keepalives_interval": 5,
        "keepalives_count": 2}  # fmt: skip

SQLITE_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))  # where the corruption by a reset of the WAL was mended

# The driver binds int and str as they are, and asks its protocol of adapters about everything else, which for octets
# and None costs more than binding them. An adapter that answers the value itself ends the search.
_NONE_FOR_NONE: dict[None, str] = {}
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(type(None), _NONE_FOR_NONE.get)


def parse_url(url: str) -> URL:
    """The URL of a database this program can use; raises StoreError."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"not a database URL: {url!r}; for example sqlite:///comarca.db") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreError(f"{parsed.drivername}: use sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("a ledger needs a file: sqlite:///FILE (nothing in memory survives)")
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database, or None for PostgreSQL."""
    return Path(str(url.database)) if url.drivername == "sqlite" else None


def open_engine(url: URL, reads: bool = False, copies_back: bool = True) -> Engine:
    """An engine for writes, or for reads alone. The database need not exist yet. Of several processes that have a
    SQLite file, one copies its WAL back: the corruption by a reset needs two that do, at the same moment."""
    if url.drivername == "sqlite":
        engine = create_engine(url, connect_args={"isolation_level": None, "check_same_thread": False})
        event.listen(engine, "connect", _set_pragmas)
        if not copies_back:
            event.listen(engine, "connect", _leave_the_wal)
        event.listen(engine, "begin", _begin_reading if reads else _begin_writing)
        return engine
    engine = create_engine(url, pool_pre_ping=True, pool_size=10, connect_args=GONE)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) if reads else engine


@contextmanager
def sorting_on_disk(connection: Connection) -> Iterator[None]:
    """Before a transaction that makes indexes of whole tables: where SQLite keeps temporary tables in memory, there it
    sorts too, however much it is."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    ((before,),) = driver.execute("PRAGMA temp_store")
    driver.execute("PRAGMA temp_store = FILE")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA temp_store = {before}")


def _set_pragmas(connection: Any, record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _leave_the_wal(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA wal_autocheckpoint = 0")


def _begin_reading(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
