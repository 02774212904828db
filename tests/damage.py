"""Damage done to a database behind the ledger's back, to see that it is found."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Table, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ledger.store.database import Store

Row = dict[str, Any]


class Damage:
    """Writes by whoever owns the database: past its triggers, which stand again afterwards as if nothing had been."""

    def __init__(self, store: Store):
        self._store = store

    def run(self, sql: str, **values: Any) -> None:
        """One statement, committed."""
        with self._store.writes.begin() as connection, unguarded(connection):
            connection.execute(text(sql), values)

    def rows(self, table: Table) -> list[Row]:
        """All rows of a table in order of its key."""
        with self._store.read() as connection:
            found = connection.execute(select(table).order_by(*table.primary_key.columns))
            return [dict(row._mapping) for row in found]

    def set(self, table: str, column: str, log_index: int, value: Any) -> None:
        """One column of the entry at a log index."""
        self.run(f'UPDATE "{table}" SET "{column}" = :value WHERE "log_index" = :index', value=value, index=log_index)

    def change(self, table: Table, old: Sequence[Row], new: Sequence[Row]) -> bool:
        """Put rows in others' place; False where a constraint keeps them out."""
        key, names = [column.name for column in table.primary_key], [column.name for column in table.columns]
        where = " AND ".join(f'"{name}" = :{name}' for name in key)
        columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
        try:
            with self._store.writes.begin() as connection, unguarded(connection):
                for row in old:
                    done = connection.execute(text(f'DELETE FROM "{table.name}" WHERE {where}'), row)
                    assert done.rowcount == 1, "the row to damage is there"
                for row in new:
                    connection.execute(text(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})'), row)
        except DBAPIError:
            return False
        return True


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Without triggers and, on SQLite, without CHECKs, in this transaction."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        return
    triggers = list(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
    for _, sql in triggers:
        connection.exec_driver_sql(sql)
