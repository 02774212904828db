"""Admission, facts, limits, status, policies and the genesis: what each kind writes, and who may sign it."""

from typing import Any

import pytest

from ledger.core.accounts import ACCOUNTS, AccountOpened, LimitsSet, StatusSet
from ledger.core.cancels import CANCELLED, Cancel, Cancelled
from ledger.core.keys import KEYS, NAMED, KeyAdded, Signer
from ledger.core.ledgers import LEDGER, POLICIES, KeyHolder, PolicySet, Quorum, SetPolicy, Territory
from ledger.core.machine import evolve
from ledger.core.members import MEMBERS, FactsSet, MemberAdmitted, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.refusals import Refusal
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, At, HolderId, InstructionId, MemberId
from tests.core.book import BUSINESS, FREE_TEXT, Book, public


def reason(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


@pytest.fixture
def book() -> Book:
    return Book()


def test_admission_makes_the_member_its_key_and_its_first_account(book: Book) -> None:
    facts = BUSINESS._replace(sector="nace2.1/10.71")
    id = book.member("Forn", facts=facts, profile=FREE_TEXT, class_="personal")
    _, events = book.events[-1]
    assert events == [
        MemberAdmitted(MemberId(id), facts, FREE_TEXT),
        KeyAdded(HolderId(id), public("Forn")),
        AccountOpened(id, "member", -1000, 2000, MemberId(id), "personal"),
    ]
    assert book.state.row(MEMBERS, MemberId(id)).sector == "nace2.1/10.71"
    assert book.state.row(KEYS, public("Forn")).since == book.size - 1


def test_a_key_counts_from_the_next_entry_on(book: Book) -> None:
    forn = book.member("Forn")
    other = book.member("Granja")
    assert isinstance(book.enter("transfer", Transfer(forn, other, 1), forn), int)
    wrong_holder = Signer(HolderId(other), public("Forn"))
    assert reason(book.enter("transfer", Transfer(other, forn, 1), wrong_holder)) == "key_dead"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "person", "sector": "nace2.1/10.71"}, "sector"),
        ({"beneficiary": MemberId(b"\x00" * 16)}, "beneficiary"),
    ],
)
def test_facts_that_contradict_each_other(book: Book, change: dict[str, Any], what: str) -> None:
    outcome = book.put(book.admission("Forn", facts=BUSINESS._replace(**change)))
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "facts_invalid" and outcome.details["what"].startswith(what)


def test_new_facts_replace_all_and_keep_the_day_of_admission(book: Book) -> None:
    forn = MemberId(book.member("Forn"))
    admitted = book.size - 1
    facts = BUSINESS._replace(inside=False, place="FR/66136")
    index = book.administer("set_facts", SetFacts(forn, facts, admitted, FREE_TEXT, profile=FREE_TEXT))
    assert book.events[-1][1] == [FactsSet(forn, facts, FREE_TEXT)]
    member = book.state.row(MEMBERS, forn)
    assert (member.inside, member.place, member.facts_since, member.admitted) == (0, "FR/66136", index, admitted)


def test_limits_and_status_name_what_they_change(book: Book) -> None:
    forn = book.member("Forn")
    since = book.size - 1
    book.administer("set_limits", SetLimits(forn, -7, 9, since, FREE_TEXT))
    assert book.events[-1][1] == [LimitsSet(forn, -7, 9)]
    book.administer("suspend", Suspend(forn, since, FREE_TEXT))
    assert book.events[-1][1] == [StatusSet(forn, "suspended")]
    assert reason(book.administer("reinstate", Reinstate(forn, since, FREE_TEXT))) == "superseded"
    book.administer("reinstate", Reinstate(forn, since + 2, FREE_TEXT))
    assert book.events[-1][1] == [StatusSet(forn, "open")]


@pytest.mark.parametrize("make", [lambda a: SetLimits(a, 0, 0, 0, FREE_TEXT), lambda a: Suspend(a, 0, FREE_TEXT),
                                  lambda a: Reinstate(a, 0, FREE_TEXT)])  # fmt: skip
def test_common_accounts_are_not_a_members(book: Book, make: Any) -> None:
    asked = make(book.common["fees"])
    kind = {"SetLimits": "set_limits"}.get(type(asked).__name__, type(asked).__name__.lower())
    assert reason(book.administer(kind, asked)) == "member_account_unknown"


# --- authority


def test_k_counts_administrators_and_nobody_else(book: Book) -> None:
    forn = book.member("Forn")
    asked = Suspend(forn, book.size - 1, FREE_TEXT)
    a, b, c = book.administrators
    refused = book.enter("suspend", asked, a)
    assert refused == Refusal("signatures_missing", {"administrators_needed": 2, "administrators_signed": 1})
    assert reason(book.enter("suspend", asked, a, book.clerk)) == "signatures_missing"
    assert reason(book.enter("suspend", asked, a, b, book.clerk)) == "signature_without_role"
    assert isinstance(book.enter("suspend", asked, a, b, c), int), "more than are needed is no flaw"


def test_a_kind_named_singly_overrides_any() -> None:
    book = Book(authority=(("any", Quorum("administrators", 2)), ("suspend", Quorum("administrators", 1))))
    forn = book.member("Forn")
    since = book.size - 1
    assert isinstance(book.enter("suspend", Suspend(forn, since, FREE_TEXT), book.administrators[0]), int)
    assert (
        reason(book.enter("reinstate", Reinstate(forn, since + 1, FREE_TEXT), book.administrators[0]))
        == "signatures_missing"
    )


def test_an_admission_lacks_the_members_own_key(book: Book) -> None:
    admission = book.admission("Forn")
    administrators = frozenset(s for s in admission.signers if s.holder in book.administrators)
    assert reason(book.put(admission._replace(signers=administrators))) == "signatures_missing"


# --- policies


def test_a_policy_is_in_force_from_the_next_entry(book: Book) -> None:
    assert reason(book.put(book.admission("Mill", class_="industrial"))) == "class_unknown"
    book.administer("set_policy", SetPolicy("limits", '{"industrial":[-5,6]}', 0))
    assert book.events[-1][1] == [PolicySet("limits", '{"industrial":[-5,6]}')]
    mill = book.member("Mill", class_="industrial")
    assert (book.account(mill).floor, book.account(mill).ceiling) == (-5, 6)
    assert reason(book.put(book.admission("Forn"))) == "class_unknown", "a policy is one value, replaced whole"


def test_a_policy_that_was_never_set_has_no_was(book: Book) -> None:
    year = "31536000"
    refused = book.administer("set_policy", SetPolicy("retention", year, 0))
    assert refused == Refusal("superseded", {"was": 0})
    assert isinstance(book.administer("set_policy", SetPolicy("retention", year)), int)
    assert book.administer("set_policy", SetPolicy("retention", year)) == Refusal("superseded", {"stands": 1})


@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("alms", "1"),
        ("limits", "[]"),
        ("limits", '{"commercial":[0]}'),
        ("limits", '{"commercial":[1,5]}'),
        ("limits", '{"commercial":[0,-5]}'),
        ("limits", '{"commercial":[true,5]}'),
        ("limits", '{"commercial":["0",5]}'),
        ("limits", '{"commercial":[-1000000000000001,5]}'),
        ("limits", '{"commercial":[0,1000000000000001]}'),
        ("limits", str({f"class_{n}": [-500000, 500000] for n in range(200)}).replace("'", '"')),
        ("retention", "31535999"),
        ("retention", "true"),
        ("retention", '"31536000"'),
        ("rules", "2"),
        ("rules", "true"),
    ],
)
def test_policies_that_the_ledger_does_not_know(book: Book, feature: str, body: str) -> None:
    was = book.state.get(POLICIES, feature)
    outcome = book.administer("set_policy", SetPolicy(feature, body, was.since if was else None))
    assert reason(outcome) == "policy_invalid"


def test_full_backing_gives_nobody_credit() -> None:
    book = Book(backing="full", policies=(("limits", '{"commercial":[0,100]}'),))
    outcome = book.administer("set_policy", SetPolicy("limits", '{"commercial":[-1,100]}', 0))
    assert reason(outcome) == "policy_invalid"
    forn = book.member("Forn")
    assert reason(book.limit(forn, -1, 100)) == "limits_invalid"
    assert isinstance(book.limit(forn, 0, 200), int)


# --- genesis


def test_the_genesis_opens_the_ledger_whole() -> None:
    book = Book()
    _, events = book.events[0]
    assert [type(event).__name__ for event in events] == ["LedgerOpened", *["KeyAdded"] * 4, *["AccountOpened"] * 2]
    ledger = book.state.row(LEDGER, ())
    assert (ledger.unit_code, ledger.unit_scale, ledger.pilot, ledger.backing) == ("SOL", 2, 0, "none")
    assert book.state.row(POLICIES, "rules").body == "1"
    assert set(book.state.rows[NAMED]) == {*book.founders, *book.common.values()}
    assert len(book.state.rows[ACCOUNTS]) == 2


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("administrators", lambda b: {"administrators": ()}),
        ("administrators", lambda b: {"administrators": tuple(KeyHolder(HolderId(b.id()), public(str(n)))
                                                              for n in range(8))}),
        ("authority: \"any\"", lambda b: {"authority": (("suspend", Quorum("administrators", 2)),)}),
        ("authority.any", lambda b: {"authority": (("any", Quorum("administrators", 3)),)}),
        ("an id is given twice", lambda b: {"common": (("fees", b.common["fees"]), ("losses", b.common["fees"]))}),
        ("an id is given twice", lambda b: {"clerk": KeyHolder(b.administrators[0], public("clerk"))}),
        ("common: losses", lambda b: {"common": (("fees", b.common["fees"]),)}),
        ("rules", lambda b: {"rules": 2}),
        ("policies", lambda b: {"policies": (("rules", "1"),)}),
        ("the event's line", lambda b: {"territory": Territory("Solana", ("ES/08215",) * 500)}),
    ],
)  # fmt: skip
def test_a_genesis_against_itself(what: str, change: Any) -> None:
    book = Book(opened=False)
    asked = book.genesis(**change(book))
    founders = [Signer(holder, key) for holder, key in (*asked.administrators, asked.clerk)]
    outcome = book.enter("genesis", asked, *founders)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "genesis_invalid" and outcome.details["what"].startswith(what)


def test_a_pilot_may_have_one_administrator() -> None:
    book = Book(opened=False)
    one = (KeyHolder(book.administrators[0], public("administrator 0")),)
    asked = book.genesis(administrators=one, authority=(("any", Quorum("administrators", 1)),))
    assert reason(book.enter("genesis", asked, book.administrators[0], book.clerk)) == "genesis_invalid"
    outcome = book.enter("genesis", asked._replace(pilot=True), book.administrators[0], book.clerk)
    assert outcome == 0
    assert book.state.row(LEDGER, ()).pilot == 1


@pytest.mark.parametrize("missing", range(4))
def test_a_genesis_is_signed_by_all_of_its_holders(missing: int) -> None:
    book = Book(opened=False)
    signers = [holder for n, holder in enumerate(book.founders) if n != missing]
    assert reason(book.enter("genesis", book.genesis(), *signers)) == "signatures_missing"


# --- cancel


def test_a_cancel_binds_its_own_holder_alone(book: Book) -> None:
    forn, granja = book.member("Forn"), book.member("Granja")
    target = book.id()
    index = book.enter("cancel", Cancel(target), forn)
    assert book.events[-1][1] == [Cancelled(target, HolderId(forn))]
    assert book.state.row(CANCELLED, (target, forn)).log_index == index
    assert reason(book.enter("transfer", Transfer(forn, granja, 1), forn, id=target)) == "cancelled"
    assert isinstance(book.enter("transfer", Transfer(granja, forn, 1), granja, id=target), int)


def test_a_second_cancel_of_the_same_is_logged_and_changes_nothing(book: Book) -> None:
    forn = book.member("Forn")
    target = book.id()
    first = book.enter("cancel", Cancel(target), forn)
    second = book.enter("cancel", Cancel(target), forn)
    assert (first, second) == (book.size - 2, book.size - 1)


def test_what_is_logged_is_final(book: Book) -> None:
    forn, granja = book.member("Forn"), book.member("Granja")
    id = book.id()
    index = book.enter("transfer", Transfer(forn, granja, 1), forn, id=id)
    outcome = book.enter("cancel", Cancel(id), forn)
    assert outcome == Refusal("already_logged", {"target": id.hex(), "log_index": index})
    assert reason(book.enter("cancel", Cancel(InstructionId(book.administrators[0])), forn)) == "already_logged"


def test_a_cancelled_cosigner_stops_the_whole_instruction(book: Book) -> None:
    forn = book.member("Forn")
    target = book.id()
    book.enter("cancel", Cancel(target), book.administrators[0])
    asked = Suspend(AccountId(forn), book.account(forn).status_since, FREE_TEXT)
    assert reason(book.administer("suspend", asked, id=InstructionId(target))) == "cancelled"


# --- what keys over time will bring


def test_two_keys_of_one_administrator_count_once(book: Book) -> None:
    forn = book.member("Forn")
    a = book.administrators[0]
    evolve(book.state, KeyAdded(a, public("a second key")), At(book.size, book.time, book.id()))
    both = [Signer(a, book.keys[a]), Signer(a, public("a second key"))]
    outcome = book.enter("suspend", Suspend(forn, book.size - 1, FREE_TEXT), *both)
    assert outcome == Refusal("signatures_missing", {"administrators_needed": 2, "administrators_signed": 1})


def test_a_key_that_was_revoked_signs_nothing(book: Book) -> None:
    forn, granja = book.member("Forn"), book.member("Granja")
    book.state.put(KEYS, book.state.row(KEYS, public("Forn"))._replace(status="revoked"))
    assert reason(book.enter("transfer", Transfer(forn, granja, 1), forn)) == "key_dead"


def test_two_keys_of_one_holder_cancel_together(book: Book) -> None:
    forn = book.member("Forn")
    evolve(book.state, KeyAdded(HolderId(forn), public("a second key")), At(book.size, book.time, book.id()))
    both = [Signer(HolderId(forn), public("Forn")), Signer(HolderId(forn), public("a second key"))]
    assert isinstance(book.enter("cancel", Cancel(book.id()), *both), int)
