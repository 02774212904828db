"""Erasures carried on: by an export that was there before, into a new database, and into an old backup."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.auditing import audit
from ledger.checking.checking import Trust, check
from ledger.checking.files import Instructions, Site, WrongFile
from ledger.core.members import Facts, SetFacts
from ledger.core.words import MemberId
from ledger.exports.instructions import private_folder
from ledger.log import base64s
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


def all_but_checkpoints(store: Store) -> dict[str, list[Any]]:
    """Every table but that of checkpoints, and without how many they are: those of before are not exported."""
    found = dump(store)
    found["head"] = [row[:-1] for row in found["head"]]
    return {name: rows for name, rows in found.items() if name != "checkpoint"}


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


def test_a_note_is_missing_only_where_an_erasure_names_it(old: Old, tmp_path: Path) -> None:
    old.clock.now += RETENTION + 1
    was = old.row(old.one).note
    assert was is not None
    old.erase(old.one)
    (file,) = (export(old, tmp_path / "log") / "records").rglob("*.jsonl")  # type: ignore[arg-type]
    whole = file.read_text().splitlines()

    def checked(log_index: int, **changes: object) -> None:
        said = {**json.loads(whole[1 + log_index]), **changes}
        said = {name: value for name, value in said.items() if value is not None}
        line = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        file.write_text("\n".join([*whole[: 1 + log_index], line, *whole[2 + log_index :], ""]))
        check(tmp_path / "log", Trust(identity=old.identity), private_folder(tmp_path / "log"))

    checked(old.one)
    row, hash = old.row(old.bulk), base64s.encode(old.row(old.one).text_hash)
    left = [row.id.hex(), row.kind, base64s.encode(row.text_hash)]
    with pytest.raises(WrongFile, match=f"entry {old.bulk}: its note is missing, and no erasure names it"):
        checked(old.bulk, note=None, legs=None, erased=left)
    for changes in ({"note": was.decode(), "erased": None}, {"erased": left},
                    {"erased": [old.row(old.one).id.hex(), "cancel", hash]}):  # fmt: skip
        with pytest.raises(WrongFile, match=f"erases entry {old.one}, of which the record says otherwise"):
            checked(old.one, **changes)
