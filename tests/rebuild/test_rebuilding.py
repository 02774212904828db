"""Rebuild: the tables that the log alone makes are those that the door has kept, in chunks of any size."""

from collections.abc import Iterator

import pytest
from sqlalchemy import inspect

from ledger.rebuild import replay
from ledger.rebuild.rebuilding import rebuild
from ledger.store import schema
from ledger.store.catalog import differences
from ledger.store.errors import StoreError
from tests.damage import Damage
from tests.lived import Lived
from tests.tables import dump, entries


@pytest.fixture
def lived(database_url: str) -> Iterator[Lived]:
    territory = Lived(database_url)
    yield territory
    territory.close()


@pytest.mark.parametrize(("chunk", "held"), [(1, 0), (1, 50), (2, 20), (7, 10_000), (1000, 10_000)])
def test_rebuilt_tables_are_those_that_were_kept(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, chunk: int, held: int
) -> None:
    monkeypatch.setattr(replay, "CHUNK", chunk)
    monkeypatch.setattr(replay, "HELD", held)
    before, told = dump(lived.store), list[tuple[int, int]]()
    count = lived.door.head().size
    assert rebuild(lived.store, lambda done, total: told.append((done, total))) == count
    assert dump(lived.store) == before
    assert told[-1] == (count, count) and len(told) == -(-count // chunk)


def test_indexes_and_guards_are_made_again(lived: Lived) -> None:
    rebuild(lived.store)
    with lived.store.writing() as connection:
        assert list(differences(connection)) == []
        if connection.dialect.name == "sqlite":  # and the connection sorts again as all others do
            assert connection.exec_driver_sql("PRAGMA temp_store").scalar_one() == 2


def test_chunks_are_bounded_by_octets_too(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "OCTETS", 4000)
    before = dump(lived.store)
    with lived.store.read() as connection:
        chunks = list(replay.read_entries(connection, lived.ledger_id, 0, lived.door.head().size))
    assert [row for chunk in chunks for row in chunk] == entries(lived.store, lived.ledger_id)
    assert len(chunks) > 3
    for chunk in chunks:
        octets = sum(len(row.note or b"") + len(row.legs or b"") + len(row.event_lines) for row in chunk)
        assert octets <= 4000 or len(chunk) == 1
    rebuild(lived.store)
    assert dump(lived.store) == before


def test_what_was_wrong_or_missing_is_made_right(lived: Lived) -> None:
    before = dump(lived.store)
    damage = Damage(lived.store)
    damage.run('UPDATE "account" SET "balance" = "balance" + 1')
    damage.run('DELETE FROM "movement"')
    damage.run('DROP TABLE "once"')
    damage.run('UPDATE "head" SET "fingerprint" = \'of another release\'')
    rebuild(lived.store)
    assert dump(lived.store) == before
    assert lived.store.head().fingerprint == schema.fingerprint()


def test_every_ledger_of_the_database_is_rebuilt(database_url: str) -> None:
    first, second = Lived(database_url), Lived(database_url, origin="ledger.example/other")
    before = dump(first.store)
    Damage(first.store).run('DELETE FROM "member"')
    assert rebuild(first.store) == first.door.head().size + second.door.head().size
    assert dump(first.store) == before
    first.close()
    second.close()


def test_the_ledger_goes_on_after_a_rebuild(lived: Lived) -> None:
    rebuild(lived.store)
    (outcome,) = lived.send(lived.transfer(lived.miller, lived.baker, 5))
    assert hasattr(outcome, "log_index"), outcome


def test_a_log_that_cannot_be_replayed_changes_nothing(lived: Lived) -> None:
    damage = Damage(lived.store)
    line = entries(lived.store, lived.ledger_id)[lived.index["transfer"]].event_lines
    damage.set("entry", "event_lines", lived.index["transfer"], line.replace(b'"moved"', b'"flown"'))
    before = dump(lived.store)
    with pytest.raises(StoreError, match=r"unknown event 'flown'.*audit"):
        rebuild(lived.store)
    assert dump(lived.store) == before
    with lived.store.read() as connection:
        assert inspect(connection).has_table("account")
