"""Each kind loads from its own footprint alone: no late load, neither to decide nor to evolve, accepted or refused."""

from typing import Any

import pytest

from ledger.core.cancels import Cancel
from ledger.core.keys import KEYS
from ledger.core.ledgers import SetPolicy
from ledger.core.machine import KINDS, NOUNS, Verified, decide, evolve, footprints
from ledger.core.members import OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, State
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, At, InstructionId, Legs, MemberId
from tests.core.book import BUSINESS, FREE_TEXT, Book, public


def instructions(book: Book) -> list[Verified]:
    """Of every kind one that is accepted, and some that are refused late."""
    forn, granja, anna = book.members(3)
    nobody = AccountId(book.id())
    two = book.administrators[:2]
    facts = BUSINESS._replace(beneficiary=MemberId(granja))
    since = book.account(forn).limits_since
    legs = (Leg(granja, 1, once="x"), Leg(anna, 2), Leg(granja, 3, once="y"))
    return [
        book.verified("genesis", book.genesis(), *book.founders),
        book.admission("new", facts=facts),
        book.admission("operator"),
        book.admission("newer", class_="industrial"),
        book.verified("open_account", OpenAccount(MemberId(forn), "personal"), *two),
        book.verified("open_account", OpenAccount(MemberId(nobody), "personal"), *two),
        book.verified("set_limits", SetLimits(forn, 0, 0, since, FREE_TEXT), *two),
        book.verified("set_limits", SetLimits(nobody, 0, 0, since, FREE_TEXT), *two),
        book.verified("set_facts", SetFacts(MemberId(forn), facts, since, FREE_TEXT), *two),
        book.verified("suspend", Suspend(forn, since, FREE_TEXT), *two),
        book.verified("reinstate", Reinstate(forn, since, FREE_TEXT), *two),
        book.verified("set_policy", SetPolicy("limits", "{}", 0), *two),
        book.verified("set_policy", SetPolicy("retention", "40000000"), *two),
        book.verified("transfer", Transfer(forn, granja, 5, once="a"), forn),
        book.verified("transfer", Transfer(forn, nobody, 5), forn),
        book.verified("transfer", Transfer(nobody, forn, 5), forn),
        book.verified("transfer_many", TransferMany(forn, Legs(3, FREE_TEXT, legs)), forn),
        book.verified("transfer_many", TransferMany(forn, Legs(1, FREE_TEXT, (Leg(nobody, 1),))), forn),
        book.verified("cancel", Cancel(book.id()), forn),
        book.verified("cancel", Cancel(InstructionId(granja)), forn),
        book.verified("cancel", Cancel(InstructionId(book.clerk)), forn),
    ]


def loaded(book: Book, instruction: Verified) -> State:
    """A strict state with the rows of the footprint and nothing else."""
    state = State(NOUNS)
    for noun, keys in footprints([instruction]).items():
        for key in keys:
            state.rows[noun][key] = book.state.get(noun, key)
    return state


def test_no_kind_loads_late() -> None:
    book = Book()
    accepted: set[str] = set()
    for instruction in instructions(book):
        state = loaded(book, instruction)
        at = At(book.size, book.time, instruction.id)
        outcome: Any = decide(state, instruction, at)
        assert outcome == book.decide(instruction), "and the outcome is that of the whole state"
        if isinstance(outcome, Refusal):
            continue
        accepted.add(instruction.kind)
        for event in outcome:
            evolve(state, event, at)
    assert accepted == {kind.name for kind in KINDS} - {"genesis"}


def test_the_genesis_loads_from_its_own_footprint() -> None:
    book = Book(opened=False)
    instruction = book.verified("genesis", book.genesis(), *book.founders)
    state = loaded(book, instruction)
    at = At(0, book.time, instruction.id)
    events: Any = decide(state, instruction, at)
    for event in events:
        evolve(state, event, at)
    assert state.row(KEYS, public("operator")).holder is None


def test_what_is_missing_is_named() -> None:
    book = Book()
    (instruction,) = [one for one in instructions(book) if one.kind == "open_account"][:1]
    with pytest.raises(NotLoaded) as caught:
        decide(State(NOUNS), instruction, At(book.size, book.time, instruction.id))
    assert caught.value.key == instruction.id
