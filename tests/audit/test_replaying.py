"""Audits of honest ledgers pass; entries that no door would have written are found, and the first fault is told."""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ledger.audit import again, ahead, signers
from ledger.audit.auditing import Passed, audit
from ledger.audit.fault import Fault
from ledger.core import machine
from ledger.core.accounts import LimitsSet, Moved
from ledger.core.members import OpenAccount, SetLimits
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, Anchor, At, InstructionId, MemberId, MovementId
from ledger.intake.submission import Prepared
from ledger.log import entry, salted
from ledger.rebuild import replay
from ledger.service.entries import Salts, entry_row
from ledger.store import schema
from ledger.store.errors import StoreError, Unavailable
from ledger.store.log import EntryRow
from tests.damage import Damage
from tests.lived import Lived
from tests.territory import seed


def test_an_honest_ledger_passes_in_chunks_of_any_size(lived_anywhere: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_anywhere.keep_checkpoint()
    head = lived_anywhere.door.head()
    for chunk, held, remembered in ((1, 0, 0), (3, 60, 1), (3, 10_000, 2), (1000, 10_000, 20_000)):
        monkeypatch.setattr(replay, "CHUNK", chunk)
        monkeypatch.setattr(again, "HELD", held)
        monkeypatch.setattr(signers, "REMEMBERED", remembered)
        passed, told = audited(lived_anywhere)
        assert passed == (head.size, head.root, head.time, head.size, lived_anywhere.checkpoint())
        assert told[-1] == (head.size, head.size) and len(told) == -(-head.size // chunk)


def audited(lived: Lived) -> tuple[Passed, list[tuple[int, int]]]:
    """What an audit comes to, and the progress that it told."""
    told: list[tuple[int, int]] = []
    return audit(lived.store, lived.ledger_id, lambda done, total: told.append((done, total)), processes=1), told


def test_the_ledger_may_be_written_meanwhile(lived_anywhere: Lived) -> None:
    lived = lived_anywhere

    def write(done: int, total: int) -> None:
        lived.send(lived.transfer(lived.miller, lived.baker, 1))

    before = lived.door.head()
    assert audit(lived.store, lived.ledger_id, write, processes=1).size == before.size
    assert audit(lived.store, lived.ledger_id).size == before.size + 1


def test_an_empty_ledger_passes(lived: Lived) -> None:
    ledger_id = lived.store.add_ledger("ledger.example/empty")
    assert audit(lived.store, ledger_id) == (0, None, 0, 0, b"")


def test_what_no_checkpoint_covers_yet_is_said(lived: Lived) -> None:
    assert audit(lived.store, lived.ledger_id).signed == 0
    lived.keep_checkpoint()
    size = lived.door.head().size
    lived.send(lived.transfer(lived.miller, lived.baker, 1))
    passed = audit(lived.store, lived.ledger_id)
    assert (passed.signed, passed.size) == (size, size + 1)


# --- a pool of processes


@pytest.fixture
def pooled(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> Lived:
    monkeypatch.setattr(ahead, "SMALL", 0)
    monkeypatch.setattr(replay, "CHUNK", 5)
    lived.keep_checkpoint()
    return lived


def test_two_processes_find_what_one_finds(pooled: Lived) -> None:
    pooled.send(pooled.transfer(pooled.miller, pooled.baker, 1))
    size = pooled.door.head().size
    assert audit(pooled.store, pooled.ledger_id, processes=2).signed == size - 1
    pooled.operator = seed("not the operator")
    pooled.keep_checkpoint()
    for processes in (1, 2):
        with pytest.raises(Fault, match=f"^checkpoint {size}: .*operator"):
            audit(pooled.store, pooled.ledger_id, processes=processes)
    damage = Damage(pooled.store)
    damage.set("entry", "note_hash", 9, bytes(32))
    for processes in (1, 2):
        with pytest.raises(Fault, match=r"^entry 9: the note's hash"):
            audit(pooled.store, pooled.ledger_id, processes=processes)


# --- entries that no door has written


class Forger:
    """Logs entries without deciding: hashes, tree, tiles and head are right, as the owner of a database can make them.

    The tables of the nouns are left as they are: the entry itself must be found.
    """

    def __init__(self, lived: Lived):
        self.lived = lived

    def log(self, octets: bytes, events: Sequence[Any] | None = None, time: int | None = None,
            change: Callable[[EntryRow], EntryRow] = lambda row: row) -> int:  # fmt: skip
        """Log a submission with these events (None: those it comes to); its log index."""
        prepared = self.lived.verify(octets)
        assert isinstance(prepared, Prepared), prepared
        return self.enter(prepared, events, time, change)

    def enter(self, prepared: Prepared, events: Sequence[Any] | None, time: int | None = None,
              change: Callable[[EntryRow], EntryRow] = lambda row: row) -> int:  # fmt: skip
        with self.lived.store.write(self.lived.ledger_id) as transaction:
            head = transaction.head
            at = At(head.size, head.time if time is None else time, prepared.instruction.id)
            if events is None:
                state = transaction.state(machine.footprints([prepared.instruction]))
                decided = machine.decide(state, prepared.instruction, at)
                assert isinstance(decided, list), decided
                events = decided
            row = change(entry_row(self.lived.ledger_id, prepared, events, at, Salts()))
            transaction.append([row])
        return at.log_index

    def finds(self, index: int, what: str) -> None:
        with pytest.raises(Fault, match=f"^entry {index}: .*{what}"):
            audit(self.lived.store, self.lived.ledger_id, processes=1)


@pytest.fixture
def forger(lived: Lived) -> Forger:
    return Forger(lived)


def payment(lived: Lived, amount: int, **more: Any) -> tuple[bytes, list[Any]]:
    """A signed payment from miller to baker, and the event it would come to."""
    id: InstructionId = lived.clock.id()
    octets = lived.transfer(lived.miller, lived.baker, amount, id=id, **more)
    return octets, [Moved(MovementId(id, 0), AccountId(lived.miller), AccountId(lived.baker), amount, "trade")]


def test_a_payment_beyond_the_floor(forger: Forger) -> None:
    forger.finds(forger.log(*payment(forger.lived, 600_000)), "refused: credit_exceeded")


def test_a_payment_beyond_the_ceiling(forger: Forger) -> None:
    forger.finds(forger.log(*payment(forger.lived, 400_000)), "refused: payee_cannot_receive")


def test_another_amount_than_the_signed_one(forger: Forger) -> None:
    octets, (moved,) = payment(forger.lived, 5)
    forger.finds(forger.log(octets, [moved._replace(amount=6)]), "events are not those")


def test_an_event_too_many_and_none_at_all(forger: Forger) -> None:
    octets, events = payment(forger.lived, 5)
    more = LimitsSet(AccountId(forger.lived.miller), -1, 1)
    forger.finds(forger.log(octets, [*events, more]), "events are not those")


def test_one_administrator_alone(forger: Forger) -> None:
    lived = forger.lived
    asked = SetLimits(AccountId(lived.miller), -9, 9, lived.index["admit of another"], b"")
    octets = lived.draft("set_limits", asked, texts={"reason": "alone"}).signed(lived.administrators[:1])
    forger.finds(forger.log(octets, [LimitsSet(AccountId(lived.miller), -9, 9)]), "refused: signatures_missing")


def test_a_payment_that_another_member_signed(forger: Forger) -> None:
    lived = forger.lived
    id = lived.clock.id()
    asked = Transfer(AccountId(lived.miller), AccountId(lived.baker), 5)
    octets = lived.signed(lived.draft("transfer", asked, id=id), lived.baker)
    moved = Moved(MovementId(id, 0), asked.payer, asked.payee, 5, "trade")
    forger.finds(forger.log(octets, [moved]), "refused: account_unknown")


def test_a_signature_that_does_not_verify(forger: Forger) -> None:
    lived = forger.lived
    octets, events = payment(lived, 5)
    other, _ = payment(lived, 6)
    text, _, _ = octets.rpartition(b"\n\n")
    note = text + b"\n\n" + other.rpartition(b"\n\n")[2]
    prepared = lived.verify(octets)
    assert isinstance(prepared, Prepared)
    forged = prepared._replace(note=note, note_hash=hashlib.sha256(note).digest())
    forger.finds(forger.enter(forged, events), "signature_invalid")


def test_a_time_that_runs_backwards(forger: Forger) -> None:
    octets, events = payment(forger.lived, 5)
    forger.finds(forger.log(octets, events, time=forger.lived.clock.now - 1), "time lies before")


def test_a_time_after_the_instruction_had_expired(forger: Forger) -> None:
    octets, events = payment(forger.lived, 5)
    forger.finds(forger.log(octets, events, time=forger.lived.clock.now + 601), "refused: expired")


def test_another_logs_anchor(forger: Forger) -> None:
    octets, events = payment(forger.lived, 5, anchor=Anchor(3, bytes(32)))
    forger.finds(forger.log(octets, events), "refused: anchor_wrong")


def test_an_anchor_that_lies_ahead(forger: Forger) -> None:
    head = forger.lived.door.head()
    assert head.root is not None
    octets, events = payment(forger.lived, 5, anchor=Anchor(head.size + 1, head.root))
    forger.finds(forger.log(octets, events), "refused: anchor_ahead")


@pytest.mark.parametrize("chunk", [1, 1000])
def test_the_same_instruction_twice(forger: Forger, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(replay, "CHUNK", chunk)
    lived = forger.lived
    Damage(lived.store).run("DROP INDEX entry_id")
    octets = lived.administer("open_account", OpenAccount(MemberId(lived.miller), "personal"))
    lived.send(octets)
    lived.send(lived.transfer(lived.miller, lived.baker, 1))
    prepared = lived.verify(octets)
    assert isinstance(prepared, Prepared)
    with lived.store.read() as connection:
        chunks = replay.read_entries(connection, lived.ledger_id, 0, lived.door.head().size)
        first = next(row for rows in chunks for row in rows if row.id == prepared.instruction.id)
    forger.finds(forger.enter(prepared, replay.events_of(first)), f"log already, at {first.log_index}")


def test_an_event_line_that_is_not_canonical(forger: Forger) -> None:
    octets, events = payment(forger.lived, 5)

    def spaced(row: EntryRow) -> EntryRow:
        lines = row.event_lines.replace(b'"amount":5', b'"amount": 5')
        return with_hashes(row._replace(event_lines=lines))

    forger.finds(forger.log(octets, events, change=spaced), "an event line is not one")


def with_hashes(row: EntryRow) -> EntryRow:
    """The row with its roots and leaf hash made right."""
    root = salted.root(row.event_lines.split(b"\n"))
    return row._replace(events_root=root, leaf_hash=entry.leaf_hash(entry.encode(row.time, row.note_hash, root)))


def test_a_key_is_not_live_for_entries_before_it(forger: Forger) -> None:
    lived = forger.lived
    newcomer, admission = lived.admission("newcomer")
    admitted = lived.verify(admission)
    assert isinstance(admitted, Prepared)
    id = lived.clock.id()
    octets = lived.transfer(newcomer, lived.baker, 1, id=id)
    lived.door.lookups.key_of = lambda holder, key_id: admitted.instruction.asked.key  # type: ignore[method-assign]
    early = lived.verify(octets)
    assert isinstance(early, Prepared)
    moved = Moved(MovementId(id, 0), AccountId(newcomer), AccountId(lived.baker), 1, "trade")
    index = forger.enter(early, [moved])
    forger.enter(admitted, None)
    forger.finds(index, "refused: key_dead")


def test_legs_that_belong_to_another_bulk(forger: Forger) -> None:
    lived = forger.lived
    damage = Damage(lived.store)
    index = lived.index["transfer_many"]
    legs = damage.rows(schema.entry)[index]["legs"]
    damage.set("entry", "legs", index, b"\n".join(reversed(legs.split(b"\n"))))
    forger.finds(index, "legs")


# --- the first fault, and what is none


@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_the_first_fault_is_the_one_that_is_told(forger: Forger, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(replay, "CHUNK", chunk)
    index = forger.log(*payment(forger.lived, 600_000))  # a rule: found while replaying
    later = forger.log(*payment(forger.lived, 1))
    damage = Damage(forger.lived.store)
    damage.set("entry", "leaf_hash", later, bytes(32))  # a hash: found before
    damage.set("entry", "time", later, 5)  # the order: found before that
    forger.finds(index, "credit_exceeded")


def test_a_false_tile_is_called_by_its_name(pair: Any) -> None:
    lived: Lived = pair.long
    damage = Damage(lived.store)
    head = lived.door.head()
    size = 100
    root = lived.door.lookups.root_at(size)
    assert root is not None and head.size > 256
    lived.send(lived.transfer(lived.miller, lived.baker, 1, anchor=Anchor(size, root)))
    with lived.store.read() as connection:
        row = connection.exec_driver_sql('SELECT "hashes" FROM "tile" WHERE "index" = 0').one()
    damage.run('UPDATE "tile" SET "hashes" = :hashes WHERE "index" = 0', hashes=bytes(32) + bytes(row[0])[32:])
    with pytest.raises(Fault, match=r"^tile 0/0: "):
        audit(lived.store, lived.ledger_id, processes=1)
    damage.run('UPDATE "tile" SET "hashes" = :hashes WHERE "index" = 0', hashes=bytes(row[0]))
    audit(lived.store, lived.ledger_id, processes=1)


def test_tables_of_another_release_are_no_finding(lived: Lived) -> None:
    Damage(lived.store).run('UPDATE "head" SET "fingerprint" = \'of another release\'')
    with pytest.raises(StoreError, match="comarca rebuild"):
        audit(lived.store, lived.ledger_id)


def test_a_lost_process_is_no_finding(pooled: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "examine_all", _die)
    with pytest.raises(Unavailable, match="ended from outside"):
        audit(pooled.store, pooled.ledger_id, processes=2)


def _die(*_: Any) -> None:
    os._exit(1)


def test_limits_are_looked_at_a_third_time(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the rules' own check gone, the audit would still see it."""
    for check in ("check", "check_one"):
        monkeypatch.setattr(f"ledger.core.transfers.{check}", lambda *_: None)
    octets, events = payment(lived, 600_000)
    index = Forger(lived).log(octets, events)
    with pytest.raises(Fault, match=f"^entry {index}: account {lived.miller.hex()} is below its floor"):
        audit(lived.store, lived.ledger_id, processes=1)
