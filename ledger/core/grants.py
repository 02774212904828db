"""Grants: what a holder may do with an account of somebody else's.

A member's own grant on its accounts is whole, and so is that of its custodian while it has no key of its own. To
anyone else it gives a grant: which kinds, how much a payment, a day and a month, until when. Days and months are the
ledger's (`days`). A grant stands while the key that gave it does, or one that took that key's place.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.days import day_of, month_of
from ledger.core.forms import canonical
from ledger.core.holders import HOLDERS, role_of
from ledger.core.keys import ALIVE, FROZEN, KEYS, ROTATED, Signer
from ledger.core.ledgers import LEDGER, authority_row, check_was, member_account
from ledger.core.members import MEMBERS
from ledger.core.recoveries import RECOVERIES, pending
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import (
    SAFE,
    AccountId,
    Amount,
    At,
    Between,
    HolderId,
    LogIndex,
    MemberId,
    PublicKey,
    Time,
    Word,
)

READ = "read"  # the account, its movements and receipts
GRANTABLE = (READ, "transfer", "transfer_many")  # a kind that the payer signs adds its name here
GRANTEES = ("delegate", "custodian", "bank")  # roles, beside members, that may be given a grant


class GiveGrant(NamedTuple):
    """Let a holder act for an account, in place of what it was given before. `payment`, `day` and `month` are the most
    it may pay; absent: no bound but the account's own. `was`: the entry that last gave or ended its grant."""

    account: AccountId
    holder: HolderId
    kinds: tuple[Word, ...]
    payment: Amount | None = None
    day: Amount | None = None
    month: Amount | None = None
    until: Time | None = None
    was: LogIndex | None = None


class EndGrant(NamedTuple):
    """Let a holder act for an account no more."""

    account: AccountId
    holder: HolderId
    was: LogIndex


class GrantGiven(NamedTuple):
    """A holder may act for an account. `by`: the member's key that stands behind it."""

    account: AccountId
    holder: HolderId
    kinds: tuple[Word, ...]
    by: PublicKey
    payment: Amount | None = None
    day: Amount | None = None
    month: Amount | None = None
    until: Time | None = None


class GrantEnded(NamedTuple):
    """A holder may act for an account no more."""

    account: AccountId
    holder: HolderId


class GrantUsed(NamedTuple):
    """A holder paid this much of an account under its grant."""

    account: AccountId
    holder: HolderId
    amount: Annotated[int, Between(1, SAFE)]


class Grant(NamedTuple):
    """What a holder may do with an account, and what it has paid on the last day and in the last month that it did.
    `kinds` is a JSON array, empty once the grant is over; `since` a log index."""

    account: AccountId
    holder: HolderId
    kinds: str
    by: PublicKey
    payment: int | None
    day: int | None
    month: int | None
    until: int | None
    since: int
    last_day: int
    paid_day: int
    last_month: int
    paid_month: int


GRANTS = Noun(Grant, keys=2, indexes=(("holder",),))


# --- giving and ending


def signed_by_member(
    state: State, asked: GiveGrant | EndGrant, at: At, signers: frozenset[Signer]
) -> frozenset[Signer]:
    """Who signs a grant: the member itself; no grant can be passed on."""
    account = state.get(ACCOUNTS, asked.account)
    used = frozenset(signer for signer in signers if account is not None and MemberId(signer.holder) == account.member)
    if not used:
        raise Refused("account_unknown")
    return used


def give_grant(state: State, asked: GiveGrant, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the grant, by the oldest key that signs."""
    account = member_account(state, asked.account)
    if MemberId(asked.holder) == account.member or not _may_be_given(state, asked.holder):
        raise Refused("holder_unknown")
    standing = state.get(GRANTS, (asked.account, asked.holder))
    check_was(standing.since if standing else None, asked.was)
    if list(asked.kinds) != sorted(set(asked.kinds)) or not asked.kinds or not set(asked.kinds) <= set(GRANTABLE):
        raise Refused("grant_invalid", what=f"kinds: some of {', '.join(GRANTABLE)}, in order, each once")
    if asked.until is not None and asked.until <= at.time:
        raise Refused("grant_invalid", what="until: lies in the past")
    oldest = min((state.row(KEYS, signer.public) for signer in signers), key=lambda key: (key.rank, key.public))
    return [
        GrantGiven(
            asked.account, asked.holder, asked.kinds, oldest.public, asked.payment, asked.day, asked.month, asked.until
        )
    ]


def _may_be_given(state: State, holder: HolderId) -> bool:
    return role_of(state, holder) in GRANTEES or state.get(MEMBERS, MemberId(holder)) is not None


def end_grant(state: State, asked: EndGrant, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the grant's end, if nobody was faster."""
    standing = state.get(GRANTS, (asked.account, asked.holder))
    check_was(standing.since if standing else None, asked.was)
    return [GrantEnded(asked.account, asked.holder)]


def grant_given(state: State, event: GrantGiven, at: At) -> None:
    """Evolve: the grant; what was paid under the one before counts on."""
    standing = state.get(GRANTS, (event.account, event.holder))
    paid = standing[-4:] if standing else (0, 0, 0, 0)
    kinds = canonical(list(event.kinds))
    bounds = (event.payment, event.day, event.month, event.until)
    state.put(GRANTS, Grant(event.account, event.holder, kinds, event.by, *bounds, at.log_index, *paid))


def grant_ended(state: State, event: GrantEnded, at: At) -> None:
    """Evolve: a grant of nothing."""
    standing = state.row(GRANTS, (event.account, event.holder))
    state.put(GRANTS, standing._replace(kinds="[]", since=at.log_index))


# --- acting for an account


def signed_by_payer(kind: str) -> Callable[[State, Any, At, frozenset[Signer]], frozenset[Signer]]:
    """The formula of a kind that the payer signs: the member itself, or else one holder whose grant covers the kind."""

    def signed(state: State, asked: Any, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
        account = state.get(ACCOUNTS, asked.payer)
        member: bytes | None = account.member if account else None
        used = [signer for signer in signers if signer.holder == member]
        if used:
            return signers if len(used) == len(signers) else frozenset(used)
        if account is not None and account.member is not None:
            for holder in sorted({signer.holder for signer in signers}):
                if covers(state, account, holder, kind, at.time):
                    return frozenset(signer for signer in signers if signer.holder == holder)
        raise Refused("account_unknown")

    return signed


def covers(state: State, account: Account, holder: HolderId, kind: str, time: int) -> bool:
    """Whether a holder that is not the account's member may do this with the account at this time."""
    grant = state.get(GRANTS, (account.id, holder))
    if grant is None or kind not in json.loads(grant.kinds) or (grant.until is not None and time > grant.until):
        return _custodian_of(state, account) == holder
    by = state.get(KEYS, grant.by)
    return by is not None and by.status in (*ALIVE, ROTATED)


def _custodian_of(state: State, account: Account) -> HolderId | None:
    member = state.get(MEMBERS, account.member) if account.member is not None else None
    return member.custodian if member else None


def paying(state: State, payer: AccountId, total: int, at: At, signers: frozenset[Signer]) -> list[GrantUsed]:
    """Refuse a payment that its signers may not make now; else the event, if it is made under a grant.

    `signers` have a part in it by `signed_by_payer`. A recovery of the member stops them all.
    """
    account = state.row(ACCOUNTS, payer)
    member: bytes | None = account.member
    for signer in signers:
        if signer.holder == member:
            if state.row(KEYS, signer.public).status == FROZEN:
                raise _stopped(state, signer.holder)
            return []
    assert member is not None
    if pending(state, HolderId(member)):
        raise _stopped(state, HolderId(member))
    holder = next(iter(signers)).holder
    if _custodian_of(state, account) == holder:
        return []
    grant = state.row(GRANTS, (payer, holder))
    _check_bounds(grant, total, _paid(state, grant, at))
    return [GrantUsed(payer, holder, total)]


def _stopped(state: State, holder: HolderId) -> Refused:
    recovery = pending(state, holder)
    return Refused("payments_stopped", **({"recovery": recovery.id.hex(), "due": recovery.due} if recovery else {}))


class _Paid(NamedTuple):
    """The day and the month it is, and what has been paid in each."""

    day: int
    on_day: int
    month: int
    in_month: int


def _paid(state: State, grant: Grant, at: At) -> _Paid:
    day = day_of(at.time, state.row(LEDGER, ()).utc_offset)
    month = month_of(day)
    return _Paid(
        day, grant.paid_day if grant.last_day == day else 0, month, grant.paid_month if grant.last_month == month else 0
    )


def _check_bounds(grant: Grant, total: int, paid: _Paid) -> None:
    bounds = (("payment", grant.payment, 0), ("day", grant.day, paid.on_day), ("month", grant.month, paid.in_month))
    for name, bound, before in bounds:
        if bound is not None and before + total > bound:
            raise Refused("grant_exceeded", of=name, bound=bound, paid=before, amount=total)


def grant_used(state: State, event: GrantUsed, at: At) -> None:
    """Evolve: what has been paid today and this month, kept within what a database counts exactly."""
    grant = state.row(GRANTS, (event.account, event.holder))
    paid = _paid(state, grant, at)
    on_day, in_month = (min(SAFE, before + event.amount) for before in (paid.on_day, paid.in_month))
    changed = grant._replace(last_day=paid.day, paid_day=on_day, last_month=paid.month, paid_month=in_month)
    state.put(GRANTS, changed)


# --- footprints


def rows_of_payer(payer: AccountId, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """What is needed of holders who pay for an account that was not opened with them: none of it, of most payments."""
    rows: list[tuple[Noun[Any], Any]] = []
    for holder, _ in signers:
        if MemberId(holder) != MemberId(payer):
            first = MemberId(payer)  # of a member's first account, whose id is its own
            rows += [(GRANTS, (payer, holder)), (MEMBERS, first), (RECOVERIES, HolderId(payer)), *authority_row()]
    return rows


def rows_of_grant(asked: GiveGrant | EndGrant, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The grant that stands, and who the holder may be, for the footprint."""
    return [(GRANTS, (asked.account, asked.holder)), (HOLDERS, asked.holder), (MEMBERS, MemberId(asked.holder))]
