"""The table of reasons: complete, in order of precedence, and each reason reached by an instruction that deserves it.

A ladder is an instruction with everything wrong at once. Its flaws are mended one by one, and each step must name the
next reason, in the order of the table, until the instruction is accepted.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.core.accounts import StatusSet
from ledger.core.cancels import Cancel
from ledger.core.erasures import Erase, Target
from ledger.core.grants import GiveGrant
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.keys import KEYS, KEYS_MOST, LOGGED, Signer
from ledger.core.ledgers import YEAR, KeyHolder, Quorum, SetPolicy
from ledger.core.machine import DAY, Verified, evolve
from ledger.core.members import Admit, OpenAccount, SetFacts, SetLimits, Suspend
from ledger.core.offices import SetAdministrators, SetClerk
from ledger.core.recoveries import WAIT_S, CompleteRecovery, Recover, Veto
from ledger.core.refusals import REASONS, Refusal, Refused
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, At, HolderId, InstructionId, Legs, MemberId
from ledger.intake.submission import verify
from tests.core.book import BUSINESS, FREE_TEXT, START, Book, public

ORDER = [reason.name for reason in REASONS]
Ladder = Callable[[Book], Iterator[Verified | Refusal]]


def close(book: Book, account: AccountId) -> None:
    """Close an account, as a later kind will: until then only its event exists."""
    evolve(book.state, StatusSet(account, "closed"), At(book.size, book.time, book.id()))


def octets_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """Checks 1 and 2 are intake's; what it lets through goes on to the core."""
    holder = book.members(1)[0].hex()
    anchor, id = f'[1,"{"A" * 43}="]', book.id().hex()
    text = f'{{"amount":1,"anchor":{anchor},"id":"{id}","not_after":{START},"payee":"{holder}","payer":"{holder}"}}'
    line = f"— ledger.example/solana/{holder} {'A' * 91}="  # four octets of a key ID, 64 of a signature
    note = f"comarca/instruction@v1 transfer\nledger.example/solana\n{text}\n\n{line}\n"
    for octets in (note.replace('"amount":1', '"amount":1.0'), note):
        answer = verify(octets.encode(), "ledger.example/solana", lambda *_: None, lambda _: None)
        assert isinstance(answer, Refusal), answer
        yield answer


def transfer_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A payment, from an id in use to its acceptance."""
    payer, payee, other = book.members(3)
    book.enter("transfer", Transfer(payer, payee, 1, once="rent"), payer)
    stranger = AccountId(book.id())
    asked = Transfer(payer, payer, 90_000, once="rent")
    used, cancelled, fresh = InstructionId(payer), book.id(), book.id()
    book.enter("cancel", Cancel(cancelled), payer)
    dead = Signer(HolderId(payer), public("never registered"))
    soon, late, now = book.time + DAY + 1, book.time - 1, book.time
    made = book.verified
    ahead: Any = "ahead"
    wrong: Any = "wrong"
    yield made("transfer", asked, payer, id=used, not_after=soon, anchor=ahead)
    yield made("transfer", asked, payer, id=cancelled, not_after=soon, anchor=ahead)
    yield made("transfer", asked, dead, id=fresh, not_after=soon, anchor=ahead)
    yield made("transfer", asked, dead, id=fresh, not_after=late, anchor=ahead)
    yield made("transfer", asked, dead, id=fresh, not_after=now, anchor=ahead)
    yield made("transfer", asked, dead, id=fresh, not_after=now, anchor=wrong)
    yield made("transfer", asked, dead, id=fresh)
    yield made("transfer", asked, other, id=fresh)
    yield made("transfer", asked, payer, other, id=fresh)
    yield made("transfer", asked, payer, id=fresh)
    asked = asked._replace(payee=stranger)
    yield made("transfer", asked, payer, id=fresh)
    asked = asked._replace(payee=payee)
    yield made("transfer", asked, payer, id=fresh)
    asked = asked._replace(once="rent of May")
    suspended_since = book.account(payer).status_since
    book.administer("suspend", Suspend(payer, suspended_since, FREE_TEXT))
    yield made("transfer", asked, payer, id=fresh)
    evolve(book.state, StatusSet(payer, "open"), At(book.size, book.time, fresh))
    yield made("transfer", asked, payer, id=fresh)
    asked = asked._replace(amount=49_999)
    book.limit(payee, -50_000, 0)
    yield made("transfer", asked, payer, id=fresh)
    book.limit(payee, -50_000, 50_000)
    yield made("transfer", asked, payer, id=fresh)


def closed_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A closed account neither pays nor is changed."""
    account, payee = book.members(2)
    close(book, account)
    yield book.verified("transfer", Transfer(account, payee, 90_000), account)
    since = book.account(account).status_since
    yield book.verified("suspend", Suspend(account, since, FREE_TEXT), *book.administrators[:2])


def admission_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """An admission, from too few administrators to a member."""
    (member,) = book.members(1)
    id, two = book.id(), book.administrators[:2]
    book.keys[id] = public("member 0")
    nobody = MemberId(book.id())
    facts = BUSINESS._replace(kind="person", sector="nace2.1/10.71", beneficiary=nobody)
    asked = Admit("industrial", facts, public("member 0"))
    lone = Signer(HolderId(id), public("member 0"))

    def made(*signers: Any) -> Verified:
        return book.verified("admit", asked, *signers, id=id)

    yield made(two[0], member, lone)
    yield made(*two, member)
    yield made(*two, member, lone)
    yield made(*two, lone)
    asked = asked._replace(key=public("a new member"))
    book.keys[id] = public("a new member")
    yield made(*two, id)
    asked = asked._replace(facts=facts._replace(sector=None))
    yield made(*two, id)
    asked = asked._replace(facts=facts._replace(sector=None, beneficiary=MemberId(member)))
    yield made(*two, id)
    asked = asked._replace(class_="personal")
    yield made(*two, id)


def account_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A further account: the member first, then its class."""
    (member,) = book.members(1)
    two = book.administrators[:2]
    yield book.verified("open_account", OpenAccount(MemberId(book.id()), "industrial"), *two)
    yield book.verified("open_account", OpenAccount(MemberId(member), "industrial"), *two)
    yield book.verified("open_account", OpenAccount(MemberId(member), "personal"), *two)


def facts_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """New facts of a member."""
    (member,) = book.members(1)
    two = book.administrators[:2]
    wrong = BUSINESS._replace(kind="person", sector="nace2.1/10.71")
    since = book.size - 1
    yield book.verified("set_facts", SetFacts(MemberId(book.id()), wrong, 99, FREE_TEXT), *two)
    yield book.verified("set_facts", SetFacts(MemberId(member), wrong, 99, FREE_TEXT), *two)
    yield book.verified("set_facts", SetFacts(MemberId(member), wrong, since, FREE_TEXT), *two)
    yield book.verified("set_facts", SetFacts(MemberId(member), BUSINESS, since, FREE_TEXT), *two)


def limits_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """Limits, in a ledger where every unit is a euro at the bank."""
    book = Book(backing="full", policies=(("limits", '{"commercial":[0,50000]}'),))
    (account,) = book.members(1)
    close(book, account)
    two = book.administrators[:2]
    since = book.account(account).limits_since
    yield book.put(book.verified("set_limits", SetLimits(book.common["fees"], -1, 1, 99, FREE_TEXT), *two))  # type: ignore[misc]
    for asked in (
        SetLimits(account, -1, 1, 99, FREE_TEXT),
        SetLimits(account, -1, 1, since, FREE_TEXT),
        SetLimits(account, 0, 1, since, FREE_TEXT),
    ):
        outcome = book.put(book.verified("set_limits", asked, *two))
        assert isinstance(outcome, Refusal)
        yield outcome


def policy_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A policy: first that nobody was faster, then what it says."""
    two = book.administrators[:2]
    yield book.verified("set_policy", SetPolicy("limits", "[]", 7), *two)
    yield book.verified("set_policy", SetPolicy("limits", "[]", 0), *two)
    yield book.verified("set_policy", SetPolicy("limits", '{"commercial":[0,1]}', 0), *two)


def genesis_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A genesis: on top of another; against itself; with a key twice; with a policy nobody knows."""
    asked = book.genesis(operator=book.keys[book.clerk], rules=2, policies=(("alms", "1"),))
    yield book.verified("genesis", asked, *book.founders, id=book.id())
    empty = Book(opened=False)
    asked = empty.genesis(operator=empty.keys[empty.clerk], rules=2, policies=(("alms", "1"),))
    for step in (asked, asked := asked._replace(rules=1), asked._replace(operator=public("another operator"))):
        outcome = empty.put(empty.verified("genesis", step, *book.founders))
        assert isinstance(outcome, Refusal)
        yield outcome


def cancel_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A cancel: by one holder alone, and of what is not in the log."""
    one, other = book.members(2)
    yield book.verified("cancel", Cancel(InstructionId(one)), one, other)
    yield book.verified("cancel", Cancel(InstructionId(one)), one)
    yield book.verified("cancel", Cancel(InstructionId(book.clerk)), one)
    yield book.verified("cancel", Cancel(book.id()), one)


def custody_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A member without a key of its own: its custodian signs, and is one."""
    (member,) = book.members(1)
    two, id = book.administrators[:2], book.id()
    custodian = book.registered("custodian", "custodian")
    nobody = BUSINESS._replace(beneficiary=MemberId(book.id()))
    asked = Admit("commercial", nobody, custodian=HolderId(member))
    yield book.verified("admit", asked, *two, id=id)
    yield book.verified("admit", asked, *two, member, id=id)
    yield book.verified("admit", asked._replace(custodian=custodian), *two, custodian, id=id)
    yield book.verified("admit", asked._replace(custodian=custodian, facts=BUSINESS), *two, custodian, id=id)


def key_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """Keys of one's own: who signs, whose they are, which end which, which are new."""
    (member,) = book.members(1)
    holder, new = HolderId(member), public("a new key")
    young = Signer(holder, public("a till's"))
    book.enter("add_key", AddKey(holder, young.public), member, young)
    rotate = RotateKey(holder, public("never registered"), new)
    lone = Signer(holder, new)
    yield book.verified("add_key", AddKey(holder, new), member)
    yield book.verified("add_key", AddKey(holder, new), lone)
    yield book.verified("revoke_key", RevokeKey(book.clerk, public("clerk")), book.clerk)
    yield book.verified("rotate_key", rotate, young, lone)
    yield book.verified("rotate_key", rotate._replace(old=public("member 0")), young, lone)
    yield book.verified("rotate_key", RotateKey(holder, public("member 0"), young.public), member, young)
    for n in range(KEYS_MOST - 2):
        assert isinstance(book.enter("add_key", AddKey(holder, public(f"key {n}")), member,
                                     Signer(holder, public(f"key {n}"))), int)  # fmt: skip
    yield book.verified("add_key", AddKey(holder, new), member, lone)


def recovery_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A recovery: administrators and the new key, for a holder that exists and has none under way."""
    (member,) = book.members(1)
    two, holder, new = book.administrators[:2], HolderId(member), public("a new key")
    nobody, used = HolderId(book.id()), public("member 0")
    asked = Recover(holder, new, FREE_TEXT)
    yield book.verified("recover", asked, two[0], Signer(holder, new))
    yield book.verified("recover", asked, *two)
    yield book.verified("recover", asked._replace(holder=book.clerk), *two, Signer(book.clerk, new))
    yield book.verified("recover", asked._replace(holder=nobody), *two, Signer(nobody, new))
    id = book.id()
    assert isinstance(book.administer("recover", asked, Signer(holder, new), id=id), int)
    yield book.verified("recover", asked._replace(key=used), *two, Signer(holder, used))
    assert isinstance(book.enter("veto", Veto(id, holder), member), int)
    yield book.verified("recover", asked._replace(key=used), *two, Signer(holder, used))


def completion_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A completion: of the recovery that is under way, in its time."""
    (member,) = book.members(1)
    holder, lone = HolderId(member), Signer(HolderId(member), public("a new key"))
    id = book.id()
    assert isinstance(book.administer("recover", Recover(holder, lone.public, FREE_TEXT), lone, id=id), int)
    yield book.verified("complete_recovery", CompleteRecovery(book.id(), holder, lone.public), lone)
    yield book.verified("complete_recovery", CompleteRecovery(id, holder, lone.public), lone)
    book.time += WAIT_S
    yield book.verified("complete_recovery", CompleteRecovery(id, holder, lone.public), lone)


def veto_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A veto by a barred key: of what is under way, and once."""
    (member,) = book.members(1)
    holder, lone = HolderId(member), Signer(HolderId(member), public("a new key"))
    id = book.id()
    book.administer("force_revoke_key", ForceRevokeKey(holder, public("member 0"), FREE_TEXT))
    assert isinstance(book.administer("recover", Recover(holder, lone.public, FREE_TEXT), lone, id=id), int)
    yield book.verified("veto", Veto(book.id(), holder), member)
    assert isinstance(book.enter("veto", Veto(id, holder), member), int)
    yield book.verified("veto", Veto(id, holder), member)


def grant_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A grant: the member signs, the holder exists, nobody was faster, the grant means something."""
    member, other = book.members(2)
    delegate = book.registered("delegate", "delegate")
    asked = GiveGrant(member, HolderId(book.id()), ("transfer", "read"), until=book.time, was=7)
    yield book.verified("give_grant", asked, other)
    yield book.verified("give_grant", asked, member)
    asked = asked._replace(holder=delegate)
    yield book.verified("give_grant", asked, member)
    asked = asked._replace(was=None)
    yield book.verified("give_grant", asked, member)
    asked = asked._replace(kinds=("read", "transfer"))
    yield book.verified("give_grant", asked, member)
    yield book.verified("give_grant", asked._replace(until=None), member)


def delegate_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A payment by a delegate: its grant, a recovery of the member, the grant's bounds; then as any other payment."""
    payer, payee = book.members(2)
    delegate = book.registered("delegate", "delegate")
    asked = Transfer(payer, AccountId(book.id()), 900)
    yield book.verified("transfer", asked, delegate)
    book.enter("give_grant", GiveGrant(payer, delegate, ("transfer",), payment=500), payer)
    yield book.verified("transfer", asked, delegate, payee)
    holder, lone, id = HolderId(payer), Signer(HolderId(payer), public("a new key")), book.id()
    book.administer("recover", Recover(holder, lone.public, FREE_TEXT), lone, id=id)
    yield book.verified("transfer", asked, delegate)
    book.enter("veto", Veto(id, holder), payer)
    yield book.verified("transfer", asked, delegate)
    yield book.verified("transfer", asked._replace(amount=500), delegate)
    yield book.verified("transfer", asked._replace(amount=500, payee=payee), delegate)


def administrators_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """New administrators: signed by the old, the new and the new keys; nobody was faster; they can govern."""
    one, two, three = book.administrators
    fourth = book.holder("administrator 3")
    book.keys[fourth] = public("clerk")
    named = (KeyHolder(fourth, public("clerk")),)
    asked = SetAdministrators((one, two, fourth), (("any", Quorum("administrators", 3)),), 9, named)
    yield book.verified("set_administrators", asked, one, three)
    yield book.verified("set_administrators", asked, one, two, three)
    yield book.verified("set_administrators", asked, one, two, fourth)
    book.keys[fourth] = public("administrator 3")
    asked = asked._replace(new=(KeyHolder(fourth, public("administrator 3")),))
    yield book.verified("set_administrators", asked, one, two, fourth)
    asked = asked._replace(was=0)
    yield book.verified("set_administrators", asked, one, two, fourth)
    asked = asked._replace(authority=(("any", Quorum("administrators", 2)),))
    yield book.verified("set_administrators", asked, one, two, fourth)


def clerk_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """A new key of the clerk's."""
    two, new, used = book.administrators[:2], public("a new key"), public("operator")
    nobody = HolderId(book.id())
    asked = SetClerk(KeyHolder(nobody, new), 9)
    yield book.verified("set_clerk", asked, *two)
    yield book.verified("set_clerk", asked, *two, Signer(nobody, new))
    asked = asked._replace(clerk=KeyHolder(book.clerk, used))
    yield book.verified("set_clerk", asked, *two, Signer(book.clerk, used))
    asked = asked._replace(clerk=KeyHolder(book.clerk, new))
    yield book.verified("set_clerk", asked, *two, Signer(book.clerk, new))
    yield book.verified("set_clerk", asked._replace(was=0), *two, Signer(book.clerk, new))


def erasure_ladder(book: Book) -> Iterator[Verified | Refusal]:
    """An erasure: who signs, the auditor, the policy, then for each entry that it is the one, is there, may go, is old
    enough."""
    payer, payee = book.members(2)
    two, auditor, delegate = (
        book.administrators[:2],
        book.registered("one", "auditor"),
        book.registered("d", "delegate"),
    )
    old, gone = (book.verified("transfer", Transfer(payer, payee, n), payer) for n in (1, 2))
    asked = Erase(delegate, (Target(book.size, old.id, bytes(32)),), FREE_TEXT)
    assert isinstance(book.put(old), int)
    yield book.verified("erase", asked, *two)
    yield book.verified("erase", asked, two[0], delegate)
    yield book.verified("erase", asked, *two, auditor, delegate)
    yield book.verified("erase", asked, *two, delegate)
    asked = asked._replace(auditor=auditor)
    yield book.verified("erase", asked, *two, auditor)
    _, (erased,) = book.aged(gone)
    since = book.time - YEAR
    book.administer("erase", Erase(auditor, (erased,), FREE_TEXT), auditor)
    (target,) = asked.entries
    true, genesis = target._replace(text_hash=old.text_hash), book.state.row(LOGGED, book.genesis_id)
    kept = Target(0, book.genesis_id, genesis.text_hash)
    book.time = since - 1
    for targets in ((target, erased), (erased, kept), (kept, true), (true,)):
        yield book.verified("erase", asked._replace(entries=targets), *two, auditor)
    book.time = since + YEAR
    yield book.verified("erase", asked._replace(entries=(true,)), *two, auditor)


# The reasons that each ladder meets, and whether it ends accepted.
LADDERS: tuple[tuple[Ladder, tuple[str, ...], bool], ...] = (
    (octets_ladder, ("malformed", "signature_invalid"), False),
    (transfer_ladder,
     ("id_used", "cancelled", "not_yet_valid", "expired", "anchor_ahead", "anchor_wrong", "key_dead", "account_unknown",
      "signature_without_role", "same_account", "payee_unknown", "once_used", "account_suspended", "credit_exceeded",
      "payee_cannot_receive"), True),
    (closed_ladder, ("account_closed", "account_closed"), False),
    (admission_ladder,
     ("signatures_missing", "signatures_missing", "signature_without_role", "key_used", "facts_invalid",
      "facts_invalid", "class_unknown"), True),
    (custody_ladder, ("signatures_missing", "custodian_unknown", "facts_invalid"), True),
    (key_ladder, ("signatures_missing", "signatures_missing", "clerk_key", "key_unknown", "key_too_young", "key_used",
                  "keys_too_many"), False),
    (recovery_ladder, ("signatures_missing", "signatures_missing", "clerk_key", "holder_unknown", "recovery_pending",
                       "key_used"), False),
    (completion_ladder, ("recovery_unknown", "recovery_early"), True),
    (veto_ladder, ("recovery_unknown", "veto_spent"), False),
    (grant_ladder, ("account_unknown", "holder_unknown", "superseded", "grant_invalid", "grant_invalid"), True),
    (delegate_ladder, ("account_unknown", "signature_without_role", "payments_stopped", "grant_exceeded",
                       "payee_unknown"), True),
    (administrators_ladder,
     ("signatures_missing", "signatures_missing", "key_used", "superseded", "administrators_invalid"), True),
    (clerk_ladder, ("signatures_missing", "holder_unknown", "key_used", "superseded"), True),
    (account_ladder, ("member_unknown", "class_unknown"), True),
    (facts_ladder, ("member_unknown", "superseded", "facts_invalid"), True),
    (limits_ladder, ("member_account_unknown", "superseded", "limits_invalid", "account_closed"), False),
    (policy_ladder, ("superseded", "policy_invalid"), True),
    (genesis_ladder, ("ledger_open", "genesis_invalid", "key_used", "policy_invalid"), False),
    (erasure_ladder,
     ("signatures_missing", "signatures_missing", "signature_without_role", "auditor_unknown", "retention_unset",
      "entry_unknown", "entry_erased", "entry_kept", "entry_young"), True),
    (cancel_ladder, ("signature_without_role", "already_logged", "already_logged"), True),
)  # fmt: skip


@pytest.mark.parametrize(("ladder", "reasons", "accepted"), LADDERS, ids=lambda part: getattr(part, "__name__", ""))
def test_each_check_comes_before_the_next(ladder: Ladder, reasons: tuple[str, ...], accepted: bool) -> None:
    book = Book()
    outcomes = [step if isinstance(step, Refusal) else book.put(step) for step in ladder(book)]
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)]
    assert tuple(refused) == reasons
    assert (len(outcomes) > len(refused)) == accepted
    places = [ORDER.index(reason) for reason in refused]
    assert places == sorted(places), "the order of the checks is the order of the table"


def test_every_reason_is_reached() -> None:
    reached = {reason for _, reasons, _ in LADDERS for reason in reasons}
    assert reached == set(ORDER)


def test_the_table_is_in_order_of_the_checks() -> None:
    checks = [reason.check for reason in REASONS]
    assert checks == sorted(checks)
    assert set(checks) == {1, 2, 3, 4, 5, 6, 7, 8}
    assert len(set(ORDER)) == len(ORDER)


def test_every_reason_says_what_is_wrong_and_what_would_help() -> None:
    for name, check, message, remedy in REASONS:
        assert message.endswith(".") and remedy.endswith("."), name
        refusal = Refusal(name)
        assert (refusal.check, refusal.message, refusal.remedy) == (check, message, remedy)


def test_a_reason_without_a_row_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Refused("because")


def test_of_a_bulk_the_first_leg_that_is_refused_says_why() -> None:
    book = Book()
    payer, payee = book.members(2)
    book.enter("transfer", Transfer(payer, payee, 1, once="a"), payer)
    legs = (Leg(payee, 1), Leg(payee, 1, once="a"), Leg(payer, 1))
    outcome = book.enter("transfer_many", TransferMany(payer, Legs(3, FREE_TEXT, legs)), payer)
    assert isinstance(outcome, Refusal) and (outcome.reason, outcome.details["leg"]) == ("once_used", 1)


def test_every_refusal_left_the_state_as_it_was() -> None:
    """Decide changes nothing: no row, no note of what stood before."""
    for ladder, _, _ in LADDERS:
        book = Book()
        for step in ladder(book):
            if isinstance(step, Refusal):
                continue
            rows = {noun: dict(found) for noun, found in book.state.rows.items()}
            book.decide(step)
            assert rows == book.state.rows
            book.put(step)


def test_an_operators_key_is_registered_for_ever() -> None:
    book = Book()
    outcome = book.put(book.admission("operator"))
    assert isinstance(outcome, Refusal) and outcome.reason == "key_used"
    assert book.state.row(KEYS, public("operator")).holder is None
