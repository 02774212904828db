"""What stands in a database, table by table: to see that not a byte changed, and to compare tables with replay."""

from typing import Any

from sqlalchemy import select

from ledger.core.machine import NOUNS
from ledger.core.state import Noun
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import EntryRow
from tests.memory import Rows, by_key


def dump(store: Store) -> dict[str, list[Any]]:
    """Every row of every table, in one transaction, in order of its columns."""
    with store.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


def projected(store: Store, ledger_id: int) -> Rows:
    """The rows of a ledger's nouns, as a state has them."""
    with store.read() as connection:
        return {
            noun.name: sorted(
                (_row(noun, found) for found in connection.execute(_of(table, ledger_id))), key=by_key(noun)
            )
            for noun, table in schema.PROJECTIONS.items()
            if noun in NOUNS
        }


def _row(noun: Noun[Any], found: Any) -> Any:
    return noun.row._make(found[1:])


def _of(table: Any, ledger_id: int) -> Any:
    return select(table).where(table.c.ledger_id == ledger_id)


def entries(store: Store, ledger_id: int) -> list[EntryRow]:
    """The whole log, in order."""
    table = schema.entry
    with store.read() as connection:
        found = connection.execute(_of(table, ledger_id).order_by(table.c.log_index))
        return [EntryRow(*row) for row in found]
