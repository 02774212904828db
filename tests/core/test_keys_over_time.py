"""Keys over time: which key ends which, what a recovery stops and what ends it, what a grant lets through."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.days import day_of, month_of
from ledger.core.grants import GRANTABLE, GRANTS, EndGrant, GiveGrant, GrantUsed, signed_by_payer
from ledger.core.holders import HOLDERS
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.keys import KEYS, Signer, key_id
from ledger.core.ledgers import LEDGER, KeyHolder, Quorum, administrators_of
from ledger.core.machine import BY_KIND
from ledger.core.members import MEMBERS, Suspend
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import DELAYED_S, RECOVERIES, WAIT_S, CompleteRecovery, Recover, Veto
from ledger.core.refusals import Refusal
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import HolderId, Legs, MemberId
from ledger.log import keys as log_keys
from tests.core.book import FREE_TEXT, Book, public
from tests.core.keyed import entered


def reason(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


class Street(Book):
    """A book with a baker and a miller, and shorthands for what they do with their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.baker, self.miller = self.members(2)
        self.holder_id = HolderId(self.baker)

    def key(self, label: str) -> Signer:
        return Signer(self.holder_id, public(label))

    def add(self, label: str, by: str = "member 0") -> Any:
        return self.enter("add_key", AddKey(self.holder_id, public(label)), self.key(by), self.key(label))

    def rotate(self, old: str, new: str, by: str) -> Any:
        return self.enter(
            "rotate_key", RotateKey(self.holder_id, public(old), public(new)), self.key(by), self.key(new)
        )

    def revoke(self, label: str, by: str) -> Any:
        return self.enter("revoke_key", RevokeKey(self.holder_id, public(label)), self.key(by))

    def bar(self, label: str) -> Any:
        return self.administer("force_revoke_key", ForceRevokeKey(self.holder_id, public(label), FREE_TEXT))

    def pay(self, by: Any = "member 0", amount: int = 1) -> Any:
        signer = self.key(by) if isinstance(by, str) else by
        return self.enter("transfer", Transfer(self.baker, self.miller, amount), signer)

    def recover(self, label: str, **more: Any) -> Any:
        return self.administer("recover", Recover(self.holder_id, public(label), FREE_TEXT), self.key(label), **more)

    def complete(self, recovery: Any, label: str) -> Any:
        return self.enter(
            "complete_recovery", CompleteRecovery(recovery, self.holder_id, public(label)), self.key(label)
        )

    def status(self, label: str) -> str:
        return self.state.row(KEYS, public(label)).status

    def grant(self, holder: bytes, *kinds: str, **more: Any) -> Any:
        return self.enter("give_grant", GiveGrant(self.baker, HolderId(holder), kinds, **more), self.baker)


@pytest.fixture
def street() -> Street:
    return Street()


# --- a holder's own keys


def test_a_key_added_counts_from_the_next_entry_on_and_a_revoked_one_no_more(street: Street) -> None:
    entered(street.add("till"))
    entered(street.pay("till"))
    entered(street.revoke("till", by="member 0"))
    assert reason(street.pay("till")) == "key_dead"
    assert reason(street.add("till")) == "key_used", "a public key is registered once, for ever"


def test_a_key_ends_itself_and_younger_ones_only(street: Street) -> None:
    entered(street.add("till"))
    entered(street.add("phone"))
    assert reason(street.revoke("member 0", by="till")) == "key_too_young"
    assert reason(street.rotate("member 0", "thief's", by="phone")) == "key_too_young"
    entered(street.revoke("phone", by="till"))
    entered(street.revoke("till", by="till"))
    entered(street.revoke("member 0", by="member 0"))


def test_a_rotated_key_keeps_its_rank(street: Street) -> None:
    entered(street.add("till"))
    entered(street.rotate("member 0", "paper", by="member 0"))
    assert reason(street.pay("member 0")) == "key_dead"
    assert street.state.row(KEYS, public("paper")).rank == 1 + street.state.row(LEDGER, ()).administrators_since
    assert reason(street.revoke("paper", by="till")) == "key_too_young"
    entered(street.revoke("till", by="paper"))


def test_nobody_adds_a_key_to_another(street: Street) -> None:
    thief = HolderId(street.miller)
    asked = AddKey(street.holder_id, public("thief's"))
    lone = street.key("thief's")
    assert reason(street.enter("add_key", asked, lone)) == "signatures_missing"
    assert reason(street.enter("add_key", asked, thief, lone)) == "signatures_missing"
    assert reason(street.enter("add_key", asked, street.key("member 0"), thief, lone)) == "signature_without_role"


def test_a_key_whose_id_is_another_keys_is_refused(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ledger.example/solana/{street.baker.hex()}"
    assert key_id("ledger.example/solana", street.holder_id, public("x")) == log_keys.key_id(name, public("x"))
    monkeypatch.setattr("ledger.core.keys.key_id", lambda *_: b"same")
    assert reason(street.add("till")) == "key_used"


# --- recovery


def test_a_recovery_stops_payments_and_nothing_else(street: Street) -> None:
    entered(street.add("till"))
    entered(street.recover("new"))
    assert [reason(street.pay(by)) for by in ("member 0", "till")] == ["payments_stopped"] * 2
    assert reason(street.pay("new")) == "key_dead"
    entered(street.enter("transfer", Transfer(street.miller, street.baker, 1), street.miller))
    entered(street.add("another"))
    assert reason(street.pay("another")) == "payments_stopped", "no way around it by a fresh key"
    entered(street.rotate("till", "till 2", by="till"))
    assert reason(street.pay("till 2")) == "payments_stopped"
    legs = Legs(1, FREE_TEXT, (Leg(street.miller, 1),))
    many = street.enter("transfer_many", TransferMany(street.baker, legs), street.key("member 0"))
    assert reason(many) == "payments_stopped"


def test_a_live_keys_veto_ends_a_recovery(street: Street) -> None:
    id = street.id()
    entered(street.recover("new", id=id))
    entered(street.enter("veto", Veto(id, street.holder_id), street.key("member 0")))
    entered(street.pay())
    street.time += WAIT_S
    assert reason(street.complete(id, "new")) == "recovery_unknown"
    assert reason(street.recover("new")) == "key_used"


def test_a_completed_recovery_leaves_one_key(street: Street) -> None:
    entered(street.add("till"))
    id = street.id()
    entered(street.recover("new", id=id))
    street.time += WAIT_S - 1
    assert reason(street.complete(id, "new")) == "recovery_early"
    street.time += 1
    entered(street.complete(id, "new"))
    assert [street.status(label) for label in ("member 0", "till", "new")] == ["replaced", "replaced", "live"]
    entered(street.pay("new"))
    assert reason(street.pay("till")) == "key_dead"


def test_a_barred_key_delays_a_recovery_once_and_a_revoked_one_does_not(street: Street) -> None:
    entered(street.add("till"))
    entered(street.revoke("till", by="member 0"))
    entered(street.bar("member 0"))
    id = street.id()
    entered(street.recover("new", id=id))
    assert reason(street.enter("veto", Veto(id, street.holder_id), street.key("till"))) == "key_dead"
    assert reason(street.enter("veto", Veto(id, street.holder_id), street.miller)) == "signatures_missing"
    assert reason(street.enter("veto", Veto(id, street.holder_id), street.key("new"))) == "key_dead"
    entered(street.enter("veto", Veto(id, street.holder_id), street.key("member 0")))
    assert reason(street.pay("member 0")) == "key_dead"
    street.time += DELAYED_S - 1
    assert reason(street.complete(id, "new")) == "recovery_early"
    street.time += 1
    entered(street.complete(id, "new"))


def test_the_new_key_alone_completes(street: Street) -> None:
    id = street.id()
    entered(street.recover("new", id=id))
    street.time += WAIT_S
    asked = CompleteRecovery(id, street.holder_id, public("thief's"))
    assert reason(street.enter("complete_recovery", asked, street.key("thief's"))) == "recovery_unknown"
    asked = asked._replace(key=public("new"))
    assert reason(street.enter("complete_recovery", asked, street.key("member 0"))) == "signatures_missing"


def test_an_administrator_is_recovered_by_the_others(street: Street) -> None:
    third = street.administrators[2]
    lone, id = Signer(third, public("a new third")), street.id()
    entered(street.administer("recover", Recover(third, lone.public, FREE_TEXT), lone, id=id))
    street.time += WAIT_S
    entered(street.enter("complete_recovery", CompleteRecovery(id, third, lone.public), lone))
    since = street.account(street.baker).status_since
    suspend = Suspend(street.baker, since, FREE_TEXT)
    assert reason(street.enter("suspend", suspend, street.administrators[0], third)) == "key_dead"
    entered(street.enter("suspend", suspend, street.administrators[0], lone))


# --- custody


def test_a_custodian_acts_for_its_member_until_that_has_a_key(street: Street) -> None:
    custodian = street.registered("custodian", "custodian")
    minor = street.in_custody(custodian)
    assert street.state.row(MEMBERS, MemberId(minor)).custodian == custodian
    entered(street.enter("transfer", Transfer(minor, street.miller, 5), custodian))
    other = street.registered("another custodian", "custodian")
    assert reason(street.enter("transfer", Transfer(minor, street.miller, 5), other)) == "account_unknown"
    lone, id = Signer(HolderId(minor), public("of age")), street.id()
    entered(street.administer("recover", Recover(lone.holder, lone.public, FREE_TEXT), lone, id=id))
    assert reason(street.enter("transfer", Transfer(minor, street.miller, 5), custodian)) == "payments_stopped"
    street.time += WAIT_S
    entered(street.enter("complete_recovery", CompleteRecovery(id, lone.holder, lone.public), lone))
    assert reason(street.enter("transfer", Transfer(minor, street.miller, 5), custodian)) == "account_unknown"
    entered(street.enter("transfer", Transfer(minor, street.miller, 5), lone))


# --- grants


def test_a_delegate_pays_within_its_grant(street: Street) -> None:
    till = street.registered("till", "delegate")
    assert reason(street.pay(Signer(till, public("till")))) == "account_unknown"
    entered(street.grant(till, "transfer", payment=50, day=80, month=100))
    paid = entered(street.pay(Signer(till, public("till")), 50))
    assert street.events[-1][1][-1] == GrantUsed(street.baker, till, 50), paid
    refused = street.pay(Signer(till, public("till")), 31)
    assert refused.reason == "grant_exceeded" and refused.details == {
        "of": "day",
        "bound": 80,
        "paid": 50,
        "amount": 31,
    }
    assert street.pay(Signer(till, public("till")), 51).details["of"] == "payment"
    entered(street.pay(Signer(till, public("till")), 30))
    street.time += 86_400
    assert street.pay(Signer(till, public("till")), 21).details == {
        "of": "month", "bound": 100, "paid": 80, "amount": 21}  # fmt: skip
    entered(street.pay(Signer(till, public("till")), 20))
    street.time += 31 * 86_400
    entered(street.pay(Signer(till, public("till")), 50))


def test_a_bulk_counts_as_its_sum_and_needs_a_grant_of_its_own(street: Street) -> None:
    till = street.registered("till", "delegate")
    entered(street.grant(till, "transfer", day=100))
    many = TransferMany(street.baker, Legs(2, FREE_TEXT, (Leg(street.miller, 60), Leg(street.miller, 60))))
    assert reason(street.enter("transfer_many", many, till)) == "account_unknown"
    since = street.size - 1
    entered(street.grant(till, "transfer", "transfer_many", day=100, was=since))
    assert street.enter("transfer_many", many, till).details["amount"] == 120
    small = TransferMany(street.baker, Legs(2, FREE_TEXT, (Leg(street.miller, 60), Leg(street.miller, 40))))
    entered(street.enter("transfer_many", small, till))


def test_a_grant_ends_by_time_by_its_member_and_with_the_key_that_gave_it(street: Street) -> None:
    till = street.registered("till", "delegate")
    lone = Signer(till, public("till"))
    since = entered(street.grant(till, "transfer", until=street.time + 10))
    street.time += 10
    entered(street.pay(lone))
    street.time += 1
    assert reason(street.pay(lone)) == "account_unknown"
    since = entered(street.grant(till, "transfer", was=since))
    entered(street.rotate("member 0", "paper", by="member 0"))
    entered(street.pay(lone))
    street.keys[street.holder_id] = public("paper")
    entered(street.enter("end_grant", EndGrant(street.baker, till, since), street.baker))
    assert reason(street.pay(lone)) == "account_unknown"
    entered(street.add("second", by="paper"))
    given = GiveGrant(street.baker, till, ("transfer",), was=street.size - 2)
    entered(street.enter("give_grant", given, street.key("second")))
    entered(street.pay(lone))
    entered(street.revoke("second", by="paper"))
    assert reason(street.pay(lone)) == "account_unknown", "a grant stands as long as the key that gave it"


@pytest.mark.parametrize("end", ["revoked", "barred", "recovered"])
def test_a_thief_s_grant_does_not_outlive_the_key_that_took_its_key_s_place(street: Street, end: str) -> None:
    """Whoever has a stolen telephone gives a grant, and rotates the key twice: only the newest is left to be ended."""
    accomplice = street.registered("till", "delegate")
    lone = Signer(accomplice, public("till"))
    entered(street.add("telephone"))
    entered(street.add("another"))
    given = GiveGrant(street.baker, accomplice, ("transfer",))
    entered(street.enter("give_grant", given, street.key("telephone")))
    for old, new in (("telephone", "newer"), ("newer", "newest"), ("another", "other")):
        entered(street.rotate(old, new, by=old))
    entered(street.pay(lone))
    if end == "revoked":
        entered(street.revoke("newest", by="member 0"))
    elif end == "barred":
        entered(street.bar("newest"))
    else:
        recovery = street.id()
        entered(street.recover("fresh", id=recovery))
        street.time += WAIT_S
        entered(street.complete(recovery, "fresh"))
    assert reason(street.pay(lone)) == "account_unknown"
    dead = "replaced" if end == "recovered" else "revoked"
    assert [street.status(label) for label in ("telephone", "newer")] == [dead, dead]
    assert street.status("another") == ("replaced" if end == "recovered" else "rotated")


def test_giving_a_grant_again_does_not_begin_the_day_again(street: Street) -> None:
    till = street.registered("till", "delegate")
    since = entered(street.grant(till, "transfer", day=50))
    entered(street.pay(Signer(till, public("till")), 50))
    entered(street.grant(till, "transfer", day=60, was=since))
    assert street.pay(Signer(till, public("till")), 11).details["paid"] == 50


def test_a_recovery_of_the_member_stops_its_delegates(street: Street) -> None:
    till = street.registered("till", "delegate")
    entered(street.grant(till, "transfer"))
    entered(street.recover("new"))
    refused = street.pay(Signer(till, public("till")))
    assert reason(refused) == "payments_stopped" and refused.details["due"] == street.time + WAIT_S
    row = street.state.row(RECOVERIES, street.holder_id)
    street.time += WAIT_S
    entered(street.complete(row.id, "new"))
    assert reason(street.pay(Signer(till, public("till")))) == "account_unknown", "the key that gave it is dead"


def test_two_delegates_do_not_sign_one_payment_and_a_delegate_beside_the_member_has_no_part(street: Street) -> None:
    one, other = street.registered("one", "delegate"), street.registered("other", "delegate")
    for till in (one, other):
        entered(street.grant(till, "transfer"))
    pay = Transfer(street.baker, street.miller, 1)
    assert reason(street.enter("transfer", pay, one, other)) == "signature_without_role"
    assert reason(street.enter("transfer", pay, street.baker, one)) == "signature_without_role"


def test_who_can_be_given_a_grant(street: Street) -> None:
    auditor = street.registered("auditor", "auditor")
    for holder in (auditor, street.baker, street.administrators[0], street.clerk, street.id()):
        assert reason(street.grant(holder, "read")) == "holder_unknown"
    entered(street.grant(street.miller, "read"))
    assert street.state.row(GRANTS, (street.baker, HolderId(street.miller))).kinds == '["read"]'
    assert (
        reason(street.enter("transfer", Transfer(street.baker, street.miller, 1), street.miller)) == "account_unknown"
    )


def test_no_grant_can_be_passed_on(street: Street) -> None:
    till, other = street.registered("till", "delegate"), street.registered("other", "delegate")
    entered(street.grant(till, *GRANTABLE))
    asked = GiveGrant(street.baker, other, ("transfer",))
    assert reason(street.enter("give_grant", asked, till)) == "account_unknown"


def test_what_can_be_granted_are_the_kinds_that_a_payer_signs() -> None:
    formula = signed_by_payer("transfer").__qualname__
    assert {"read", *(kind.name for kind in BY_KIND.values() if kind.signed.__qualname__ == formula)} == set(GRANTABLE)


# --- offices


def test_administrators_change_by_old_and_new_together(street: Street) -> None:
    one, two, three = street.administrators
    four, five = (street.holder(f"administrator {n}") for n in (3, 4))
    new = tuple(KeyHolder(holder, street.keys[holder]) for holder in (four, five))
    asked = SetAdministrators((one, four, five), (("any", Quorum("administrators", 2)),), 0, new)
    assert reason(street.enter("set_administrators", asked, one, four, five)) == "signatures_missing"
    assert reason(street.enter("set_administrators", asked, two, three, four)) == "signatures_missing"
    entered(street.enter("set_administrators", asked, two, three, four, five))
    ledger = street.state.row(LEDGER, ())
    assert administrators_of(ledger) == [one, four, five] and ledger.administrators_since == street.size - 1
    since = street.account(street.baker).status_since
    suspend = Suspend(street.baker, since, FREE_TEXT)
    assert reason(street.enter("suspend", suspend, one, two)) == "signatures_missing"
    assert reason(street.enter("suspend", suspend, one, four, two)) == "signature_without_role"
    entered(street.enter("suspend", suspend, one, four))


def test_a_former_administrator_comes_back_under_a_new_id_alone(street: Street) -> None:
    one, two, three = street.administrators
    authority = (("any", Quorum("administrators", 1)),)
    entered(street.enter("set_administrators", SetAdministrators((one, two), authority, 0), one, two))
    street.keys[three] = public("another of the third")
    back = (KeyHolder(three, street.keys[three]),)
    asked = SetAdministrators((one, two, three), authority, street.size - 1, back)
    refused = street.enter("set_administrators", asked, one, two, three)
    assert reason(refused) == "administrators_invalid" and "in use" in refused.details["what"]


def test_operator_and_clerk_are_replaced(street: Street) -> None:
    entered(street.administer("set_operator", SetOperator(public("operator 2"), 0)))
    assert street.state.row(LEDGER, ()).operator == public("operator 2")
    assert street.status("operator") == "replaced"
    lone = Signer(street.clerk, public("clerk 2"))
    entered(street.administer("set_clerk", SetClerk(KeyHolder(*lone), 0), lone))
    assert (street.status("clerk"), street.status("clerk 2")) == ("replaced", "live")
    assert reason(street.administer("set_operator", SetOperator(public("operator 3"), 0))) == "superseded"


def test_a_holder_is_registered_with_its_role(street: Street) -> None:
    auditor = street.registered("auditor", "auditor")
    assert street.state.row(HOLDERS, auditor).role == "auditor"
    id = street.id()
    used = street.keys[street.baker]
    asked: Any = BY_KIND["register_holder"].fields("bank", used)
    lone = Signer(HolderId(id), used)
    assert reason(street.administer("register_holder", asked, lone, id=id)) == "key_used"


# --- days


@given(st.datetimes(datetime.datetime(1601, 1, 1), datetime.datetime(2800, 1, 1)), st.integers(-1440, 1440))
def test_days_and_months_are_those_of_the_calendar(moment: datetime.datetime, offset: int) -> None:
    time = int((moment - datetime.datetime(1970, 1, 1)).total_seconds())
    local = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time, minutes=offset)
    day = day_of(time, offset)
    assert datetime.date(1970, 1, 1) + datetime.timedelta(day) == local.date()
    assert divmod(month_of(day), 12) == (local.year, local.month - 1)
