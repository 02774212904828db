"""Damage done to a database behind the ledger's back, its guards removed, to see that it is found."""

from typing import Any

from sqlalchemy import Table, select, text
from sqlalchemy.exc import DBAPIError

from ledger.store import schema
from ledger.store.database import Store
from ledger.store.schema import APPEND_ONLY


class Damage:
    """Writes by whoever owns the database."""

    def __init__(self, store: Store):
        self._store = store
        self._sqlite = store.url.drivername == "sqlite"

    def run(self, sql: str, **values: Any) -> None:
        """One statement, committed."""
        with self._store.writes.begin() as connection:
            connection.execute(text(sql), values)

    def drop_triggers(self) -> None:
        """Take the database's own guard of the log away."""
        for table in APPEND_ONLY:
            with self._store.writes.begin() as connection:
                if self._sqlite:
                    for verb in ("update", "delete", "replace"):
                        connection.exec_driver_sql(f"DROP TRIGGER {table.name}_no_{verb}")
                else:
                    connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DISABLE TRIGGER ALL')

    # --- rows

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table in order of its key."""
        with self._store.read() as connection:
            found = connection.execute(select(table).order_by(*table.primary_key.columns))
            return [dict(row._mapping) for row in found]

    def set(self, table: str, column: str, log_index: int, value: Any) -> None:
        """One column of the entry at a log index."""
        self.run(f'UPDATE "{table}" SET "{column}" = :value WHERE "log_index" = :index', value=value, index=log_index)

    def replace(self, table: Table, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """Put a row in another's place; False where a constraint keeps it out."""
        sets = ", ".join(f'"{name}" = :new_{name}' for name in new)
        where = " AND ".join(f'"{column.name}" = :old_{column.name}' for column in table.primary_key)
        values = {f"new_{name}": value for name, value in new.items()}
        values |= {f"old_{column.name}": old[column.name] for column in table.primary_key}
        try:
            self.run(f'UPDATE "{table.name}" SET {sets} WHERE {where}', **values)
        except DBAPIError:
            return False
        return True

    def put(self, table: Table, column: str, keys: dict[str, Any], value: Any) -> bool:
        """Set one column of the row under these keys; False where a constraint keeps the value out."""
        where = " AND ".join(f'"{name}" = :key_{name}' for name in keys)
        values = {f"key_{name}": key for name, key in keys.items()}
        try:
            self.run(f'UPDATE "{table.name}" SET "{column}" = :value WHERE {where}', value=value, **values)
        except DBAPIError:
            return False
        return True

    def insert(self, table: Table, row: dict[str, Any]) -> bool:
        """Add a row; False where a constraint keeps it out."""
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        try:
            self.run(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})', **row)
        except DBAPIError:
            return False
        return True

    def delete(self, table: Table, row: dict[str, Any]) -> None:
        """Take a row away."""
        where = " AND ".join(f'"{column.name}" = :{column.name}' for column in table.primary_key)
        keys = {column.name: row[column.name] for column in table.primary_key}
        self.run(f'DELETE FROM "{table.name}" WHERE {where}', **keys)


LOG_TABLES = (schema.head, schema.entry, schema.tile, schema.checkpoint)
AUDITED = (*LOG_TABLES, *schema.PROJECTIONS.values())
