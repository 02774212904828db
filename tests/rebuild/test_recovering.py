"""Recover: a lost or an old database is refilled from an export, to the very rows that it had; on each engine."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ledger.audit.auditing import audit
from ledger.checking.checking import Trust, check
from ledger.checking.files import Instructions, Site, WrongFile
from ledger.exports.instructions import private_folder
from ledger.rebuild import recovering
from ledger.rebuild.recovering import NotAPrefix, Recovered, recover
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import StoreError
from tests.exports.exporting import export
from tests.lived import Lived
from tests.tables import dump
from tests.territory import ORIGIN

MORE = 290  # payments, so that a tile is filled


@pytest.fixture
def lived(new_database: Callable[[], str]) -> Iterator[Lived]:
    territory = Lived(new_database())
    territory.send(*(territory.transfer(territory.miller, territory.baker, 1, memo="rye") for _ in range(MORE)))
    yield territory
    territory.close()


def recovered(store: Store, folder: Path, lived: Lived, ledger_id: int | None = None) -> Recovered:
    """By the identity: the operator's key is not that of the genesis any more, and found on the way."""
    private = private_folder(folder)
    checked = check(folder, Trust(identity=lived.identity), private)
    if ledger_id is None:
        ledger_id = store.add_ledger(ORIGIN)
    return recover(store, ledger_id, Site(folder), Instructions(private, ORIGIN), checked)


def all_but_checkpoints(store: Store) -> dict[str, list[Any]]:
    """Every table, of the checkpoints the last alone and not how many: those before it are not exported."""
    found = dump(store)
    found["head"] = [row[:-1] for row in found["head"]]
    found["checkpoint"] = sorted(found["checkpoint"], key=lambda row: int(row[1]))[-1:]
    return found


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_a_new_database_gets_every_row_of_the_lost_one(
    lived: Lived, new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(recovering, "AT_ONCE", at_once)
    export(lived, tmp_path / "log")
    store, size = Store.create(new_database()), lived.door.head().size
    assert recovered(store, tmp_path / "log", lived) == (0, size)
    assert all_but_checkpoints(store) == all_but_checkpoints(lived.store)
    passed = audit(store, lived.ledger_id, processes=1)
    assert (passed.size, passed.signed) == (size, size)
    before = dump(store)
    assert recovered(store, tmp_path / "log", lived, lived.ledger_id) == (size, size)
    assert dump(store) == before
    store.close()


def test_an_old_backup_is_brought_up_to_the_export(tmp_path: Path) -> None:
    lived = Lived(f"sqlite:///{tmp_path / 'ledger.db'}")
    backup(lived, tmp_path / "old.db")
    before = lived.door.head().size
    for size in (3, 200, 400):
        lived.send(*(lived.transfer(lived.miller, lived.baker, 1, memo="rye") for _ in range(size)))
        export(lived, tmp_path / "log")
    old = Store.open(f"sqlite:///{tmp_path / 'old.db'}")
    assert recovered(old, tmp_path / "log", lived, 1) == (before, before + 603)
    assert all_but_checkpoints(old) == all_but_checkpoints(lived.store)
    audit(old, 1, processes=1)
    old.close()
    lived.close()


def backup(lived: Lived, file: Path) -> None:
    """A copy of the database as it stands."""
    with closing(sqlite3.connect(str(lived.store.url.database))) as connection:
        connection.execute("VACUUM INTO ?", [str(file)])


def test_without_the_personal_data_all_else_is_whole(
    lived: Lived, new_database: Callable[[], str], tmp_path: Path
) -> None:
    export(lived, tmp_path / "log", personal=False)
    store = Store.create(new_database())
    recovered(store, tmp_path / "log", lived)
    lost, kept = all_but_checkpoints(lived.store), all_but_checkpoints(store)
    assert {name for name in lost if lost[name] != kept[name]} == {"free_text", "profile"}
    assert not kept["free_text"] and not kept["profile"]
    audit(store, lived.ledger_id, processes=1)
    store.close()


def test_a_note_that_was_erased_stays_erased(lived: Lived, new_database: Callable[[], str], tmp_path: Path) -> None:
    export(lived, tmp_path / "log")
    lived.log("erase of two", lived.erasure(lived.auditor, lived.index["transfer"], lived.index["transfer_many"]))
    private = export(lived, tmp_path / "log")
    assert "rye – sègol" not in (private / "personal.jsonl").read_text()
    store = Store.create(new_database())
    recovered(store, tmp_path / "log", lived)
    assert all_but_checkpoints(store) == all_but_checkpoints(lived.store)
    store.close()


def test_a_fork_is_refused_at_its_first_entry(tmp_path: Path) -> None:
    lived = Lived(f"sqlite:///{tmp_path / 'ledger.db'}")
    lived.send(*(lived.transfer(lived.miller, lived.baker, 1) for _ in range(250)))
    backup(lived, tmp_path / "fork.db")
    size = lived.door.head().size
    lived.send(lived.transfer(lived.miller, lived.baker, 2))
    backup(lived, tmp_path / "prefix.db")
    lived.send(lived.transfer(lived.miller, lived.baker, 3))
    export(lived, tmp_path / "log")
    fork = Lived.__new__(Lived)
    fork.__dict__.update(lived.__dict__)
    fork.store = Store.open(f"sqlite:///{tmp_path / 'fork.db'}")
    fork.door = type(lived.door)(fork.store, 1, lived.clock)
    fork.send(fork.transfer(lived.miller, lived.baker, 9))
    before = dump(fork.store)
    with pytest.raises(NotAPrefix, match=f"entry {size} is another than in the export"):
        recovered(fork.store, tmp_path / "log", lived, 1)
    assert dump(fork.store) == before
    fork.store.close()
    prefix = Store.open(f"sqlite:///{tmp_path / 'prefix.db'}")
    assert recovered(prefix, tmp_path / "log", lived, 1) == (size + 1, size + 2)
    prefix.close()
    lived.close()


def test_a_database_that_has_more_is_left_as_it_is(lived: Lived, tmp_path: Path) -> None:
    export(lived, tmp_path / "log")
    lived.send(lived.transfer(lived.miller, lived.baker, 1))
    before, size = dump(lived.store), lived.door.head().size
    assert recovered(lived.store, tmp_path / "log", lived, lived.ledger_id) == (size, size)
    assert dump(lived.store) == before


def test_tables_of_another_release_and_another_writer(
    lived: Lived, new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = export(lived, tmp_path / "log")
    store = Store.create(new_database())
    ledger_id = store.add_ledger(ORIGIN)
    monkeypatch.setattr(recovering, "AT_ONCE", 5)
    checked = check(tmp_path / "log", Trust(identity=lived.identity), private)

    def somebody_else(more: int) -> None:
        with store.writes.begin() as connection:
            connection.execute(schema.head.update().values(size=schema.head.c.size + 1))

    with pytest.raises(StoreError, match="somebody else writes"):
        recover(store, ledger_id, Site(tmp_path / "log"), Instructions(private, ORIGIN), checked, somebody_else)
    with store.writes.begin() as connection:
        connection.execute(schema.head.update().values(fingerprint="of old"))
    with pytest.raises(StoreError, match="comarca rebuild"):
        recovered(store, tmp_path / "log", lived, ledger_id)
    store.close()


def test_an_export_with_one_wrong_octet_writes_nothing(
    lived: Lived, new_database: Callable[[], str], tmp_path: Path
) -> None:
    private = export(lived, tmp_path / "log")
    path = private / "records/001.p" / f"{lived.door.head().size - 256}.jsonl"
    octets = path.read_bytes()
    path.write_bytes(octets[:-9] + bytes([octets[-9] ^ 1]) + octets[-8:])
    store = Store.create(new_database())
    ledger_id = store.add_ledger(ORIGIN)
    with pytest.raises(WrongFile):
        recovered(store, tmp_path / "log", lived, ledger_id)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.entry)).scalar_one() == 0
    store.close()


def test_killed_at_any_place_it_goes_on(tmp_path: Path) -> None:
    lived = Lived(f"sqlite:///{tmp_path / 'ledger.db'}")
    export(lived, tmp_path / "log")
    url, size = f"sqlite:///{tmp_path / 'new.db'}", lived.door.head().size
    command = [sys.executable, "-m", "tests.rebuild.recovering_process", url, str(tmp_path / "log"), "2"]
    sizes = []
    for answers in (2, 2, 3):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            for _ in range(answers):
                sizes.append(int(process.stdout.readline()))
                process.stdin.write("\n")
                process.stdin.flush()
            process.kill()
    store = Store.open(url)
    assert sizes == sorted(sizes) and 0 < store.head().size < size
    assert recovered(store, tmp_path / "log", lived, 1)[1] == size
    assert all_but_checkpoints(store) == all_but_checkpoints(lived.store)
    audit(store, 1, processes=1)
    store.close()
    lived.close()
