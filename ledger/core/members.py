"""Members: admission, facts, further accounts, limits and status, each authorised by the administrators.

Admission makes the member and its first account under one id, the instruction's. Facts that rules or figures need
are in the log; names and addresses never are: they are free text, kept apart, of which the log has a hash.
"""

from typing import Any, Literal, NamedTuple

from ledger.core import changes
from ledger.core.accounts import AccountOpened, LimitsSet, StatusSet
from ledger.core.holders import HOLDERS, role_of
from ledger.core.keys import KeyAdded, Signer, check_unused, ring_rows
from ledger.core.ledgers import LEDGER, by_authority, check_backing, check_was, class_limits, limits_row, member_account
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import (
    AccountId,
    At,
    Ceiling,
    Floor,
    FreeText,
    HolderId,
    InstructionId,
    Lau,
    LogIndex,
    MemberId,
    PublicKey,
    Sector,
    Word,
)

MemberKind = Literal["business", "association", "public", "person", "bank", "ledger"]


class Facts(NamedTuple):
    """What rules and figures need to know of a member. `sse`: by the charter's criterion; `inside` the territory."""

    kind: MemberKind
    inside: bool
    sse: bool
    place: Lau
    sector: Sector | None = None
    beneficiary: MemberId | None = None


class Admit(NamedTuple):
    """Admit a member by its own key, or by a custodian's."""

    class_: Word
    facts: Facts
    key: PublicKey | None = None
    custodian: HolderId | None = None
    profile: FreeText | None = None

    def flaw(self) -> str | None:
        """Of form, too: whose key it is must be said, and once."""
        return None if (self.key is None) != (self.custodian is None) else "exactly one of key, custodian"


class OpenAccount(NamedTuple):
    """Open a further account for a member."""

    member: MemberId
    class_: Word


class SetLimits(NamedTuple):
    """Change how far an account may go, below and above zero. `was`: the entry that last set them."""

    account: AccountId
    floor: Floor
    ceiling: Ceiling
    was: LogIndex
    reason: FreeText


class SetFacts(NamedTuple):
    """Replace a member's facts, whole. `was`: the entry that last set them."""

    member: MemberId
    facts: Facts
    was: LogIndex
    reason: FreeText
    profile: FreeText | None = None


class Suspend(NamedTuple):
    """Stop an account's outgoing payments. `was`: the entry that last set its status."""

    account: AccountId
    was: LogIndex
    reason: FreeText


class Reinstate(NamedTuple):
    """Let a suspended account pay again. `was`: the entry that last set its status."""

    account: AccountId
    was: LogIndex
    reason: FreeText


class MemberAdmitted(NamedTuple):
    """A holder may trade. `custodian`: who acts for it, as long as it has no key of its own."""

    member: MemberId
    facts: Facts
    profile: FreeText | None = None
    custodian: HolderId | None = None


class FactsSet(NamedTuple):
    """A member's facts, whole, from now on."""

    member: MemberId
    facts: Facts
    profile: FreeText | None = None


class Member(NamedTuple):
    """A member and its facts; `inside` and `sse` are 0 or 1, `facts_since` and `admitted` log indexes. `custodian`:
    the holder that acts for it on all its accounts, until it has a key of its own."""

    id: MemberId
    kind: str
    inside: int
    sse: int
    place: str
    sector: str | None
    beneficiary: MemberId | None
    facts_since: int
    admitted: int
    custodian: HolderId | None


MEMBERS = Noun(Member, keys=1, indexes=(("admitted",),))


# --- admission


def signed_admission(state: State, asked: Admit, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs an admission: the administrators, and the member with the key that is registered, or its custodian."""
    used = by_authority(state, "admit", signers)
    new = registered_by_admission(asked, at.id)
    if not new <= signers:
        raise Refused("signatures_missing", needed="the new member's own key")
    acting = frozenset(signer for signer in signers if signer.holder == asked.custodian)
    if asked.custodian and not acting:
        raise Refused("signatures_missing", needed="a key of the custodian")
    return used | new | acting


def registered_by_admission(asked: Admit, id: InstructionId) -> frozenset[Signer]:
    """The key that an admission registers, under the member's new id."""
    return frozenset((Signer(HolderId(id), asked.key),) if asked.key else ())


def new_keys(asked: Admit) -> list[bytes]:
    """Every key that an admission registers."""
    return [asked.key] if asked.key else []


def admit(state: State, asked: Admit, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the member, its key, if it has one, its first account with the limits of its class."""
    check_unused(state, new_keys(asked))
    if asked.custodian and role_of(state, asked.custodian) != "custodian":
        raise Refused("custodian_unknown")
    _check_facts(state, asked.facts)
    floor, ceiling = class_limits(state, asked.class_)
    member = MemberId(at.id)
    return [
        MemberAdmitted(member, asked.facts, asked.profile, asked.custodian),
        *(KeyAdded(HolderId(at.id), key) for key in new_keys(asked)),
        AccountOpened(AccountId(at.id), "member", floor, ceiling, member, asked.class_),
    ]


def member_admitted(state: State, event: MemberAdmitted, at: At) -> None:
    """Evolve: the member's row."""
    state.put(MEMBERS, _member(event.member, event.facts, at.log_index, at.log_index, event.custodian))
    changes.mark(state, changes.FACTS, event.member, at)


def open_account(state: State, asked: OpenAccount, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: a further account under the instruction's id."""
    if state.get(MEMBERS, asked.member) is None:
        raise Refused("member_unknown")
    floor, ceiling = class_limits(state, asked.class_)
    return [AccountOpened(AccountId(at.id), "member", floor, ceiling, asked.member, asked.class_)]


# --- facts


def set_facts(state: State, asked: SetFacts, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the new facts, if nobody was faster."""
    member = state.get(MEMBERS, asked.member)
    if member is None:
        raise Refused("member_unknown")
    check_was(member.facts_since, asked.was)
    _check_facts(state, asked.facts)
    return [FactsSet(asked.member, asked.facts, asked.profile)]


def facts_set(state: State, event: FactsSet, at: At) -> None:
    """Evolve: the member's row, with the day of admission and the custodian kept."""
    before = state.row(MEMBERS, event.member)
    state.put(MEMBERS, _member(event.member, event.facts, at.log_index, before.admitted, before.custodian))
    changes.mark(state, changes.FACTS, event.member, at)


def _check_facts(state: State, facts: Facts) -> None:
    if facts.kind == "person" and facts.sector is not None:
        raise Refused("facts_invalid", what="sector: not for natural persons")
    if facts.beneficiary is not None and state.get(MEMBERS, facts.beneficiary) is None:
        raise Refused("facts_invalid", what="beneficiary: no such member")


def _member(id: MemberId, facts: Facts, index: int, admitted: int, custodian: HolderId | None) -> Member:
    return Member(id, facts.kind, int(facts.inside), int(facts.sse), facts.place, facts.sector, facts.beneficiary,
                  index, admitted, custodian)  # fmt: skip


# --- limits and status


def set_limits(state: State, asked: SetLimits, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: new limits of a member's account, if nobody was faster."""
    account = member_account(state, asked.account)
    check_was(account.limits_since, asked.was)
    check_backing(asked.floor, state.row(LEDGER, ()).backing, "limits_invalid")
    if account.status == "closed":
        raise Refused("account_closed", account=asked.account.hex())
    return [LimitsSet(asked.account, asked.floor, asked.ceiling)]


def suspend(state: State, asked: Suspend, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: an open account becomes suspended."""
    return _change_status(state, asked, "suspended")


def reinstate(state: State, asked: Reinstate, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: a suspended account becomes open."""
    return _change_status(state, asked, "open")


def _change_status(state: State, asked: Suspend | Reinstate, status: Literal["open", "suspended"]) -> list[Any]:
    account = member_account(state, asked.account)
    check_was(account.status_since, asked.was)
    if account.status == "closed":
        raise Refused("account_closed", account=asked.account.hex())
    return [StatusSet(asked.account, status)]


def beneficiary(asked: Admit | SetFacts, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The row that the facts refer to, for the footprint."""
    return [(MEMBERS, asked.facts.beneficiary)] if asked.facts.beneficiary else []


def rows_of_admission(asked: Admit, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """The beneficiary, the limits of the class, the custodian and the keyring that begins, for the footprint."""
    own = (signer.holder for signer in signers if asked.key is not None and signer.public == asked.key)
    custodian: list[tuple[Noun[Any], Any]] = [(HOLDERS, asked.custodian)] if asked.custodian else []
    return [*beneficiary(asked), *limits_row(), *custodian, *ring_rows(*own)]
