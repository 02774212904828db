"""The floor for `submit`: the raw driver doing, in one transaction a batch, the same reads and writing the same rows.

No rules, no hashes, nothing of ours but the tables with their indexes and triggers. The rows are prepared before the
clock starts: a recorder submits the batch on a ledger of its own and reads back what it wrote. Reads are IN lists of
500 keys (PostgreSQL: = ANY), writes one executemany a table at full width (PostgreSQL: COPY, and unnest for the
update), with the same durable commit.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import psycopg

from benchmarks.world import World
from ledger.core import machine
from ledger.intake.submission import Prepared
from ledger.log import tiles
from ledger.store import engine, schema

Row = tuple[Any, ...]
INSERTED = ("entry", "movement", "tile")
WIDTH = 500


class Recorded(NamedTuple):
    """What submitting one batch read and wrote. Rows are full, `ledger_id` first."""

    reads: dict[str, tuple[tuple[str, ...], list[Any]]]  # table -> its key's columns and the keys read
    inserted: dict[str, list[Row]]
    accounts: list[Row]
    head: Row


def record(world: World, batch: Sequence[Prepared]) -> Recorded:
    """Submit a batch on the recorder's ledger, and read back the rows."""
    old = world.door.head().size
    world.submit(batch)
    with world.store.read() as connection:
        connection_of = connection.connection.driver_connection
        new = world.door.head().size
        logged = f'WHERE "log_index" >= {old} ORDER BY "log_index"'
        inserted = {
            "entry": _fetch(connection_of, f'SELECT * FROM "entry" {logged}'),
            "movement": _fetch(connection_of, f'SELECT * FROM "movement" {logged}, "n"'),
            "tile": [
                row for level, index in tiles.full_tiles(old, new)
                for row in _fetch(connection_of, f'SELECT * FROM "tile" WHERE "level" = {level} AND "index" = {index}')
            ],
        }  # fmt: skip
        accounts = {row[1]: row for row in _fetch(connection_of, 'SELECT * FROM "account"')}
        (head,) = _fetch(connection_of, 'SELECT * FROM "head"')
    changed = dict.fromkeys(id for row in inserted["movement"] for id in (row[4], row[5]))
    return Recorded(reads_of(batch), inserted, [accounts[id] for id in changed], head)


def _fetch(connection: Any, sql: str) -> list[Row]:
    return [tuple(row) for row in connection.execute(sql).fetchall()]


def reads_of(batch: Sequence[Prepared]) -> dict[str, tuple[tuple[str, ...], list[Any]]]:
    """For each table the keys that deciding the batch reads."""
    wanted = machine.footprints(item.instruction for item in batch)
    return {n.name: (schema.column_names(n)[: n.keys], list(keys)) for n, keys in wanted.items() if keys}


def columns(table: str) -> tuple[str, ...]:
    """All columns of a table."""
    return tuple(schema.metadata.tables[table].columns.keys())


def listed(names: Iterable[str]) -> str:
    """Column names for SQL."""
    return ", ".join(f'"{name}"' for name in names)


class Floor(Protocol):
    """A floor on one database."""

    def run(self, batch: Recorded) -> None: ...

    def insert_only(self, batch: Recorded) -> None: ...

    def close(self) -> None: ...


def floor_of(world: World) -> Floor:
    """The floor on this ledger's engine, over a connection of its own."""
    url = world.store.url
    if url.drivername == "sqlite":
        return SqliteFloor(str(url.database))
    return PostgresqlFloor(f"host={url.query['host']} user={url.username} dbname={url.database}")


# What sameness asks of the log is three columns; of every other table a rule may ask all.
READ = {"entry": ("id", "log_index", "text_hash")}
ACCOUNT = columns("account")
HEAD = columns("head")


class SqliteFloor:
    """sqlite3 alone."""

    def __init__(self, file: str):
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in engine.PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._insert = {
            table: f'INSERT INTO "{table}" ({listed(columns(table))}) VALUES ({",".join("?" * len(columns(table)))})'
            for table in INSERTED
        }
        self._update = _update_numbered("account", ACCOUNT, 2)
        self._write_head = _update_numbered("head", HEAD, 1)

    def close(self) -> None:
        self._connection.close()

    def run(self, batch: Recorded) -> None:
        """One batch."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute('SELECT * FROM "head" WHERE "ledger_id" = 1').fetchall()
        for table, (names, keys) in batch.reads.items():
            for start in range(0, len(keys), WIDTH):
                self._read(table, names, keys[start : start + WIDTH])
        self._insert_all(batch)
        self._connection.executemany(self._update, batch.accounts)
        execute(self._write_head, batch.head)
        execute("COMMIT")

    def insert_only(self, batch: Recorded) -> None:
        """The inserts of one batch and nothing else."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._insert_all(batch)
        self._connection.execute("COMMIT")

    def _insert_all(self, batch: Recorded) -> None:
        for table, rows in batch.inserted.items():
            if rows:
                self._connection.executemany(self._insert[table], rows)

    def _read(self, table: str, names: tuple[str, ...], keys: list[Any]) -> list[Row]:
        start = f'SELECT {listed(READ.get(table, columns(table)))} FROM "{table}" WHERE "ledger_id" = 1 AND '
        if len(names) == 1:
            sql = f'{start} "{names[0]}" IN ({",".join("?" * len(keys))})'
            return self._connection.execute(sql, keys).fetchall()
        one = f"({','.join('?' * len(names))})"
        sql = f"{start} ({listed(names)}) IN (VALUES {','.join([one] * len(keys))})"
        return self._connection.execute(sql, [value for key in keys for value in key]).fetchall()


def _update_numbered(table: str, names: Sequence[str], keys: int) -> str:
    numbered = [f'"{name}" = ?{n}' for n, name in enumerate(names, 1)]
    return f'UPDATE "{table}" SET {", ".join(numbered[keys:])} WHERE {" AND ".join(numbered[:keys])}'


TYPES = {"SmallInteger": "smallint", "BigInteger": "bigint", "Text": "text", "LargeBinary": "bytea"}


def types(table: str) -> list[str]:
    """The PostgreSQL types of a table's columns."""
    return [TYPES[type(column.type).__name__] for column in schema.metadata.tables[table].columns]


class PostgresqlFloor:
    """psycopg alone."""

    def __init__(self, dsn: str):
        self._connection = psycopg.connect(dsn)
        self._update = _update_unnest("account", ACCOUNT, 2)
        sets = ", ".join(f'"{name}" = %b' for name in HEAD[1:])
        self._write_head = f'UPDATE "head" SET {sets} WHERE "ledger_id" = %b'

    def close(self) -> None:
        self._connection.close()

    def run(self, batch: Recorded) -> None:
        """One batch."""
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute('SELECT * FROM "head" WHERE "ledger_id" = 1 FOR UPDATE').fetchall()
            for table, (names, keys) in batch.reads.items():
                self._read(cursor, table, names, keys)
            self._copy_all(cursor, batch)
            cursor.execute(self._update, _arrays(batch.accounts))
            cursor.execute(self._write_head, (*batch.head[1:], batch.head[0]))
            self._connection.commit()

    def insert_only(self, batch: Recorded) -> None:
        """The inserts of one batch and nothing else."""
        with self._connection.cursor() as cursor:
            self._copy_all(cursor, batch)
        self._connection.commit()

    def _copy_all(self, cursor: Any, batch: Recorded) -> None:
        for table, rows in batch.inserted.items():
            if rows:
                with cursor.copy(f'COPY "{table}" ({listed(columns(table))}) FROM STDIN (FORMAT BINARY)') as copy:
                    copy.set_types(types(table))
                    for row in rows:
                        copy.write_row(row)

    def _read(self, cursor: Any, table: str, names: tuple[str, ...], keys: list[Any]) -> list[Row]:
        start = f'SELECT {listed(READ.get(table, columns(table)))} FROM "{table}" WHERE "ledger_id" = 1 AND '
        if len(names) == 1:
            sql, arrays = f'{start} "{names[0]}" = ANY(%b)', [keys]
        else:
            sql = f"{start} ({listed(names)}) IN (SELECT * FROM unnest({', '.join(['%b'] * len(names))}))"
            arrays = _arrays(keys)
        rows: list[Row] = cursor.execute(sql, arrays).fetchall()
        return rows


def _arrays(rows: Sequence[Row]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))


def _update_unnest(table: str, names: Sequence[str], keys: int) -> str:
    sets = ", ".join(f'"{name}" = v."{name}"' for name in names[keys:])
    where = " AND ".join(f't."{name}" = v."{name}"' for name in names[1:keys])
    arrays = ", ".join(f"%b::{type_}[]" for type_ in types(table))
    source = f"unnest({arrays}) AS v({listed(names)})"
    return f'UPDATE "{table}" AS t SET {sets} FROM {source} WHERE t."ledger_id" = 1 AND {where}'
