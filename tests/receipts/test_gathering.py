"""Receipts out of a database: a round trip for every kind of instruction and each of its readers, on both engines."""

import json
from typing import Any

import pytest

from ledger.core.machine import KINDS
from ledger.receipts.verifying import ReceiptError, verify
from ledger.service.door import Door
from ledger.service.receipts import receipt_of
from ledger.store.database import Store
from tests.lived import Lived
from tests.receipts.example import CHECKPOINT, IDENTITY, ORIGIN, PAYEE, PAYER, receipt
from tests.test_worked_example import Clock, fill


@pytest.fixture
def lived(database_url: str) -> Any:
    territory = Lived(database_url)
    yield territory
    territory.close()


def test_a_round_trip_for_every_kind_and_reader(lived: Lived) -> None:
    first, second, fourth = (holder for holder, _ in lived.administrators)
    third = lived.former[0]
    readers = {
        "genesis": [first, second, third, lived.clerk[0]],
        "admit": [first, second, lived.baker],
        **{kind: [first, second, lived.baker] for kind in
           ("open_account", "set_limits", "set_facts", "suspend", "reinstate")},
        "set_policy": [first, second],
        "transfer": [lived.baker, lived.miller],
        "transfer_many": [lived.baker, lived.miller],
        "cancel": [lived.miller],
        "register_holder": [first, second, lived.delegate],
        **{kind: [lived.miller] for kind in ("add_key", "rotate_key", "revoke_key")},
        **{kind: [lived.miller, lived.delegate] for kind in ("give_grant", "end_grant")},
        **{kind: [first, second, lived.baker] for kind in ("force_revoke_key", "recover")},
        **{kind: [lived.baker] for kind in ("veto", "complete_recovery")},
        "set_administrators": [first, second, fourth],
        "set_operator": [second, fourth],
        "set_clerk": [first, fourth, lived.clerk[0]],
        "erase": [first, second, lived.auditor],
    }  # fmt: skip
    assert set(readers) == {kind.name for kind in KINDS}
    everybody = [first, second, third, fourth, lived.clerk[0], lived.baker, lived.miller, lived.delegate,
                 lived.auditor, lived.clock.id()]  # fmt: skip
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
