"""The scratch database of an audit: projections rebuilt as the audit goes along, and compared at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from ledger.ambient.collector import uncollected
from ledger.audit.fault import Fault
from ledger.core.keys import KEYS
from ledger.core.state import Noun
from ledger.store import schema
from ledger.store.rows import quoted, rows_of

AT_ONCE = 5000  # rows


@contextmanager
def scratch_database() -> Iterator[Connection]:
    """A connection to an empty SQLite file with the tables of the nouns; it is gone afterwards, and needs no safety."""
    with TemporaryDirectory(prefix="comarca-audit-") as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'scratch.db'}", connect_args={"isolation_level": None})
        try:
            with engine.connect() as connection:
                for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8192"):
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
                for statement in _tables():
                    connection.exec_driver_sql(statement)
                connection.exec_driver_sql("BEGIN")  # one transaction for all: it is thrown away in any case
                try:
                    yield connection
                finally:
                    connection.exec_driver_sql("COMMIT")  # without a journal there is no going back
        finally:
            engine.dispose()


@cache
def _tables() -> list[str]:
    """The statements that make the tables of the nouns, and the index that finds a holder's keys; no other is used."""
    made: list[ExecutableDDLElement] = [CreateTable(table) for table in schema.PROJECTIONS.values()]
    made += map(CreateIndex, schema.PROJECTIONS[KEYS].indexes)
    return [str(one.compile(dialect=sqlite.dialect())) for one in made]


def compare(scratch: Connection, found: Connection, ledger_id: int) -> None:
    """Raise Fault at the first row in which the database's projections differ from the replayed ones."""
    for noun in schema.PROJECTED:
        with uncollected():
            _compare(noun, *(_rows(connection, noun, ledger_id) for connection in (scratch, found)))


def _compare(noun: Noun[Any], replayed: Iterator[Sequence[Any]], kept: Iterator[Sequence[Any]]) -> None:
    for expected, stored in zip_longest(replayed, kept, fillvalue=()):
        if expected != stored:
            row, other = next(pair for pair in zip_longest(expected, stored) if pair[0] != pair[1])
            raise Fault(f"table {noun.name}", _difference(noun, row, other))


def _rows(connection: Connection, noun: Noun[Any], ledger_id: int) -> Iterator[Sequence[Any]]:
    """The rows of a noun in the order of their keys, many at a time."""
    names = schema.column_names(noun)
    order = f" ORDER BY {quoted(names[: noun.keys])}" if noun.keys else ""
    wanted = f'SELECT {quoted(names)} FROM "{noun.name}" WHERE "ledger_id" = {ledger_id}{order}'
    return rows_of(connection, ledger_id).stream(wanted, AT_ONCE)


def _difference(noun: Noun[Any], expected: Any, stored: Any) -> str:
    if expected is None or stored is None:
        row, where = (stored, "too many: replay has no such row") if expected is None else (expected, "missing")
        return f"row {_shown(row[: noun.keys])} is {where}"
    names = schema.column_names(noun)
    if expected[: noun.keys] != stored[: noun.keys]:
        return f"row {_shown(expected[: noun.keys])} belongs where {_shown(stored[: noun.keys])} stands"
    for name, value, other in zip(names, expected, stored, strict=True):
        if value != other:
            return f"row {_shown(expected[: noun.keys])}: {name} is {_shown(other)}, and replay gives {_shown(value)}"
    raise AssertionError("two rows that differ have a column that does")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "of the ledger"
    return value.hex() if isinstance(value, bytes) else str(value)
