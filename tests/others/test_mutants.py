"""Thousands of spoiled receipts of every kind of instruction: the verifier takes none, and all the true ones."""

import json

from ledger.core.machine import KINDS
from ledger.receipts.verifying import ReceiptError, verify
from tests.others.conftest import True_
from tests.others.mutants import Mutants

EACH = 3  # mutants of every receipt by every way


def accepts(octets: bytes, true: True_) -> bool:
    try:
        verify(octets, true.origin, true.identity)
    except ReceiptError:
        return False
    return True


def test_true_receipts_of_every_kind_are_accepted(true: True_) -> None:
    shown = [verify(octets, true.origin, true.identity) for octets in true.receipts]
    assert {one.kind for one in shown} == {kind.name for kind in KINDS}
    values = [json.loads(octets) for octets in true.receipts]
    for what in ("legs", "texts", "events"):
        assert any(value[what] for value in values)
    assert any(len(one.signers) > 2 for one in shown) and any(len(value["keys"]) > 4 for value in values)


def test_no_mutant_is_accepted(true: True_) -> None:
    count, ways, accepted = 0, set(), []
    for mutant in Mutants(true.receipts, EACH, true.foreign):
        count += 1
        ways.add(mutant.how)
        if accepts(mutant.octets, true):
            accepted.append(mutant)
    assert not accepted, accepted[:3]
    assert count >= 2_000 and len(ways) >= 24, (count, ways)


def test_no_receipt_is_one_of_another_ledger(true: True_) -> None:
    for octets in true.receipts:
        assert not accepts(octets, true._replace(origin="ledger.example/other"))
        assert not accepts(octets, true._replace(identity=bytes(32)))
    assert not any(accepts(octets, true) for octets in true.foreign)


def test_what_says_the_same_is_no_mutant(true: True_) -> None:
    """What the mutants leave out, and no more than that."""
    of = next(n for n, octets in enumerate(true.receipts) if json.loads(octets)["texts"])
    mutants, value = Mutants(true.receipts, 1, []), json.loads(true.receipts[of])
    counted = {**value, "events": [{**line, "count": 2} for line in value["events"]]}
    for same in (value, dict(reversed(value.items())), {**value, "texts": []}, {**value, "events": []}, counted):
        assert mutants.says_the_same(json.dumps(same, indent=1).encode())
    twice = true.receipts[of].replace(b'"texts"', b'"texts": [], "texts"')
    others = [{**value, "texts": value["texts"] * 2}, {**value, "keys": value["keys"][1:]}, {**value, "more": 1}]
    for octets in (twice, true.receipts[of][:-1], *(json.dumps(other).encode() for other in others)):
        assert not mutants.says_the_same(octets) and not accepts(octets, true)
