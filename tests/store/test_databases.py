"""A database that is missing, empty, of something else or of an unknown schema is refused in one clear line, and never
silently made anew.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ledger.core import machine
from ledger.core.state import Noun
from ledger.service.door import Door
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.engine import parse_url
from ledger.store.errors import StoreError
from ledger.store.lockfile import LockFile
from ledger.store.log import Head
from tests.territory import TerritoryOfTests


def refused(open_: Callable[[str], Store], url: str) -> str:
    """The one line that says why this database is not opened."""
    with pytest.raises(StoreError) as caught:
        open_(url)
    said = str(caught.value)
    assert said.strip() and "\n" not in said, said
    return said


def run(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    said = refused(Store.open, f"sqlite:///{tmp_path / 'nowhere.db'}")
    assert "comarca init" in said
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    refused(Store.open, f"sqlite:///{tmp_path / 'no' / 'where.db'}")
    refused(Store.create, f"sqlite:///{tmp_path / 'no' / 'where.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    before = os.umask(0o022)
    try:
        store = Store.create(f"sqlite:///{file}")
        with LockFile(file, "init"):
            store.add_ledger("ledger.example/solana")
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"), 0o600)


def test_a_missing_postgresql_database_is_not_made(postgres_url: str) -> None:
    assert "does not exist" in refused(Store.open, postgres_url.replace("@/t", "@/nowhere_t"))


def test_a_server_that_is_not_there() -> None:
    refused(Store.open, "postgresql://nobody@127.0.0.1:1/nowhere")


def test_an_empty_database_is_empty(database_url: str) -> None:
    run(database_url, "CREATE TABLE t (a int)", "DROP TABLE t")
    assert "empty" in refused(Store.open, database_url)
    assert "empty" in refused(Store.open, database_url), "looking at it made nothing"


@pytest.mark.parametrize(
    "octets", [b"not a database at all, but long enough to look at" * 20, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "letters.db"
    file.write_bytes(octets)
    for open_ in (Store.open, Store.create):
        refused(open_, f"sqlite:///{file}")
    assert file.read_bytes() == octets


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    TerritoryOfTests(f"sqlite:///{file}").close()
    octets = file.read_bytes()
    file.write_bytes(b"\x00" * 100 + octets[100:])
    before = hashlib.sha256(file.read_bytes()).digest()
    refused(Store.open, f"sqlite:///{file}")
    assert hashlib.sha256(file.read_bytes()).digest() == before


def test_a_database_of_something_else_is_refused(database_url: str) -> None:
    run(database_url, "CREATE TABLE recipes (name text)")
    for open_ in (Store.open, Store.create):
        assert "no database of Comarca's" in refused(open_, database_url)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM recipes")).scalar() == 0
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE comarca_schema SET version = 99", "DELETE FROM comarca_schema",
                                    f"INSERT INTO comarca_schema VALUES ({schema.VERSION + 1})"])  # fmt: skip
def test_an_unknown_schema_is_refused(database_url: str, change: str) -> None:
    TerritoryOfTests(database_url).close()
    run(database_url, change)
    for open_ in (Store.open, Store.create):
        assert f"knows {schema.VERSION}" in refused(open_, database_url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "mysql://x/y",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+asyncpg://x/y",
        "https://example.org",
    ],
)
def test_a_url_that_names_no_ledger(url: str) -> None:
    refused(Store.open, url)
    refused(Store.create, url)


def test_both_spellings_of_postgresql_are_one(postgres_url: str) -> None:
    plain = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    assert parse_url(plain) == parse_url(postgres_url)
    Store.create(plain).close()
    Store.open(postgres_url).close()


def test_passwords_are_not_told() -> None:
    said = refused(Store.open, "postgresql://nobody:secret@127.0.0.1:1/nowhere")
    assert "secret" not in said


def test_making_it_twice_changes_nothing(database_url: str) -> None:
    territory = TerritoryOfTests(database_url)
    head = territory.door.head()
    again = Store.create(database_url)
    assert again.heads() == [head]
    with pytest.raises(StoreError, match="already"):
        again.add_ledger(territory.origin)
    assert again.heads() == [head]
    again.close()
    territory.close()


def test_a_ledger_is_found_by_its_name(database_url: str) -> None:
    store = Store.create(database_url)
    with pytest.raises(StoreError, match="no ledger"):
        store.head()
    store.add_ledger("ledger.example/one")
    assert store.head().name == "one"
    store.add_ledger("ledger.example/other")
    assert store.head("other").origin == "ledger.example/other"
    for name in (None, "third"):
        with pytest.raises(StoreError, match="one, other"):
            store.head(name)
    store.close()


def test_the_head_is_what_was_written(database_url: str) -> None:
    territory = TerritoryOfTests(database_url)
    territory.members(2)
    head = territory.door.head()
    territory.close()
    store = Store.open(database_url)
    assert store.head() == head
    assert isinstance(head, Head)
    assert Door(store, head.ledger_id, territory.clock).head() == head
    store.close()


def test_the_fingerprint_changes_with_the_nouns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Projections made by other nouns are known by it; serving them is refused elsewhere."""
    before = schema.fingerprint()
    with monkeypatch.context() as evolving:
        evolving.setattr(schema, "EVOLVES", schema.EVOLVES + 1)
        assert schema.fingerprint() != before
    changed = tuple(
        Noun(noun.row, noun.keys, noun.checks, (*noun.indexes, ("id",))) if noun.name == "account" else noun
        for noun in machine.NOUNS
        if not noun.read_only
    )
    monkeypatch.setattr(schema, "PROJECTED", changed)
    assert schema.fingerprint() != before


def test_sqlite_is_opened_as_it_must_be(sqlite_url: str) -> None:
    store = Store.create(sqlite_url)
    with store.writes.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}, "an acknowledged entry survives a power cut"
    store.close()
    with sqlite3.connect(str(store.url.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
