"""Erasures in the core: what can be named, what can be erased at all, and from which second on."""

import pytest

from ledger.core.erasures import ENTRIES_MOST, ERASABLE, ERASURES, Erase, Erased, Target
from ledger.core.forms import BadForm
from ledger.core.keys import LOGGED
from ledger.core.ledgers import YEAR
from ledger.core.machine import BY_KIND, FORMS, Envelope, nothing
from ledger.core.refusals import Refusal
from ledger.core.transfers import Transfer
from ledger.core.words import Anchor, HolderId, InstructionId
from tests.core.book import FREE_TEXT, Book
from tests.core.keyed import lived_with_keys

AUDITOR = HolderId(InstructionId(bytes.fromhex("0192f3a87c0b7e1a9d2c4b5a69788796")))
ENVELOPE = Envelope(InstructionId(AUDITOR), 1_795_000_000, Anchor(1, bytes(32)))


def named(*indexes: int) -> Erase:
    return Erase(AUDITOR, tuple(Target(index, InstructionId(AUDITOR), bytes(32)) for index in indexes), bytes(32))


@pytest.mark.parametrize("indexes", [(), (1, 1), (2, 1), tuple(range(ENTRIES_MOST + 1))])
def test_entries_are_named_once_each_in_the_order_of_the_log(indexes: tuple[int, ...]) -> None:
    form = FORMS["erase"]
    with pytest.raises(BadForm, match="entries"):
        form.read(form.text(named(*indexes), ENVELOPE))


def test_as_many_as_can_be_named_fit_a_note() -> None:
    form, last = FORMS["erase"], 2**53 - 1
    asked = named(*range(last - ENTRIES_MOST + 1, last + 1))
    text = form.text(asked, ENVELOPE)
    assert form.read(text) == (asked, ENVELOPE)
    assert len(text) < 40_000, "20,000 octets of a note are left for its signatures"


def test_nothing_that_registers_a_key_can_be_erased_and_neither_can_what_is_public() -> None:
    kept = {kind.name for kind in BY_KIND.values() if kind.publics is not nothing or kind.registers is not nothing}
    kept |= {"genesis", "set_policy", "erase", "revoke_key", "force_revoke_key", "veto"}
    assert set(ERASABLE) == set(BY_KIND) - kept, "a new kind is put on one of the two sides"


def test_everything_else_is_refused_of_a_ledger_in_which_much_has_happened() -> None:
    book = Book()
    lived_with_keys(book)
    auditor, _ = book.aged()
    for logged in sorted(book.state.rows[LOGGED].values(), key=lambda row: row.log_index):
        target = Target(logged.log_index, logged.id, logged.text_hash)
        book.time = logged.time + YEAR + 1
        outcome = book.administer("erase", Erase(auditor, (target,), FREE_TEXT), auditor)
        refused = isinstance(outcome, Refusal) and outcome.reason == "entry_kept"
        assert refused == (logged.kind not in ERASABLE), (logged.kind, outcome)


def test_an_entry_is_kept_for_the_whole_of_the_retention() -> None:
    book = Book()
    payer, payee = book.members(2)
    auditor, (target,) = book.aged(book.verified("transfer", Transfer(payer, payee, 1), payer))
    asked = Erase(auditor, (target,), FREE_TEXT)
    book.time -= 1
    refusal = book.administer("erase", asked, auditor)
    assert isinstance(refusal, Refusal)
    assert refusal == Refusal("entry_young", {"log_index": target.log_index, "after": book.time})
    book.time += 1
    index = book.administer("erase", asked, auditor)
    assert isinstance(index, int)
    assert book.events[-1][1] == [Erased(target.log_index, target.id, "transfer", target.text_hash)]
    assert book.state.row(ERASURES, target.log_index).erased_by == index


def test_all_that_is_named_is_erased_or_nothing() -> None:
    book = Book()
    payer, payee = book.members(2)
    auditor, (one,) = book.aged(book.verified("transfer", Transfer(payer, payee, 1), payer))
    young = book.verified("transfer", Transfer(payer, payee, 2), payer)
    index = book.put(young)
    assert isinstance(index, int)
    asked = Erase(auditor, (one, Target(index, young.id, young.text_hash)), FREE_TEXT)
    outcome = book.administer("erase", asked, auditor)
    assert isinstance(outcome, Refusal) and outcome.details["log_index"] == index
    assert not book.state.rows[ERASURES]
