"""Receipts out of a database: a round trip for every kind of instruction and each of its readers, on both engines."""

import json
from typing import Any

import pytest

from ledger.core.cancels import Cancel
from ledger.core.ledgers import SetPolicy
from ledger.core.machine import KINDS
from ledger.core.members import Facts, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.transfers import Leg
from ledger.core.words import AccountId, MemberId
from ledger.log import checkpoint
from ledger.receipts.verifying import ReceiptError, Shown, verify
from ledger.service.door import Door
from ledger.service.receipts import receipt_of
from ledger.store.database import Store
from tests.receipts.example import CHECKPOINT, IDENTITY, ORIGIN, PAYEE, PAYER, receipt
from tests.tables import entries
from tests.territory import LIMITS, TerritoryOfTests
from tests.test_worked_example import Clock, fill


class Lived(TerritoryOfTests):
    """A territory in which everything has happened once."""

    def __init__(self, url: str):
        super().__init__(url)
        self.index: dict[str, int] = {"genesis": 0}
        self.baker, octets = self.admission("baker", profile="Forn Vell, Plaça 1")
        self.log("admit", octets)
        self.miller, octets = self.admission("miller")
        self.log("admit of another", octets)
        self.log("open_account", self.administer("open_account", OpenAccount(MemberId(self.baker), "personal")))
        self.second = self.ids[-1]
        account, index = AccountId(self.baker), self.index["admit"]
        why = {"reason": "decided in May"}
        self.log("set_limits", self.administer("set_limits", SetLimits(account, -900, 900, index, b""), texts=why))
        facts = Facts("business", False, True, "ES/08215", "nace2.1/10.71", MemberId(self.miller))
        more = {**why, "profile": "Forn Nou, Plaça 2"}
        self.log(
            "set_facts", self.administer("set_facts", SetFacts(MemberId(self.baker), facts, index, b""), texts=more)
        )
        self.log("suspend", self.administer("suspend", Suspend(account, index, b""), texts=why))
        self.log("reinstate", self.administer("reinstate", Reinstate(account, self.index["suspend"], b""), texts=why))
        self.log("set_policy", self.administer("set_policy", SetPolicy("limits", LIMITS, 0)))
        self.log("transfer", self.transfer(self.baker, self.miller, 120, once="2026/1", memo="rye – sègol", ref="A 1"))
        legs = [Leg(AccountId(self.miller), 10, once="w1"), Leg(self.second, 20), Leg(AccountId(self.miller), 30)]
        self.log("transfer_many", self.transfer_many(self.baker, legs))
        target = self.clock.id()
        self.log("cancel", self.signed(self.draft("cancel", Cancel(target)), self.miller))

    @property
    def ids(self) -> list[Any]:
        return [row.id for row in entries(self.store, self.ledger_id)]

    def log(self, what: str, octets: bytes) -> None:
        (outcome,) = self.send(octets)
        assert hasattr(outcome, "log_index"), outcome
        self.index[what] = outcome.log_index

    def checkpoint(self, size: int | None = None) -> bytes:
        head = self.door.head()
        root = self.door.lookups.root_at(size or head.size)
        assert root is not None
        return checkpoint.sign(self.operator, self.origin, size or head.size, root)

    def receipt(self, what: str, reader: bytes | None, size: int | None = None) -> dict[str, Any] | None:
        return receipt_of(self.store, self.ledger_id, self.index[what], reader, self.checkpoint(size))

    def shown(self, what: str, reader: bytes, size: int | None = None) -> Shown:
        found = self.receipt(what, reader, size)
        assert found is not None
        return verify(json.dumps(found).encode(), self.origin, self.identity)


@pytest.fixture
def lived(database_url: str) -> Any:
    territory = Lived(database_url)
    yield territory
    territory.close()


def test_a_round_trip_for_every_kind_and_reader(lived: Lived) -> None:
    first, second, third = (holder for holder, _ in lived.administrators)
    readers = {
        "genesis": [first, second, third, lived.clerk[0]],
        "admit": [first, second, lived.baker],
        **{kind: [first, second, lived.baker] for kind in
           ("open_account", "set_limits", "set_facts", "suspend", "reinstate")},
        "set_policy": [first, second],
        "transfer": [lived.baker, lived.miller],
        "transfer_many": [lived.baker, lived.miller],
        "cancel": [lived.miller],
    }  # fmt: skip
    assert set(readers) == {kind.name for kind in KINDS}
    everybody = [first, second, third, lived.clerk[0], lived.baker, lived.miller, lived.clock.id()]
    for kind, parties in readers.items():
        for reader in everybody:
            if reader in parties:
                shown = lived.shown(kind, reader)
                assert (shown.kind, shown.log_index) == (kind, lived.index[kind])
            else:
                assert lived.receipt(kind, reader) is None, (kind, reader.hex())
        assert lived.receipt(kind, None) is None


def test_a_payer_sees_all_and_a_payee_its_own(lived: Lived) -> None:
    payer, payee = lived.shown("transfer", lived.baker), lived.shown("transfer", lived.miller)
    assert payer.texts == payee.texts == (("memo", "rye – sègol"),)
    assert len(payer.events) == 2 and len(payee.events) == 1  # the payer's `once` is its own
    payer, payee = lived.shown("transfer_many", lived.baker), lived.shown("transfer_many", lived.miller)
    assert [place for place, _ in payer.legs] == [0, 1, 2] and len(payer.events) == 4
    assert [place for place, _ in payee.legs] == [0, 2] and len(payee.events) == 2


def test_texts_are_shown_as_long_as_they_are_kept(lived: Lived) -> None:
    assert lived.shown("set_facts", lived.baker).texts == (
        ("profile", "Forn Nou, Plaça 2"), ("reason", "decided in May"))  # fmt: skip
    assert lived.shown("admit", lived.baker).texts == ()  # a new profile has taken its place


def test_an_older_checkpoint_serves_and_one_that_does_not_cover_the_entry_does_not(lived: Lived) -> None:
    for size in range(lived.index["transfer"] + 1, lived.door.head().size + 1):
        assert lived.shown("transfer", lived.baker, size).checkpoint.size == size
    assert lived.receipt("transfer", lived.baker, lived.index["transfer"]) is None


def test_a_receipt_of_one_ledger_proves_nothing_of_another(lived: Lived) -> None:
    found = json.dumps(lived.receipt("transfer", lived.baker)).encode()
    with pytest.raises(ReceiptError):
        verify(found, "ledger.example/other", lived.identity)
    with pytest.raises(ReceiptError):
        verify(found, lived.origin, bytes(32))


def test_the_worked_examples_receipt_comes_out_of_a_database(database_url: str) -> None:
    store, clock = Store.create(database_url), Clock()
    ledger_id = store.add_ledger(ORIGIN)
    fill(Door(store, ledger_id, clock), clock, 12)
    for reader in (PAYER, PAYEE):
        found = receipt_of(store, ledger_id, 5, bytes.fromhex(reader), CHECKPOINT)
        assert found == receipt()
        verify(json.dumps(found).encode(), ORIGIN, IDENTITY)
    store.close()
