"""Receipts are made for parties, and hold what is the reader's own: against the worked example, octet for octet."""

import json
from typing import Any

from ledger.core.machine import EVENT_FORMS
from ledger.log import base64s, merkle, salted
from ledger.receipts.making import _PLACES, Proved, Reader, make
from ledger.receipts.verifying import verify
from tests.receipts.example import (
    BULK,
    CHECKPOINT,
    ENTRIES,
    IDENTITY,
    ORIGIN,
    PAYEE,
    PAYER,
    keys_of_payer,
    octets,
    proved,
    receipt,
)

STRANGER = "01a1ee566da070c7aa461a51fa488de6"
BULK_PAYEE = "01a1ee5669b87ba7a1b6a7fbfaa0ea59"


def made(log_index: int, reader: str, texts: Any = ()) -> dict[str, Any] | None:
    return make(proved(log_index), Reader(reader, frozenset((reader,))), texts, keys_of_payer(), CHECKPOINT)


def test_the_payers_receipt_is_that_of_the_example() -> None:
    assert made(5, PAYER, [("memo", ENTRIES[5]["lines"][0].encode())]) == receipt()


def test_the_payee_is_shown_the_same_transfer() -> None:
    assert made(5, PAYEE, [("memo", ENTRIES[5]["lines"][0].encode())]) == receipt()


def test_a_stranger_is_shown_nothing() -> None:
    assert made(5, STRANGER) is None


def test_the_payee_of_a_leg_is_shown_its_own_part_of_the_bulk() -> None:
    part = made(6, BULK_PAYEE)
    assert part is not None
    assert part["legs"] == [{"line": BULK["leg"], "index": BULK["leg_index"], "count": BULK["leg_count"],
                             "path": BULK["leg_path"]}]  # fmt: skip
    assert part["events"] == [{"line": BULK["event"], "index": BULK["event_index"], "count": BULK["event_count"],
                               "path": BULK["event_path"]}]  # fmt: skip
    assert part["entry"]["note"] == BULK["note"]
    shown = verify(octets(part), ORIGIN, IDENTITY)
    assert [leg.amount for _, leg in shown.legs] == [200]


def test_the_payer_of_a_bulk_is_shown_all_of_it() -> None:
    whole = made(6, PAYER)
    assert whole is not None
    assert [leg["index"] for leg in whole["legs"]] == [event["index"] for event in whole["events"]] == [0, 1, 2]
    verify(octets(whole), ORIGIN, IDENTITY)


def test_an_account_that_is_not_the_members_first_makes_a_party_too() -> None:
    reader = Reader(STRANGER, frozenset((STRANGER, PAYEE)))
    found = make(proved(5), reader, [], keys_of_payer(), CHECKPOINT)
    assert found is not None and len(found["events"]) == 1


def with_events(*lines: str) -> Proved:
    return proved(5)._replace(events=tuple(salted.line(bytes(16), line.encode()) for line in lines))


def test_an_id_that_stands_in_a_word_names_nobody() -> None:
    words = [
        f'{{"account":"{PAYER}","event":"once_used","once":"{STRANGER}"}}',
        f'{{"event":"cancelled","holder":"{PAYER}","target":"{STRANGER}"}}',
    ]
    reader = Reader(STRANGER, frozenset((STRANGER,)))
    assert make(with_events(*words), reader, [], keys_of_payer(), CHECKPOINT) is None


def test_a_beneficiary_is_not_shown_anothers_facts() -> None:
    facts = f'{{"beneficiary":"{STRANGER}","inside":true,"kind":"business","place":"ES/08215","sse":true}}'
    line = f'{{"event":"facts_set","facts":{facts},"member":"{PAYEE}"}}'
    assert make(with_events(line), Reader(STRANGER, frozenset()), [], keys_of_payer(), CHECKPOINT) is None
    found = make(with_events(line), Reader(PAYEE, frozenset()), [], keys_of_payer(), CHECKPOINT)
    assert found is not None and len(found["events"]) == 1


def test_every_line_of_a_long_bulk_has_its_path() -> None:
    lines = tuple(
        salted.line(n.to_bytes(16), f'{{"account":"{PAYER}","event":"once_used","once":"row {n}"}}'.encode())
        for n in range(1000)
    )
    long = proved(5)._replace(events=lines)
    found = make(long, Reader(PAYER, frozenset((PAYER,))), [], keys_of_payer(), CHECKPOINT)
    assert found is not None
    root = salted.root(lines)
    for n in (0, 1, 511, 512, 998, 999):
        shown = found["events"][n]
        path = [base64s.decode(text) for text in shown["path"]]
        assert merkle.verify_inclusion(merkle.leaf_hash(shown["line"].encode()), n, 1000, path, root)


def test_every_event_kind_names_somebody_or_is_for_everybody() -> None:
    """A new event of which no field is a holder, member or account would reach nobody but its signers: on purpose?"""
    without = {name for name, form in EVENT_FORMS.items() if not _PLACES[form.form]}
    assert without == {"ledger_opened", "policy_set", "administrators_set", "operator_set", "erased"}


def test_the_receipt_is_plain_json() -> None:
    assert json.loads(json.dumps(made(6, PAYER))) == made(6, PAYER)
