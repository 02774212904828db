"""What is no ledger's own: that every row belongs to a ledger, that every head has its log, and that the database still
refuses what it was made to refuse.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.audit.fault import Fault
from ledger.store import schema
from ledger.store.catalog import differences

PROVED = [table for table in schema.metadata.tables.values() if table not in schema.FREE]


def check_ledgers(connection: Connection, audited: int | None = None) -> None:
    """Raise Fault at the first row that belongs to no ledger, and at the head of another ledger than the audited one
    whose log is of another length."""
    driver: Any = connection.connection.driver_connection
    heads = list(driver.execute('SELECT "ledger_id", "size" FROM "head" ORDER BY "ledger_id"'))
    for ledger_id, _ in heads:
        if type(ledger_id) is not int:
            raise Fault("head", "its ledger_id is of another type than int")
    for name in (table.name for table in PROVED if "ledger_id" in table.c):
        for gap in _gaps([ledger_id for ledger_id, _ in heads]):
            for (ledger_id,) in driver.execute(f'SELECT "ledger_id" FROM "{name}" WHERE {gap} LIMIT 1'):
                raise Fault(f"table {name}", f"has rows of ledger {ledger_id}, and there is no head of it")
    for ledger_id, size in heads:
        if ledger_id != audited:
            _check_length(driver, ledger_id, size)


def _gaps(ids: Sequence[int]) -> Iterator[str]:
    """Where no ledger's rows are. Every key begins with the ledger's number, so these are found without reading any."""
    yield f'"ledger_id" < {ids[0]}' if ids else "1 = 1"
    yield from (f'"ledger_id" > {one} AND "ledger_id" < {other}' for one, other in pairwise(ids))
    yield f'"ledger_id" > {ids[-1]}' if ids else "1 = 0"


def _check_length(driver: Any, ledger_id: int, size: Any) -> None:
    ((last,),) = driver.execute(f'SELECT max("log_index") FROM "entry" WHERE "ledger_id" = {ledger_id}')
    found = 0 if last is None else last + 1
    if size != found:
        raise Fault("head", f"the one of ledger {ledger_id} says {size} entries, and its log has {found}")


def check_guards(connection: Connection) -> None:
    """Raise Fault where the tables, their CHECKs, indexes and triggers are not those that this release makes."""
    found = connection.execute(select(schema.version)).scalars().all()
    if found != [schema.VERSION]:
        raise Fault(f"table {schema.version.name}", f"says {found}, and the tables are of version {schema.VERSION}")
    for difference in differences(connection):
        raise Fault("schema", difference)
