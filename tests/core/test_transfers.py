"""Transfers, bulks and `once`, decided and evolved in memory."""

import pytest

from ledger.core.accounts import MOVEMENTS, Moved, check
from ledger.core.machine import Repeat
from ledger.core.members import SetLimits, Suspend
from ledger.core.refusals import Refusal, Refused
from ledger.core.transfers import ONCE, Leg, OnceUsed, Transfer, TransferMany
from ledger.core.words import AccountId, InstructionId, Legs, MovementId
from tests.core.book import FREE_TEXT, Book


def bulk(payer: AccountId, *legs: Leg) -> TransferMany:
    """A bulk with these legs; its root is nothing to the core."""
    return TransferMany(payer, Legs(len(legs), FREE_TEXT, legs))


def reason(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_transfer_moves_its_amount(book: Book) -> None:
    forn, granja = book.members(2)
    index = book.enter("transfer", Transfer(forn, granja, 3430, purpose="SUPP"), forn)
    assert (book.account(forn).balance, book.account(granja).balance) == (-3430, 3430)
    at, events = book.events[-1]
    assert events == [Moved(MovementId(at.id, 0), forn, granja, 3430, "trade", "SUPP")]
    movement = book.state.row(MOVEMENTS, (at.id, 0))
    assert (movement.log_index, movement.payer_balance, movement.payee_balance) == (index, -3430, 3430)
    assert (movement.time, movement.kind, movement.purpose) == (book.time, "trade", "SUPP")


def test_an_account_remembers_since_when_it_is_below_zero(book: Book) -> None:
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 10), forn)
    since, book.time = book.time, book.time + 60
    book.enter("transfer", Transfer(forn, granja, 10), forn)
    assert book.account(forn).negative_since == since
    assert book.account(granja).negative_since is None
    book.enter("transfer", Transfer(granja, forn, 20), granja)
    assert book.account(forn).negative_since is None


def test_the_limits_are_reached_exactly(book: Book) -> None:
    forn, granja = book.members(2)
    assert reason(book.enter("transfer", Transfer(forn, granja, 50_001), forn)) == "credit_exceeded"
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 50_000), forn), int)
    third = book.member("third")
    assert reason(book.enter("transfer", Transfer(third, granja, 1), third)) == "payee_cannot_receive"


def test_credit_exceeded_explains_the_payers_figures_alone(book: Book) -> None:
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 100), forn)
    refused = book.enter("transfer", Transfer(forn, granja, 50_000), forn)
    assert isinstance(refused, Refusal)
    assert refused.details == {
        "account": forn.hex(), "amount": 50_000, "available": 49_900, "balance": -100, "held": 0, "floor": -50_000,
        "short_by": 100,
    }  # fmt: skip


def test_the_payees_room_is_nobodys_business(book: Book) -> None:
    forn, granja = book.members(2)
    book.limit(granja, 0, 100)
    refused = book.enter("transfer", Transfer(forn, granja, 101), forn)
    assert refused == Refusal("payee_cannot_receive", {"payee": granja.hex()})


def test_nobody_pays_from_a_strangers_account_or_a_common_one(book: Book) -> None:
    forn, granja = book.members(2)
    for payer in (granja, book.common["fees"], AccountId(book.id())):
        assert reason(book.enter("transfer", Transfer(payer, forn, 1), forn)) == "account_unknown"


def test_unknown_and_common_payees_are_one_reason(book: Book) -> None:
    (forn,) = book.members(1)
    for payee in (book.common["fees"], AccountId(book.id())):
        refused = book.enter("transfer", Transfer(forn, payee, 1), forn)
        assert refused == Refusal("payee_unknown", {"payee": payee.hex()})


def test_a_suspended_account_receives(book: Book) -> None:
    forn, granja = book.members(2)
    book.administer("suspend", Suspend(granja, book.account(granja).status_since, FREE_TEXT))
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 5), forn), int)
    assert reason(book.enter("transfer", Transfer(granja, forn, 5), granja)) == "account_suspended"


def test_the_same_text_again_is_the_same_entry(book: Book) -> None:
    forn, granja = book.members(2)
    once = book.verified("transfer", Transfer(forn, granja, 5), forn)
    index = book.put(once)
    assert isinstance(index, int)
    assert book.put(once) == Repeat(index)
    book.time = once.not_after + 1
    assert book.put(once) == Repeat(index), "also when it would be too late for a new one"
    assert book.account(granja).balance == 5


def test_the_same_id_over_another_text_is_refused(book: Book) -> None:
    forn, granja = book.members(2)
    id = book.id()
    book.enter("transfer", Transfer(forn, granja, 5), forn, id=id)
    assert reason(book.enter("transfer", Transfer(forn, granja, 6), forn, id=id)) == "id_used"
    assert reason(book.enter("transfer", Transfer(forn, granja, 6), forn, id=InstructionId(book.clerk))) == "id_used"


@pytest.mark.parametrize(("before", "accepted"), [(0, True), (86_400, True), (86_401, False), (-1, False)])
def test_a_member_has_a_day(book: Book, before: int, accepted: bool) -> None:
    forn, granja = book.members(2)
    outcome = book.enter("transfer", Transfer(forn, granja, 5), forn, not_after=book.time + before)
    assert isinstance(outcome, int) == accepted


@pytest.mark.parametrize(("before", "accepted"), [(0, True), (2_678_400, True), (2_678_401, False), (-1, False)])
def test_administrators_have_a_month(book: Book, before: int, accepted: bool) -> None:
    (forn,) = book.members(1)
    asked = SetLimits(forn, 0, 0, book.account(forn).limits_since, FREE_TEXT)
    assert isinstance(book.administer("set_limits", asked, not_after=book.time + before), int) == accepted


# --- bulk


def test_a_bulk_pays_each_leg(book: Book) -> None:
    forn, granja, anna = book.members(3)
    book.enter("transfer_many", bulk(forn, Leg(granja, 10), Leg(anna, 20, "SALA"), Leg(granja, 10)), forn)
    assert [book.account(a).balance for a in (forn, granja, anna)] == [-40, 20, 20]
    at, events = book.events[-1]
    assert [event.id for event in events] == [(at.id, 0), (at.id, 1), (at.id, 2)]
    assert book.state.row(MOVEMENTS, (at.id, 2)).payer_balance == -40


def test_a_bulk_is_all_or_nothing(book: Book) -> None:
    forn, granja, anna = book.members(3)
    outcome = book.enter("transfer_many", bulk(forn, Leg(granja, 30_000), Leg(anna, 20_001)), forn)
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.details["amount"]) == ("credit_exceeded", 50_001)
    assert [book.account(a).balance for a in (forn, granja, anna)] == [0, 0, 0]


def test_a_bulks_limits_are_compared_once_on_the_net(book: Book) -> None:
    forn, granja = book.members(2)
    book.limit(granja, 0, 15)
    assert (
        reason(book.enter("transfer_many", bulk(forn, Leg(granja, 10), Leg(granja, 6)), forn)) == "payee_cannot_receive"
    )
    assert isinstance(book.enter("transfer_many", bulk(forn, Leg(granja, 10), Leg(granja, 5)), forn), int)


def test_a_leg_to_oneself_or_to_nobody_is_named(book: Book) -> None:
    forn, granja = book.members(2)
    outcome = book.enter("transfer_many", bulk(forn, Leg(granja, 1), Leg(forn, 1)), forn)
    assert outcome == Refusal("same_account", {"leg": 1})
    nobody = AccountId(book.id())
    outcome = book.enter("transfer_many", bulk(forn, Leg(granja, 1), Leg(nobody, 1)), forn)
    assert outcome == Refusal("payee_unknown", {"payee": nobody.hex(), "leg": 1})


# --- once


def test_once_is_once_for_ever(book: Book) -> None:
    forn, granja = book.members(2)
    first = book.id()
    index = book.enter("transfer", Transfer(forn, granja, 5, once="invoice 7"), forn, id=first)
    assert book.events[-1][1][1] == OnceUsed(forn, "invoice 7")
    outcome = book.enter("transfer", Transfer(forn, granja, 5, once="invoice 7"), forn)
    assert outcome == Refusal("once_used", {"once": "invoice 7", "first": first.hex(), "log_index": index})
    assert book.state.row(ONCE, (forn, "invoice 7")).id == first


def test_once_is_the_payers_own(book: Book) -> None:
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 5, once="invoice 7"), forn)
    assert isinstance(book.enter("transfer", Transfer(granja, forn, 5, once="invoice 7"), granja), int)


def test_once_within_one_bulk(book: Book) -> None:
    forn, granja = book.members(2)
    outcome = book.enter("transfer_many", bulk(forn, Leg(granja, 1, once="a"), Leg(granja, 2, once="a")), forn)
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.details["leg"]) == ("once_used", 1)
    book.enter("transfer_many", bulk(forn, Leg(granja, 1, once="a"), Leg(granja, 2, once="b")), forn)
    names = [type(event).__name__ for event in book.events[-1][1]]
    assert names == ["Moved", "OnceUsed", "Moved", "OnceUsed"], "each leg's movement, then its word"
    assert reason(book.enter("transfer", Transfer(forn, granja, 2, once="b"), forn)) == "once_used"


def test_a_refused_payment_uses_no_word(book: Book) -> None:
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 90_000, once="a"), forn)
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 1, once="a"), forn), int)


# --- limits on the net of an instruction


def test_a_circle_of_members_without_credit_settles(book: Book) -> None:
    a, b, c = book.members(3)
    for account in (a, b, c):
        book.limit(account, 0, 0)
    check(book.state, [(a, b, 10), (b, c, 10), (c, a, 10)])
    with pytest.raises(Refused):
        check(book.state, [(a, b, 10), (b, c, 10), (c, a, 9)])


def test_own_limits_come_before_the_other_sides(book: Book) -> None:
    forn, granja = book.members(2)
    book.limit(granja, 0, 0)
    assert reason(book.enter("transfer", Transfer(forn, granja, 50_001), forn)) == "credit_exceeded"
    assert reason(book.enter("transfer", Transfer(forn, granja, 50_000), forn)) == "payee_cannot_receive"
