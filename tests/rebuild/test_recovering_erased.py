"""Erasures carried on: by an export that was there before, into a new database, and into an old backup."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.auditing import audit
from ledger.checking.checking import Trust, check
from ledger.checking.files import Instructions, Site
from ledger.core.members import Facts, SetFacts
from ledger.core.words import MemberId
from ledger.exports.instructions import private_folder
from ledger.rebuild.recovering import recover
from ledger.store.database import Store
from ledger.store.log import nodes
from ledger.store.rows import rows_of
from tests.exports.exporting import export
from tests.old import MEMO, Old
from tests.tables import dump
from tests.territory import ORIGIN, RETENTION

GONE = (MEMO.encode(), b"REF OF LONG AGO", b"LEG OF LONG AGO")


@pytest.fixture
def old(new_database: Callable[[], str]) -> Iterator[Old]:
    """The ledger of old payments, and a profile whose note is old, too."""
    territory = Old(new_database())
    facts, who = Facts("person", True, True, "ES/08215"), MemberId(territory.forn)
    said = {"reason": "moved", "profile": "Forn Nou, Plaça 2"}
    asked = SetFacts(who, facts, territory.row(1).log_index, b"")
    territory.moved = territory.accepted(territory.administer("set_facts", asked, texts=said))
    yield territory
    territory.close()


def octets(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def recovered(store: Store, folder: Path, old: Old, ledger_id: int) -> None:
    private = private_folder(folder)
    checked = check(folder, Trust(identity=old.identity), private)
    recover(store, ledger_id, Site(folder), Instructions(private, ORIGIN), checked)


def all_but_checkpoints(store: Store) -> dict[str, list[object]]:
    return {name: rows for name, rows in dump(store).items() if name != "checkpoint"}


def test_an_export_and_a_new_database(old: Old, new_database: Callable[[], str], tmp_path: Path) -> None:
    folder = tmp_path / "log"
    private = export(old, folder)  # type: ignore[arg-type]
    assert all(word in octets(private) for word in GONE)
    old.clock.now += RETENTION + 1
    old.erase(old.one, old.bulk, old.moved)
    export(old, folder)  # type: ignore[arg-type]
    assert not [word for word in GONE if word in octets(private)] and b"Forn Nou" in octets(private)
    store = Store.create(new_database())
    recovered(store, folder, old, store.add_ledger(ORIGIN))
    assert all_but_checkpoints(store) == all_but_checkpoints(old.store)
    audit(store, 1, processes=1)
    store.close()


def test_an_old_backup_forgets_what_was_erased_since(tmp_path: Path) -> None:
    old = Old(f"sqlite:///{tmp_path / 'ledger.db'}")
    (tmp_path / "elsewhere").mkdir()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(tmp_path / "elsewhere" / "old.db")])
    assert all(word in octets(tmp_path / "elsewhere") for word in GONE)
    old.erase(old.one, old.bulk)
    export(old, tmp_path / "log")  # type: ignore[arg-type]
    store = Store.open(f"sqlite:///{tmp_path / 'elsewhere' / 'old.db'}")
    recovered(store, tmp_path / "log", old, 1)
    assert all_but_checkpoints(store) == all_but_checkpoints(old.store)
    assert not [word for word in GONE if word in octets(tmp_path / "elsewhere")]
    audit(store, 1, processes=1)
    store.close()
    old.close()


def test_the_tree_is_the_same_before_and_after(old: Old) -> None:
    with old.store.read() as connection:
        before = [nodes(rows_of(connection, 1), 7)(0, index) for index in range(7)]
    old.clock.now += RETENTION + 1
    old.erase(old.one, old.bulk, old.moved)
    with old.store.read() as connection:
        assert [nodes(rows_of(connection, 1), 7)(0, index) for index in range(7)] == before
