"""Erasing on each engine: what goes, what stays, and that nothing else can empty an entry."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.audit.auditing import audit
from ledger.audit.fault import Fault
from ledger.core.machine import Repeat
from ledger.core.members import Facts, SetFacts
from ledger.core.words import MemberId
from ledger.rebuild.rebuilding import rebuild
from ledger.receipts.verifying import verify
from ledger.service.door import Defect
from tests.damage import Damage
from tests.old import MEMO, Old
from tests.tables import dump
from tests.territory import RETENTION


@pytest.fixture
def old(database_url: str) -> Iterator[Old]:
    territory = Old(database_url)
    yield territory
    territory.close()


def test_note_legs_and_texts_go_and_all_else_stays(old: Old) -> None:
    before = dump(old.store)
    at = old.erase(old.one, old.bulk)
    after = dump(old.store)
    assert [row[:-3] for row in after["entry"][:at]] == [row[:-3] for row in before["entry"]]
    assert [row[-1] for row in after["entry"][:at]] == [row[-1] for row in before["entry"]], "event lines"
    emptied = {n for n, row in enumerate(after["entry"]) if row[-3] is None}
    assert emptied == {old.one, old.bulk} and after["entry"][old.bulk][-2] is None
    assert [row[1:3] for row in after["free_text"]] == [(old.other, "memo"), (at, "reason")]
    for table in ("tile", "account", "movement", "member", "key", "profile"):
        assert after[table] == before[table], table
    assert [tuple(row)[1] for row in after["erasure"]] == [old.one, old.bulk]


def test_every_proof_and_every_others_receipt_still_holds(old: Old) -> None:
    kept = old.receipt(old.one, old.forn)
    root_before = old.door.lookups.root_at(old.bulk + 1)
    at = old.erase(old.one, old.bulk)
    identity = old.identity
    for index, reader in ((old.other, old.forn), (old.other, old.granja), (at, old.keeper)):
        assert verify(_octets(old.receipt(index, reader)), old.origin, identity).log_index == index
    assert verify(_octets(kept), old.origin, identity).texts == (("memo", MEMO),), "what a member kept is its own"
    assert old.receipt(old.one, old.forn) is None
    assert old.door.lookups._read_root(old.bulk + 1) == root_before


def test_the_same_text_again_gets_the_outcome_that_it_had(old: Old) -> None:
    old.erase(old.one)
    before = dump(old.store)
    assert old.send(old.paid) == [Repeat(old.one)]
    assert dump(old.store) == before, "and brings nothing back"
    (refusal,) = old.send(old.transfer(old.forn, old.granja, 7, id=old.row(old.one).id))
    assert getattr(refusal, "reason", None) == "id_used"


def test_audit_and_rebuild_go_through_an_erasure(old: Old) -> None:
    for index in (old.bulk, old.one):
        old.erase(index)
    before = dump(old.store)
    assert audit(old.store, old.ledger_id, processes=1).size == old.door.head().size
    rebuild(old.store)
    assert dump(old.store) == before


def test_a_profile_stays_when_the_note_that_brought_it_goes(old: Old) -> None:
    facts, who = Facts("person", True, True, "ES/08215"), MemberId(old.forn)
    said = {"reason": "moved", "profile": "Forn Nou, Plaça 2"}
    index = old.accepted(old.administer("set_facts", SetFacts(who, facts, old.row(1).log_index, b""), texts=said))
    old.clock.now += RETENTION + 1
    old.erase(index)
    assert [bytes(row[1]) for row in dump(old.store)["profile"]] == [old.forn]
    audit(old.store, old.ledger_id, processes=1)
    old.run("UPDATE \"profile\" SET \"line\" = '1'" if old.store.url.drivername == "sqlite"
            else "UPDATE \"profile\" SET \"line\" = '\\x31'")  # fmt: skip
    with pytest.raises(Fault, match="profile"):
        audit(old.store, old.ledger_id, processes=1)


# --- what the database lets through


def test_only_what_an_erasure_names_can_be_emptied(old: Old) -> None:
    old.erase(old.one)
    before = dump(old.store)
    named, other = f'WHERE "log_index" = {old.one}', f'WHERE "log_index" = {old.other}'
    note = hashlib.sha256(b"").hexdigest()
    forged = f"x'{note}'" if old.store.url.drivername == "sqlite" else f"'\\x{note}'::bytea"
    for sql in (
        f'UPDATE "entry" SET "note" = NULL, "legs" = NULL {other}',
        f'UPDATE "entry" SET "note" = NULL {other}',
        'UPDATE "entry" SET "note" = NULL, "legs" = NULL',
        f'UPDATE "entry" SET "note" = {forged} {named}',
        f'UPDATE "entry" SET "legs" = {forged} {named}',
        f'UPDATE "entry" SET "text_hash" = {forged} {named}',
        f'UPDATE "entry" SET "time" = "time" + 1 {named}',
        f'UPDATE "entry" SET "event_lines" = {forged} {named}',
        f'UPDATE "entry" SET "log_index" = 77 {named}',
        f'DELETE FROM "entry" {named}',
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            old.run(sql)
        assert dump(old.store) == before, sql


def test_a_rebuild_renews_the_guards_of_a_release_that_knew_no_erasure(old: Old) -> None:
    if old.store.url.drivername == "sqlite":
        old.run('DROP TRIGGER "entry_no_update"')
        old.run("""CREATE TRIGGER entry_no_update BEFORE UPDATE ON "entry" BEGIN
                   SELECT RAISE(ABORT, 'the log is append-only'); END""")
    else:
        old.run('DROP TRIGGER entry_no_change ON "entry"')
        old.run("DROP FUNCTION comarca_erased_only()")
        old.run("""CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON "entry" FOR EACH ROW
                   EXECUTE FUNCTION comarca_append_only()""")
    (outcome,) = old.send(old.erasure(old.keeper, old.one))
    assert isinstance(outcome, Defect)
    rebuild(old.store)
    old.erase(old.one)
    with pytest.raises(DBAPIError, match="append-only"):
        old.run('UPDATE "entry" SET "note" = NULL, "legs" = NULL')
    with pytest.raises(DBAPIError, match="append-only"):
        old.run('DELETE FROM "entry"')


# --- what an audit finds


@pytest.mark.parametrize("column", ["id", "kind", "time", "text_hash", "note_hash", "events_root", "leaf_hash", "note",
                                    "legs", "event_lines"])  # fmt: skip
def test_every_column_of_an_erased_entry_is_looked_at(old: Old, column: str) -> None:
    old.erase(old.one)
    damage = Damage(old.store)
    other = getattr(old.row(old.bulk), column)
    value = {"id": old.clock.id(), "time": other + 1 if column == "time" else 0}.get(column, other)
    damage.set("entry", column, old.one, value)
    with pytest.raises(Fault, match=rf"entry {old.one}|head"):
        audit(old.store, old.ledger_id, processes=1)


@pytest.mark.parametrize("column", ["log_index", "id", "kind", "text_hash", "erased_by"])
def test_every_column_of_an_erasure_is_looked_at(old: Old, column: str) -> None:
    old.erase(old.one)
    value = {"log_index": old.other, "id": old.clock.id(), "kind": "cancel", "text_hash": bytes(32), "erased_by": 1}
    Damage(old.store).set("erasure", column, old.one, value[column])
    with pytest.raises(Fault, match=r"entry|erasure"):
        audit(old.store, old.ledger_id, processes=1)


def test_a_note_that_is_gone_without_an_erasure_is_found(old: Old) -> None:
    old.erase(old.one)
    damage = Damage(old.store)
    damage.set("entry", "note", old.other, None)
    with pytest.raises(Fault, match=f"entry {old.other}: the note is missing"):
        audit(old.store, old.ledger_id, processes=1)


def test_an_erasure_that_the_log_does_not_have_is_found(old: Old) -> None:
    old.erase(old.one)
    damage, row = Damage(old.store), old.row(old.other)
    damage.run('INSERT INTO "erasure" VALUES (:ledger, :index, :id, :kind, :hash, :by)', ledger=old.ledger_id,
               index=old.other, id=row.id, kind=row.kind, hash=row.text_hash, by=old.door.head().size - 1)  # fmt: skip
    damage.run(f'UPDATE "entry" SET "note" = NULL, "legs" = NULL WHERE "log_index" = {old.other}')
    damage.run(f'DELETE FROM "free_text" WHERE "log_index" = {old.other}')
    with pytest.raises(Fault, match=r"table erasure: row .* is too many"):
        audit(old.store, old.ledger_id, processes=1)


# --- the octets themselves


def test_nothing_of_it_is_left_in_a_sqlite_file(tmp_path: Path) -> None:
    old = Old(f"sqlite:///{tmp_path / 'ledger.db'}")
    words = [MEMO.encode(), b"REF OF LONG AGO", b"LEG OF LONG AGO", old.row(old.one).note or b"none"]
    assert all(word in _files(tmp_path) for word in words)
    old.erase(old.one, old.bulk)
    found = _files(tmp_path)
    assert b"kept" in found and not [word for word in words if word in found]
    old.close()


def test_an_open_read_keeps_old_octets_and_no_erasure(tmp_path: Path) -> None:
    old = Old(f"sqlite:///{tmp_path / 'ledger.db'}")
    with old.store.read() as connection:
        connection.execute(text('SELECT count(*) FROM "entry"')).one()
        old.erase(old.one)
        assert old.row(old.one).note is None and MEMO.encode() in _files(tmp_path)
        assert not old.store.forget()
    assert old.store.forget() and MEMO.encode() not in _files(tmp_path)
    old.close()


def _files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def _octets(receipt: Any) -> bytes:
    return json.dumps(receipt).encode()
