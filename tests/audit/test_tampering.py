"""Whatever single change is made in the database behind the ledger's back, the audit finds it: in every column of every
table that the schema has, flipped, taken away, doubled or swapped. What may change is named in one list, `schema.FREE`.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from sqlalchemy import CheckConstraint, LargeBinary, Table

from ledger.audit.auditing import audit
from ledger.audit.fault import Fault
from ledger.store import schema
from ledger.store.errors import StoreError
from tests.audit.conftest import Pair
from tests.damage import Damage, Row
from tests.lived import Lived

AUDITED = [table for table in schema.metadata.sorted_tables if table not in schema.FREE]


class Change(NamedTuple):
    """Rows, and those that come into their place."""

    old: list[Row]
    new: list[Row]


Case = tuple[str, Iterator[Change]]  # what is tried, and ways to do it, of which some may offend a constraint


def others(value: Any, kind: type) -> Iterator[Any]:
    """Other values of a column, one bit from this one where that can be."""
    if kind is int:
        yield from (1, 2) if value is None else (value ^ 1, value + 1, value - 1, value + 7)
    elif kind is bytes:
        yield from (b"\1" * 16,) if value is None else (value[:-1] + bytes([(value or b"\0")[-1] ^ 1]), value + b"x")
    else:
        yield from ("x",) if value is None else (value[:-1] + chr(ord(value[-1]) ^ 1), value + "x", "personal")
    if value is not None:
        yield None


# --- the ways: rows of one ledger, and rows of all, to what can be done to them


def flipped(table: Table, rows: list[Row], everyone: list[Row]) -> Iterator[Case]:
    for column in table.columns:
        filled = sorted(rows, key=lambda row, name=column.name: row[name] is None)  # type: ignore[misc]
        yield column.name, (Change([row], [{**row, column.name: other}]) for row in filled
                            for other in others(row[column.name], column.type.python_type))  # fmt: skip


def taken_away(table: Table, rows: list[Row], everyone: list[Row]) -> Iterator[Case]:
    yield "first row", iter([Change([rows[0]], [])])
    yield "last row", iter([Change([rows[-1]], [])])


def doubled(table: Table, rows: list[Row], everyone: list[Row]) -> Iterator[Case]:
    """A row once more under another key, and under other names where these may stand once only."""
    unique = {column for index in table.indexes if index.unique for column in index.columns} - {*table.primary_key}
    for key in table.primary_key:
        row = {**rows[-1], **{one.name: next(others(rows[-1][one.name], one.type.python_type)) for one in unique}}
        yield (
            key.name,
            (Change([], [{**row, key.name: other}]) for other in others(row[key.name], key.type.python_type)),
        )


def swapped(table: Table, rows: list[Row], everyone: list[Row]) -> Iterator[Case]:
    """Two rows' values of a column, where there are two that differ."""
    for name in (column.name for column in table.columns):
        if len({row[name] for row in everyone}) > 1:
            yield name, _swaps(name, rows if len({row[name] for row in rows}) > 1 else everyone)


def _swaps(name: str, rows: list[Row]) -> Iterator[Change]:
    for one, other in combinations(rows, 2):
        change = Change([one, other], [{**one, name: other[name]}, {**other, name: one[name]}])
        if one[name] != other[name] and other != change.new[0]:
            yield change


def of_another_type(table: Table, rows: list[Row], everyone: list[Row]) -> Iterator[Case]:
    """SQLite keeps whatever is put into a column; PostgreSQL keeps its types itself."""
    for column in table.columns:
        strange = "strange" if isinstance(column.type, LargeBinary) else b"strange"
        yield column.name, (Change([row], [{**row, column.name: strange}]) for row in rows)


WAYS = [flipped, taken_away, doubled, swapped, of_another_type]


# --- trying them


def test_every_table_that_an_audit_proves_has_rows(pair: Pair) -> None:
    damage = Damage(pair.short.store)
    assert [table.name for table in AUDITED if not damage.rows(table)] == []
    assert len(AUDITED) > 15


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_change_is_found(pair: Pair, way: Callable[..., Iterator[Case]]) -> None:
    if way is of_another_type and pair.short.store.url.drivername != "sqlite":
        pytest.skip("PostgreSQL keeps its types itself")
    damage = Damage(pair.short.store)
    outcomes: dict[str, str] = {}
    for table in AUDITED:
        everyone = damage.rows(table)
        rows = [row for row in everyone if row.get("ledger_id") == pair.short.ledger_id] or everyone
        for what, changes in way(table, rows, everyone):
            outcomes[f"{table.name}: {what}"] = outcome(pair, damage, table, what, changes)
    assert {what: said for what, said in outcomes.items() if said != "found"} == {}
    assert len(outcomes) >= len(AUDITED)


def outcome(pair: Pair, damage: Damage, table: Table, column: str, changes: Iterator[Change]) -> str:
    """Make the first of these changes that the database takes, see whether it is found, and take it back."""
    change = next((change for change in changes if damage.change(table, change.old, change.new)), None)
    if change is None:  # a CHECK that is taken away to make room is found by itself
        return "found" if any(f'"{column}"' in check for check in checks_of(table)) else "kept out by a constraint"
    try:
        ids = {row.get("ledger_id") for row in (*change.old, *change.new)}
        touched = [lived for lived in pair if lived.ledger_id in ids] or [pair.short]
        return "found" if any(is_found(lived, table) for lived in touched) else f"missed: {change}"
    finally:
        assert damage.change(table, change.new, change.old), "what was damaged is right again"


def checks_of(table: Table) -> list[str]:
    return [str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint)]


def is_found(lived: Lived, table: Table) -> bool:
    try:
        audit(lived.store, lived.ledger_id, processes=1)
    except Fault:
        return True
    except StoreError:  # tables that another release is said to have made: the audit could not be done
        return table is schema.head
    return False


def test_nothing_is_left_of_all_that(pair: Pair) -> None:
    for lived in pair:
        passed = audit(lived.store, lived.ledger_id, processes=1)
        assert passed.size == passed.signed == lived.door.head().size


# --- what the log does not prove may change


def test_what_no_proof_needs_may_go(pair: Pair) -> None:
    damage = Damage(pair.short.store)
    for table in schema.FREE:
        if rows := damage.rows(table):
            assert damage.change(table, rows, [])
            audit(pair.short.store, pair.short.ledger_id, processes=1)
            assert damage.change(table, [], rows)


def test_what_comes_and_goes_may_change(pair: Pair) -> None:
    damage = Damage(pair.short.store)
    for table in (schema.token, schema.nonce, schema.told, schema.cosignature):
        row = {column.name: {int: 1, str: "x", bytes: b"x"}[column.type.python_type] for column in table.columns}
        assert damage.change(table, [], [row])
        audit(pair.short.store, pair.short.ledger_id, processes=1)
        assert damage.change(table, [row], [])


@pytest.mark.parametrize("table", [schema.free_text, schema.profile], ids=lambda table: table.name)
def test_personal_data_that_is_kept_is_what_was_signed(pair: Pair, table: Table) -> None:
    damage = Damage(pair.short.store)
    rows = [row for row in damage.rows(table) if row["ledger_id"] == pair.short.ledger_id]
    for what, changes in flipped(table, rows, rows):
        if what != "ledger_id":
            assert outcome(pair, damage, table, what, changes) == "found", what
