"""A database that no longer refuses what it was made to refuse, and rows that belong to no ledger, are found."""

from collections.abc import Iterator

import pytest
from sqlalchemy import CheckConstraint, text
from sqlalchemy.engine import Connection

from ledger.audit.auditing import audit
from ledger.audit.fault import Fault
from ledger.audit.whole import check_ledgers
from ledger.store import schema
from ledger.store.catalog import differences
from ledger.store.database import Store
from tests.damage import Damage
from tests.lived import Lived

TABLES = schema.metadata.sorted_tables


@pytest.fixture
def opened(database_url: str) -> Iterator[Connection]:
    """A fresh database, on each engine in turn, within a transaction that is never committed."""
    store = Store.create(database_url)
    with store.writes.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
    store.close()


def differs(connection: Connection, *statements: str) -> list[str]:
    """What is found after these statements, which are taken back."""
    with connection.begin_nested() as savepoint:
        for statement in statements:
            connection.exec_driver_sql(statement)
        found = list(differences(connection))
        savepoint.rollback()
    return found


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def test_a_fresh_database_differs_in_nothing(opened: Connection) -> None:
    assert list(differences(opened)) == []


def test_every_index_and_table_that_is_gone_is_missed(opened: Connection) -> None:
    for index in (index for table in TABLES for index in table.indexes):
        assert f"the index {index.name} is missing" in differs(opened, f"DROP INDEX {index.name}")
    for table in TABLES:
        gone = f'DROP TABLE "{table.name}"{"" if is_sqlite(opened) else " CASCADE"}'
        assert f"the table {table.name} is missing" in differs(opened, gone)


def test_every_trigger_that_is_gone_is_missed(opened: Connection) -> None:
    made = [sql.split()[2] for sql in schema.append_only(opened.dialect) if sql.startswith("CREATE TRIGGER")]
    assert len(made) >= 6
    for name in made:
        on = "" if is_sqlite(opened) else f' ON "{name.partition("_no_")[0]}"'
        assert differs(opened, f"DROP TRIGGER {name}{on}")[0] == f"the trigger {name} is missing"


def test_every_check_that_is_gone_is_missed(opened: Connection) -> None:
    checks = [(table, one) for table in TABLES for one in table.constraints if isinstance(one, CheckConstraint)]
    assert len(checks) > 5
    for table, check in checks:
        if is_sqlite(opened):
            clause = f"CONSTRAINT {check.name} CHECK ({check.sqltext})"
            assert len(differs(opened, *rewritten(table.name, clause, "CHECK (1)"))) == 1
        else:
            dropped = f'ALTER TABLE "{table.name}" DROP CONSTRAINT {check.name}'
            assert differs(opened, dropped) == [f"the constraint {check.name} is missing"]
            weak = f'ALTER TABLE "{table.name}" ADD CONSTRAINT {check.name} CHECK (true)'
            assert differs(opened, dropped, weak) == [f"the constraint {check.name} is not as this release makes it"]


def rewritten(table: str, old: str, new: str) -> list[str]:
    """The definition of a table changed, as SQLite lets the owner of a file."""
    values = [part.replace("'", "''") for part in (old, new, table)]
    update = "UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE name = '{}'".format(*values)
    return ["PRAGMA writable_schema = ON", update]


def test_a_trigger_is_weakened_or_added(opened: Connection) -> None:
    if is_sqlite(opened):
        weak = 'CREATE TRIGGER entry_no_delete BEFORE DELETE ON "entry" WHEN 0 BEGIN SELECT 1; END'
        assert differs(opened, "DROP TRIGGER entry_no_delete", weak) == [
            "the trigger entry_no_delete is not as this release makes it"
        ]
        more = 'CREATE TRIGGER more AFTER INSERT ON "account" BEGIN SELECT 1; END'
        assert differs(opened, more) == ["the trigger more is none that this release makes"]
        return
    assert differs(opened, 'ALTER TABLE "entry" DISABLE TRIGGER entry_no_change') == [
        "the trigger entry_no_change is not as this release makes it"
    ]
    body = "CREATE OR REPLACE FUNCTION comarca_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
    assert differs(opened, body.format("RETURN NEW;")) == [
        "the function comarca_append_only is not as this release makes it"
    ]
    rule = 'CREATE RULE more AS ON DELETE TO "entry" DO INSTEAD NOTHING'
    assert differs(opened, rule) == ["the rule more is none that this release makes"]


def test_columns_and_tables_are_as_they_were_made(opened: Connection) -> None:
    if is_sqlite(opened):
        assert differs(opened, 'ALTER TABLE "account" ADD COLUMN more INT') == [
            "the table account is not as this release makes it"
        ]
        return
    for change, what in {
        "ADD COLUMN more INT": "the column account.more is none that this release makes",
        'ALTER COLUMN "member" SET NOT NULL': "the column account.member is not as this release makes it",
        'ALTER COLUMN "balance" TYPE numeric': "the column account.balance is not as this release makes it",
        'ALTER COLUMN "balance" SET DEFAULT 0': "the column account.balance is not as this release makes it",
        "SET UNLOGGED": "the table account is not as this release makes it",
        "ENABLE ROW LEVEL SECURITY": "the table account is not as this release makes it",
    }.items():
        assert differs(opened, f'ALTER TABLE "account" {change}')[0] == what


def test_what_stands_on_other_tables_is_nobodys_business(opened: Connection) -> None:
    assert differs(opened, "CREATE TABLE reports (a INT)", "CREATE INDEX reports_a ON reports (a)") == []


# --- the audit says so


def test_an_audit_ends_with_the_guards(lived_anywhere: Lived) -> None:
    lived = lived_anywhere
    sqlite = lived.store.url.drivername == "sqlite"
    with lived.store.writes.begin() as connection:
        connection.execute(text("DROP TRIGGER tile_no_update" if sqlite else "DROP TRIGGER tile_no_change ON tile"))
    with pytest.raises(Fault, match=r"^schema: the trigger tile_no_(update|change) is missing"):
        audit(lived.store, lived.ledger_id, processes=1)
    Damage(lived.store).run('UPDATE "account" SET "balance" = "balance" + 1')
    with pytest.raises(Fault, match=r"^table account"):  # what is wrong with the ledger comes first
        audit(lived.store, lived.ledger_id, processes=1)


def test_rows_and_heads_without_a_ledger(lived_anywhere: Lived) -> None:
    store, damage = lived_anywhere.store, Damage(lived_anywhere.store)
    damage.run('UPDATE "head" SET "ledger_id" = 3')
    with pytest.raises(Fault, match=r"^head: there is none for ledger 1"):
        audit(store, lived_anywhere.ledger_id)
    damage.run('UPDATE "head" SET "ledger_id" = 1')
    empty = store.add_ledger("ledger.example/empty")
    assert audit(store, empty).size == 0
    audit(store, lived_anywhere.ledger_id)
    damage.run(f'UPDATE "head" SET "size" = 7 WHERE "ledger_id" = {empty}')
    with pytest.raises(Fault, match=r"^head: the one of ledger 2 says 7 entries, and its log has 0"):
        audit(store, lived_anywhere.ledger_id)
    damage.run('DELETE FROM "head"')
    with store.read() as connection, pytest.raises(Fault, match="has rows of ledger 1"):
        check_ledgers(connection)
