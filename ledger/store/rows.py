"""Rows of the nouns, in and out, a set at a time: one SELECT a noun to load, at most one INSERT, UPDATE and DELETE to
save. Never an upsert: a doubled key must fail, and an update must find as many rows as it names.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any

from sqlalchemy.engine import Connection

from ledger.core.state import Noun, State
from ledger.store.errors import Unbalanced
from ledger.store.schema import column_names, column_types

WIDTH = 500  # keys a SELECT on SQLite
STEPS = (1, 4, 16, 64, WIDTH)  # lists are padded to one of these lengths, so that few statements are ever compiled


class LostUpdate(Exception):
    """An UPDATE or DELETE found another number of rows than it named: a defect, and nothing of it is written."""


class Rows(ABC):
    """The rows of one ledger over one open connection, by its driver. `MARK` stands for a parameter in its SQL, `LOCK`
    ends a SELECT that keeps other writers waiting."""

    MARK: str
    LOCK: str

    def __init__(self, connection: Connection, ledger_id: int):
        self.driver: Any = connection.connection.driver_connection
        self.ledger_id = ledger_id

    def load(self, noun: Noun[Any], keys: Iterable[Any]) -> dict[Any, Any]:
        """For each key its row, or None where there is none."""
        found: dict[Any, Any] = dict.fromkeys(keys)
        # What a NamedTuple's own `_make` does, without asking for the length: the statement names every column.
        rows = list(map(partial(tuple.__new__, noun.row), self.select(noun, list(found))))
        found.update(zip(map(noun.key, rows), rows, strict=True))
        return found

    def save(self, state: State) -> None:
        """Write what a state has changed. Raises Unbalanced where balances do not sum to zero."""
        check_sum(state)
        for noun, before in state.before.items():
            if not before:
                continue
            rows = state.rows[noun]
            self._insert_new(noun, [rows[key] for key, old in before.items() if old is None])
            self._update_old(noun, {key: old for key, old in before.items() if old is not None}, rows)

    def _insert_new(self, noun: Noun[Any], rows: list[Any]) -> None:
        if rows:
            columns = ("ledger_id", *column_names(noun))
            self.insert(noun.name, columns, _types(noun), [(self.ledger_id, *row) for row in rows])

    def _update_old(self, noun: Noun[Any], before: dict[Any, Any], rows: dict[Any, Any]) -> None:
        changed = [rows[key] for key in before]
        if changed and self.update(noun, changed, unchanged(noun, before.values(), changed)) != len(changed):
            raise LostUpdate(noun.name)

    @abstractmethod
    def select(self, noun: Noun[Any], keys: list[Any]) -> Iterable[Any]:
        """The existing rows among these keys."""

    @abstractmethod
    def stream(self, sql: str, at_once: int) -> Iterator[Sequence[Any]]:
        """What a SELECT finds, so many rows at a time, each value as the database has it, of whatever type."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], types: Sequence[type], rows: Sequence[Any]) -> None:
        """Add rows, `ledger_id` first in each."""

    @abstractmethod
    def update(self, noun: Noun[Any], rows: Sequence[Any], unchanged: tuple[str, ...]) -> int:
        """Replace all columns of rows but their keys and those known to be unchanged; the number of rows found."""


def rows_of(connection: Connection, ledger_id: int) -> Rows:
    """The rows for this connection's database."""
    kind = SqliteRows if connection.dialect.name == "sqlite" else PostgresqlRows
    return kind(connection, ledger_id)


def check_sum(state: State) -> None:
    """Raise Unbalanced unless the changes of all balances sum to zero: the second statement of that rule."""
    for noun, before in state.before.items():
        if noun.name == "account":
            rows = state.rows[noun]
            total = sum([rows[key].balance - (old.balance if old else 0) for key, old in before.items()])
            if total:
                raise Unbalanced(f"the balances of a batch change by {total} in sum")


def unchanged(noun: Noun[Any], before: Iterable[Any], after: Sequence[Any]) -> tuple[str, ...]:
    """The indexed columns that are the same in all these rows before and after: SQLite takes a row out of every index
    on a column that is set, and puts it back, whether its value changes or not."""
    indexed = {name for names in noun.indexes for name in names}
    places = [n for n, name in enumerate(column_names(noun)) if name in indexed and n >= noun.keys]
    old = list(before)
    same = (n for n in places if all(one[n] == other[n] for one, other in zip(old, after, strict=True)))
    return tuple(column_names(noun)[n] for n in same)


@cache
def _types(noun: Noun[Any]) -> tuple[type, ...]:
    return (int, *(type_ for type_, _ in column_types(noun)))


def quoted(names: Iterable[str]) -> str:
    """Column names for SQL: every identifier is quoted."""
    return ", ".join(f'"{name}"' for name in names)


# --- SQLite


PROBED = 64  # keys from which a look for any row at all comes first
MANY = 50  # rows one INSERT adds: a step of the statement costs as much as a third of adding a row


class SqliteRows(Rows):
    """IN lists of at most 500 keys, INSERTs of 50 rows, executemany for the rest."""

    MARK = "?"
    LOCK = ""  # BEGIN IMMEDIATE has locked the file

    def select(self, noun: Noun[Any], keys: list[Any]) -> Iterable[Any]:
        rows: list[Any] = []
        if len(keys) >= PROBED and not self._may_find(noun, keys):
            return rows
        for start in range(0, len(keys), WIDTH):
            part = keys[start : start + WIDTH]
            width = next(step for step in STEPS if step >= len(part))
            part += part[-1:] * (width - len(part))
            values = part if noun.keys == 1 else [value for key in part for value in key]
            rows += self.driver.execute(_sqlite_select(noun, self.ledger_id, width), values).fetchall()
        return rows

    def stream(self, sql: str, at_once: int) -> Iterator[Sequence[Any]]:
        cursor = self.driver.execute(sql)
        while rows := cursor.fetchmany(at_once):
            yield rows

    def _may_find(self, noun: Noun[Any], keys: list[Any]) -> bool:
        """Whether any row lies between the least and the greatest of these keys. Ids are ordered by time, so for most
        batches nothing does among what was cancelled or named, and that is told without asking for every key."""
        first = keys if noun.keys == 1 else [key[0] for key in keys]
        return bool(self.driver.execute(_sqlite_probe(noun, self.ledger_id), (min(first), max(first))).fetchall())

    def insert(self, table: str, columns: Sequence[str], types: Sequence[type], rows: Sequence[Any]) -> None:
        many = len(rows) - len(rows) % MANY
        if many:
            flat = (list(chain.from_iterable(rows[n : n + MANY])) for n in range(0, many, MANY))
            self.driver.executemany(_sqlite_insert(table, tuple(columns), MANY), flat)
        if many < len(rows):
            self.driver.executemany(_sqlite_insert(table, tuple(columns), 1), rows[many:])

    def update(self, noun: Noun[Any], rows: Sequence[Any], unchanged: tuple[str, ...]) -> int:
        count: int = self.driver.executemany(_sqlite_update(noun, self.ledger_id, unchanged), rows).rowcount
        return count


@cache
def _sqlite_select(noun: Noun[Any], ledger_id: int, width: int) -> str:
    keys = column_names(noun)[: noun.keys]
    start = f'SELECT {quoted(column_names(noun))} FROM "{noun.name}" WHERE "ledger_id" = {ledger_id}'
    if not keys:
        return start
    if len(keys) == 1:
        return f"{start} AND {quoted(keys)} IN ({','.join('?' * width)})"
    one = f"({','.join('?' * len(keys))})"
    return f"{start} AND ({quoted(keys)}) IN (VALUES {','.join([one] * width)})"


@cache
def _sqlite_probe(noun: Noun[Any], ledger_id: int) -> str:
    key = column_names(noun)[0]
    return f'SELECT 1 FROM "{noun.name}" WHERE "ledger_id" = {ledger_id} AND "{key}" BETWEEN ? AND ? LIMIT 1'


@cache
def _sqlite_insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    one = f"({','.join('?' * len(columns))})"
    return f'INSERT INTO "{table}" ({quoted(columns)}) VALUES {",".join([one] * rows)}'


@cache
def _sqlite_update(noun: Noun[Any], ledger_id: int, unchanged: tuple[str, ...]) -> str:
    names = column_names(noun)
    numbered = {name: f'"{name}" = ?{n}' for n, name in enumerate(names, 1)}
    where = [f'"ledger_id" = {ledger_id}', *(numbered[name] for name in names[: noun.keys])]
    # The last column is always named: SQLite counts parameters up to the highest.
    changed = [numbered[name] for name in names[noun.keys :] or names if name not in unchanged or name == names[-1]]
    return f'UPDATE "{noun.name}" SET {", ".join(changed)} WHERE {" AND ".join(where)}'


# --- PostgreSQL


POSTGRESQL_TYPES = {bytes: "bytea", int: "bigint", str: "text"}
COPY_FROM = 64  # rows from which COPY costs less than one INSERT over arrays


class PostgresqlRows(Rows):
    """Set-based statements alone (arrays and COPY), `ledger_id` a constant in each, so that they spread over
    machines as they are."""

    MARK = "%b"
    LOCK = " FOR UPDATE"

    def select(self, noun: Noun[Any], keys: list[Any]) -> Iterable[Any]:
        columns = [keys] if noun.keys == 1 else list(map(list, zip(*keys, strict=True)))
        return self.driver.execute(_postgresql_select(noun, self.ledger_id), columns if noun.keys else ())  # type: ignore[no-any-return]

    def stream(self, sql: str, at_once: int) -> Iterator[Sequence[Any]]:
        with self.driver.cursor("stream") as cursor:  # one that has a name leaves in the server what is not asked for
            cursor.execute(sql)
            while rows := cursor.fetchmany(at_once):
                yield rows

    def insert(self, table: str, columns: Sequence[str], types: Sequence[type], rows: Sequence[Any]) -> None:
        if len(rows) < COPY_FROM:
            self.driver.execute(_postgresql_insert(table, tuple(columns), tuple(types)), _columns(rows))
            return
        with self.driver.cursor() as cursor, cursor.copy(_postgresql_copy(table, tuple(columns))) as copy:
            copy.set_types(["smallint", *(POSTGRESQL_TYPES[type_] for type_ in types[1:])])
            for row in rows:
                copy.write_row(row)

    def update(self, noun: Noun[Any], rows: Sequence[Any], unchanged: tuple[str, ...]) -> int:
        count: int = self.driver.execute(_postgresql_update(noun, self.ledger_id), _columns(rows)).rowcount
        return count


def _columns(rows: Sequence[Any]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))


def _arrays(types: Iterable[type]) -> str:
    return ", ".join(f"%b::{POSTGRESQL_TYPES[type_]}[]" for type_ in types)


@cache
def _postgresql_select(noun: Noun[Any], ledger_id: int) -> str:
    names = column_names(noun)
    keys = names[: noun.keys]
    start = f'SELECT {quoted(names)} FROM "{noun.name}" WHERE "ledger_id" = {ledger_id}'
    if not keys:
        return start
    if len(keys) == 1:
        return f"{start} AND {quoted(keys)} = ANY({_arrays(_types(noun)[1:2])})"
    return f"{start} AND ({quoted(keys)}) IN (SELECT * FROM unnest({_arrays(_types(noun)[1 : 1 + noun.keys])}))"


@cache
def _postgresql_insert(table: str, columns: tuple[str, ...], types: tuple[type, ...]) -> str:
    return f'INSERT INTO "{table}" ({quoted(columns)}) SELECT * FROM unnest({_arrays(types)})'


@cache
def _postgresql_copy(table: str, columns: tuple[str, ...]) -> str:
    return f'COPY "{table}" ({quoted(columns)}) FROM STDIN (FORMAT BINARY)'


@cache
def _postgresql_update(noun: Noun[Any], ledger_id: int) -> str:
    names = column_names(noun)
    changed = names[noun.keys :] or names
    sets = ", ".join(f'"{name}" = v."{name}"' for name in changed)
    where = " AND ".join(f't."{name}" = v."{name}"' for name in names[: noun.keys])
    source = f"unnest({_arrays(_types(noun)[1:])}) AS v({quoted(names)})"
    return (
        f'UPDATE "{noun.name}" AS t SET {sets} FROM {source} '
        f'WHERE t."ledger_id" = {ledger_id}{" AND " + where if where else ""}'
    )
