"""Whatever is changed in the database behind the ledger's back, the audit finds it: column by column, row by row."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Table

from ledger.audit.auditing import audit
from ledger.audit.fault import Fault
from ledger.store import schema
from ledger.store.errors import StoreError
from tests.audit.conftest import Pair
from tests.damage import AUDITED, Damage
from tests.lived import Lived

# What belongs to no ledger any more cannot be seen from one: a head moved away, a checkpoint fewer.
UNSEEN = {("head", "ledger_id"), ("checkpoint", "ledger_id")}
CASES = [(table, column.name) for table in AUDITED for column in table.columns
         if (table.name, column.name) not in UNSEEN]  # fmt: skip


def others(value: Any, kind: Any) -> Iterator[Any]:
    """Other values of a column, as near to this one as can be; some may offend a constraint."""
    if kind is int:
        yield from (1, 2) if value is None else (value + 1, value - 1, value + 7)
    elif kind is bytes:
        yield from (b"\1" * 16,) if value is None else (value[:-1] + bytes([(value or b"\0")[-1] ^ 1]), value + b"x")
    else:
        yield from ("x",) if value is None else (value + "x", "personal")
    if value is not None:
        yield None


def check_found(lived: Lived, table: Table, column: str = "") -> None:
    wanted = StoreError if (table.name, column) == ("head", "fingerprint") else Fault
    with pytest.raises(wanted):
        audit(lived.store, lived.ledger_id, processes=1)


IDS = [f"{table.name}.{column}" for table, column in CASES]


@pytest.mark.parametrize(("table", "column"), CASES, ids=IDS)
def test_a_changed_column_is_found(pair: Pair, table: Table, column: str) -> None:
    lived = pair.of(table.name)
    damage = Damage(lived.store)
    for row, changed in changes(damage.rows(table), table, column):
        if damage.replace(table, row, changed):
            check_found(lived, table, column)
            assert damage.replace(table, changed, row)
            return
    pytest.fail("no row, or every change offended a constraint: let more happen in tests/lived.py")


def changes(rows: list[dict[str, Any]], table: Table, column: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows, those first that have a value in the column, and each with another value there."""
    for row in sorted(rows, key=lambda row: row[column] is None):
        for other in others(row[column], table.c[column].type.python_type):
            yield row, {**row, column: other}


@pytest.mark.parametrize("table", [table for table in AUDITED if table.name != "head"], ids=lambda table: table.name)
def test_a_missing_row_is_found(pair: Pair, table: Table) -> None:
    lived = pair.of(table.name)
    damage = Damage(lived.store)
    row = damage.rows(table)[-1]
    damage.delete(table, row)
    if table.name == "checkpoint":  # how many there should be nobody knows; how far the operator has signed is said
        assert audit(lived.store, lived.ledger_id, processes=1).signed < lived.door.head().size
    else:
        check_found(lived, table)
    assert damage.insert(table, row)


@pytest.mark.parametrize(
    "table", [table for table in AUDITED if len(table.primary_key) > 1], ids=lambda table: table.name
)
def test_a_further_row_is_found(pair: Pair, table: Table) -> None:
    lived = pair.of(table.name)
    damage = Damage(lived.store)
    for row in further_rows(table, damage.rows(table)[-1]):
        if damage.insert(table, row):
            check_found(lived, table)
            damage.delete(table, row)
            return
    pytest.fail("every further row offended a constraint")


def further_rows(table: Table, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The row once more under another key."""
    key = [column.name for column in table.primary_key][-1]
    for other in others(row[key], table.c[key].type.python_type):
        yield {**row, **({"id": b"\xff" * 16} if table.name == "entry" else {}), key: other}


def test_nothing_is_left_of_all_that(pair: Pair) -> None:
    for lived in pair:
        passed = audit(lived.store, lived.ledger_id, processes=1)
        assert passed.size == passed.signed == lived.door.head().size


# --- what the log does not prove may change


@pytest.mark.parametrize("table", [schema.free_text, schema.profile], ids=lambda table: table.name)
def test_personal_data_may_go(pair: Pair, table: Table) -> None:
    damage = Damage(pair.short.store)
    row = damage.rows(table)[0]
    damage.delete(table, row)
    audit(pair.short.store, pair.short.ledger_id, processes=1)
    assert damage.insert(table, row)


@pytest.mark.parametrize("table", [schema.free_text, schema.profile], ids=lambda table: table.name)
@pytest.mark.parametrize("column", ["line", "log_index", "field", "member"])
def test_personal_data_cannot_be_changed(pair: Pair, table: Table, column: str) -> None:
    if column not in table.c:
        return
    damage = Damage(pair.short.store)
    for row, changed in changes(damage.rows(table), table, column):
        if damage.replace(table, row, changed):
            check_found(pair.short, table)
            assert damage.replace(table, changed, row)
            return
    pytest.fail("every change offended a constraint")


# --- SQLite keeps whatever is put into a column; PostgreSQL keeps its types itself


@pytest.mark.parametrize(("table", "column"), CASES, ids=IDS)
def test_a_value_of_another_type_is_found(strange_pair: Pair, table: Table, column: str) -> None:
    lived = strange_pair.of(table.name)
    damage = Damage(lived.store)
    row = damage.rows(table)[-1]
    strange: Any = b"strange" if table.c[column].type.python_type is str else "strange"
    keys = {key.name: row[key.name] for key in table.primary_key}
    if damage.put(table, column, keys, strange):  # some have a constraint that knows the type
        try:
            check_found(lived, table, column)
        finally:
            assert damage.put(table, column, {**keys, **({column: strange} if column in keys else {})}, row[column])
