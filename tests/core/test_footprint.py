"""Each kind loads from its own footprint alone: no late load, neither to decide nor to evolve, accepted or refused."""

from typing import Any

import pytest

from ledger.core.cancels import Cancel
from ledger.core.erasures import Erase
from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.holders import RegisterHolder
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.keys import KEYS, Signer
from ledger.core.ledgers import KeyHolder, Quorum, SetPolicy
from ledger.core.machine import KINDS, NOUNS, Verified, decide, evolve, footprints
from ledger.core.members import Admit, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import WAIT_S, CompleteRecovery, Recover, Veto
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, State
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, At, HolderId, InstructionId, Legs, MemberId
from tests.core.book import BUSINESS, FREE_TEXT, Book, public
from tests.core.keyed import entered


def instructions(book: Book) -> list[Verified]:
    """Of every kind one that is accepted, and some that are refused late."""
    forn, granja, anna = book.members(3)
    auditor, (old,) = book.aged(book.verified("transfer", Transfer(forn, granja, 1), forn))
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
        book.verified("set_policy", SetPolicy("retention", "40000000", old.log_index + 1), *two),
        book.verified("transfer", Transfer(forn, granja, 5, once="a"), forn),
        book.verified("transfer", Transfer(forn, nobody, 5), forn),
        book.verified("transfer", Transfer(nobody, forn, 5), forn),
        book.verified("transfer_many", TransferMany(forn, Legs(3, FREE_TEXT, legs)), forn),
        book.verified("transfer_many", TransferMany(forn, Legs(1, FREE_TEXT, (Leg(nobody, 1),))), forn),
        book.verified("cancel", Cancel(book.id()), forn),
        book.verified("cancel", Cancel(InstructionId(granja)), forn),
        book.verified("cancel", Cancel(InstructionId(book.clerk)), forn),
        book.verified("erase", Erase(auditor, (old,), FREE_TEXT), *two, auditor),
        book.verified("erase", Erase(auditor, (old._replace(log_index=1),), FREE_TEXT), *two, auditor),
    ]


def of_keys(book: Book) -> list[Verified]:
    """Of every kind that changes keys, holders, grants or offices one that is accepted: what they touch beside their
    fields is found by reading, as a keyring is of any length."""
    one, two, three, granja = book.members(4)
    admins, new = book.administrators[:2], public("a new key")
    delegate, custodian = book.registered("delegate", "delegate"), book.registered("custodian", "custodian")
    recovering, barred, done, further = (book.member(f"{n} to recover") for n in range(4))
    recovery: dict[AccountId, InstructionId] = {}
    for member in (recovering, barred, done):
        recovery[member] = book.id()
        if member == barred:
            entered(book.administer("force_revoke_key", ForceRevokeKey(HolderId(member), book.keys[member], FREE_TEXT)))
        key = Signer(HolderId(member), public(f"next of {member.hex()}"))
        entered(book.administer("recover", Recover(key.holder, key.public, FREE_TEXT), key, id=recovery[member]))
    book.time += WAIT_S
    grant = GiveGrant(one, delegate, ("transfer",), day=900)
    since = entered(book.enter("give_grant", grant, one))
    fourth, born, kept = book.holder("administrator 3"), book.id(), book.id()
    named = (KeyHolder(fourth, book.keys[fourth]),)
    completing = Signer(HolderId(done), public(f"next of {done.hex()}"))
    minor = book.in_custody(custodian)

    def by(kind: str, asked: Any, *holders: Any, id: InstructionId | None = None) -> Verified:
        return book.verified(kind, asked, *holders, id=id)

    def newly(holder: bytes) -> Signer:
        return Signer(HolderId(holder), new)

    return [
        by("register_holder", RegisterHolder("bank", new), *admins, newly(born), id=born),
        by("admit", Admit("commercial", BUSINESS, custodian=custodian), *admins, custodian, id=kept),
        by("add_key", AddKey(HolderId(one), new), one, newly(one)),
        by("rotate_key", RotateKey(HolderId(two), public("member 1"), new), two, newly(two)),
        by("revoke_key", RevokeKey(HolderId(three), public("member 2")), three),
        by("force_revoke_key", ForceRevokeKey(HolderId(three), public("member 2"), FREE_TEXT), *admins),
        by("recover", Recover(HolderId(further), new, FREE_TEXT), *admins, newly(further)),
        by("recover", Recover(HolderId(minor), new, FREE_TEXT), *admins, newly(minor)),
        by("veto", Veto(recovery[recovering], HolderId(recovering)), recovering),
        by("veto", Veto(recovery[barred], HolderId(barred)), barred),
        by("complete_recovery", CompleteRecovery(recovery[done], *completing), completing),
        by("give_grant", GiveGrant(two, HolderId(granja), ("read",)), two),
        by("end_grant", EndGrant(one, delegate, since), one),
        by("transfer", Transfer(one, granja, 5), delegate),
        by("transfer", Transfer(minor, granja, 5), custodian),
        by("set_administrators", SetAdministrators((*admins, fourth), AUTHORITY, 0, named), *admins, fourth),
        by("set_operator", SetOperator(new, 0), *admins),
        by("set_clerk", SetClerk(KeyHolder(book.clerk, new), 0), *admins, newly(book.clerk)),
    ]


AUTHORITY = (("any", Quorum("administrators", 2)),)


def loaded(book: Book, instruction: Verified) -> State:
    """A strict state with the rows of the footprint and nothing else."""
    state = State(NOUNS)
    for noun, keys in footprints([instruction]).items():
        for key in keys:
            state.rows[noun][key] = book.state.get(noun, key)
    return state


def test_kinds_that_change_keys_load_to_decide_and_never_to_evolve() -> None:
    book = Book()
    for instruction in of_keys(book):
        state = loaded(book, instruction)
        at = At(book.size, book.time, instruction.id)
        outcome: Any = decided(book, state, instruction, at)
        assert outcome == book.decide(instruction) and not isinstance(outcome, Refusal), outcome
        for event in outcome:
            evolve(state, event, at)


def decided(book: Book, state: State, instruction: Verified, at: At) -> Any:
    """The outcome, with rows loaded as they turn out to be missing."""
    while True:
        try:
            return decide(state, instruction, at)
        except NotLoaded as missing:
            state.rows[missing.noun][missing.key] = book.state.get(missing.noun, missing.key)


def test_no_kind_of_everyday_loads_late() -> None:
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
    assert accepted == {kind.name for kind in KINDS} - {"genesis"} - {one.kind for one in of_keys(Book())} | {
        "admit",
        "transfer",
    }


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
