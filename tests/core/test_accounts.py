"""Accounts: the guards that follow the limits one entry later, and the closed list of events that touch an account."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core import machine
from ledger.core.accounts import ACCOUNTS, AccountOpened, LimitsSet, Moved, StatusSet
from ledger.core.cancels import Cancel
from ledger.core.erasures import Erase
from ledger.core.machine import EVENTS, NOUNS, evolve
from ledger.core.members import OpenAccount, SetFacts, SetLimits, Suspend
from ledger.core.refusals import Refusal
from ledger.core.state import State
from ledger.core.transfers import Transfer
from ledger.core.words import At, InstructionId, MemberId, MovementId
from tests.core.book import BUSINESS, FREE_TEXT, Book
from tests.core.keyed import lived_with_keys

# Whatever else happens, an account changes by these events alone.
CLOSED_LIST = {AccountOpened, Moved, LimitsSet, StatusSet}


class WatchedState(State):
    """A state that notes which nouns are put."""

    __slots__ = ("put_nouns",)

    def __init__(self, rows: dict[Any, Any]):
        super().__init__(NOUNS)
        self.rows = {noun: dict(found) for noun, found in rows.items()}
        self.put_nouns: set[str] = set()

    def get(self, noun: Any, key: Any) -> Any:
        return self.rows[noun].get(key)

    def put(self, noun: Any, row: Any) -> None:
        self.put_nouns.add(noun.name)
        super().put(noun, row)


def eventful_book() -> Book:
    """A ledger in which every kind of event has happened."""
    book = Book()
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 10, once="a"), forn)
    book.administer("open_account", OpenAccount(MemberId(forn), "personal"))
    book.administer("suspend", Suspend(forn, book.account(forn).status_since, FREE_TEXT))
    book.administer("set_facts", SetFacts(MemberId(granja), BUSINESS._replace(sse=False), 2, FREE_TEXT))
    book.enter("cancel", Cancel(book.id()), granja)
    book.limit(granja, 0, 1)
    lived_with_keys(book)
    auditor, targets = book.aged(book.verified("transfer", Transfer(granja, forn, 1), granja))
    book.administer("erase", Erase(auditor, tuple(targets), FREE_TEXT), auditor)
    return book


def test_only_the_closed_list_touches_accounts() -> None:
    book = eventful_book()
    happened: set[type] = set()
    replayed = WatchedState({noun: {} for noun in NOUNS})
    for at, events in book.events:
        for event in events:
            happened.add(type(event))
            before, replayed.put_nouns = dict(replayed.rows[ACCOUNTS]), set()
            evolve(replayed, event, at)
            touched = "account" in replayed.put_nouns or before != replayed.rows[ACCOUNTS]
            assert touched == (type(event) in CLOSED_LIST), event
    assert happened == {event for event, _ in EVENTS}, "an event of a new feature belongs into this test"


def test_a_further_account_stands_apart() -> None:
    book = eventful_book()
    accounts = [row for row in book.state.rows[ACCOUNTS].values() if row.class_ == "personal"]
    assert [(a.floor, a.ceiling, a.balance, a.status) for a in accounts] == [(-1000, 2000, 0, "open")]
    assert accounts[0].id != accounts[0].member


def test_common_accounts_have_no_ceiling_and_losses_have_their_cap() -> None:
    book = Book()
    fees, losses = (book.account(book.common[word]) for word in ("fees", "losses"))
    assert (fees.floor, losses.floor) == (0, -1_000_000)
    assert fees.ceiling == losses.ceiling == 2**53 - 1


def test_a_limit_lowered_under_a_balance_leaves_only_the_way_back() -> None:
    book = Book()
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 40_000), forn)
    book.limit(forn, -10_000, 50_000)
    account = book.account(forn)
    assert (account.floor, account.lowest, account.available) == (-10_000, -40_000, -30_000)
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 1), forn), Refusal)
    book.enter("transfer", Transfer(granja, forn, 15_000), granja)
    assert book.account(forn).lowest == -40_000, "one entry later"
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 1), forn), Refusal)
    book.enter("transfer", Transfer(granja, forn, 20_000), granja)
    assert book.account(forn).lowest == -25_000
    book.enter("transfer", Transfer(forn, granja, 1), forn)
    assert (book.account(forn).lowest, book.account(forn).balance) == (-10_000, -5_001)


def test_a_ceiling_lowered_under_a_balance_likewise() -> None:
    book = Book()
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 40_000), forn)
    book.limit(granja, 0, 10_000)
    assert book.account(granja).highest == 40_000
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 1), forn), Refusal)
    assert isinstance(book.enter("transfer", Transfer(granja, forn, 35_000), granja), int)
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 5_001), forn), Refusal)
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 5_000), forn), int)
    assert book.account(granja).highest == 10_000


Step = st.one_of(
    st.tuples(st.just("pay"), st.integers(1, 60)),
    st.tuples(st.just("earn"), st.integers(1, 60)),
    st.tuples(st.just("limits"), st.integers(-50, 0), st.integers(0, 50)),
)


@given(st.lists(Step, max_size=25))
def test_the_guards_never_refuse_what_the_rules_allow(steps: list[tuple[Any, ...]]) -> None:
    """The CHECKs of the database hold after every accepted instruction, and the guards are limits once more when
    the account is within them and has moved again."""
    book = Book(policies=(("limits", '{"commercial":[-50,50]}'),))
    forn, granja = book.members(2)
    for step in steps:
        if step[0] == "limits":
            book.limit(forn, step[1], step[2])
        else:
            payer, payee = (forn, granja) if step[0] == "pay" else (granja, forn)
            book.enter("transfer", Transfer(payer, payee, step[1]), payer)
        for account in (book.account(forn), book.account(granja)):
            assert account.lowest <= account.floor and account.highest >= account.ceiling
            assert account.lowest <= account.balance - account.held and account.balance <= account.highest


@pytest.mark.parametrize("change", [LimitsSet, StatusSet])
def test_evolve_meets_a_missing_account_as_damage(change: type) -> None:
    """Replay of a damaged log stops; it does not make an account up."""
    book = Book()
    event = LimitsSet(book.id(), 0, 0) if change is LimitsSet else StatusSet(book.id(), "open")  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        evolve(book.state, event, At(1, book.time, book.id()))


def test_a_movement_between_unknown_accounts_is_damage() -> None:
    book = Book()
    (forn,) = book.members(1)
    event = Moved(MovementId(InstructionId(book.id()), 0), forn, book.id(), 5, "trade")  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        evolve(book.state, event, At(2, book.time, book.id()))
    assert book.account(forn).balance == 0, "all that is read is read before anything is put"


def test_limits_name_who_was_faster() -> None:
    book = Book()
    (forn,) = book.members(1)
    since = book.account(forn).limits_since
    book.limit(forn, -1, 1)
    outcome = book.administer("set_limits", SetLimits(forn, -2, 2, since, FREE_TEXT))
    assert outcome == Refusal("superseded", {"was": since, "stands": since + 1})


def test_every_kind_and_event_has_its_place_in_the_tables() -> None:
    assert len(machine.BY_KIND) == len(machine.KINDS)
    assert len(machine.EVENT_FORMS) == len(machine.EVENTS)
    named = {"ledger_opened", "policy_set", "key_added", "moved", "grant_used", "operator_set", "recovery_completed"}
    assert named <= set(machine.EVENT_FORMS), "an event is its class in snake case"


def test_what_is_held_is_not_available() -> None:
    """Holds come later; the rule that counts them stands already."""
    book = Book()
    forn, granja = book.members(2)
    book.state.put(ACCOUNTS, book.account(forn)._replace(held=20_000))
    assert book.account(forn).available == 30_000
    outcome = book.enter("transfer", Transfer(forn, granja, 30_001), forn)
    assert isinstance(outcome, Refusal)
    assert (outcome.details["held"], outcome.details["short_by"]) == (20_000, 1)
    assert isinstance(book.enter("transfer", Transfer(forn, granja, 30_000), forn), int)


def test_a_closed_account_receives_nothing() -> None:
    book = Book()
    forn, granja = book.members(2)
    evolve(book.state, StatusSet(granja, "closed"), At(book.size, book.time, book.id()))
    outcome = book.enter("transfer", Transfer(forn, granja, 1), forn)
    assert outcome == Refusal("payee_cannot_receive", {"payee": granja.hex()})


def test_the_guards_close_between_entries_and_not_within_one() -> None:
    """What an entry does on the way to its net is nobody's business: an account beyond its floor may earn and pay."""
    book = Book()
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 40_000), forn)
    book.limit(forn, -10_000, 50_000)
    at = At(book.size, book.time, book.id())
    evolve(book.state, Moved(MovementId(at.id, 0), granja, forn, 35_000, "trade"), at)
    evolve(book.state, Moved(MovementId(at.id, 1), forn, granja, 25_000, "trade"), at)
    assert (book.account(forn).balance, book.account(forn).lowest) == (-30_000, -40_000)
