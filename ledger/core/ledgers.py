"""Ledgers: the genesis, what it fixes for ever, the policies that can be changed, and who has authority.

The genesis is entry 0, signed by every administrator and the clerk. A policy is one value a feature, in force from
the next log index; a feature without a policy is off.
"""

import json
from collections.abc import Callable, Collection, Iterable
from typing import Annotated, Any, Literal, NamedTuple

from ledger.core import changes
from ledger.core.accounts import ACCOUNTS, AccountOpened
from ledger.core.forms import LINE, Form, canonical
from ledger.core.keys import KEYS, LIVE, NAMED, Key, KeyAdded, Named, Signer, check_unused, ring_rows
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import (
    MAP,
    MOST,
    NO_CEILING,
    SAFE,
    AccountId,
    Amount,
    At,
    Between,
    Currency,
    FreeText,
    Hash,
    HolderId,
    InstructionId,
    Json,
    LogIndex,
    Origin,
    PublicKey,
    Rules,
    String,
    UnitCode,
    Word,
    as_array,
)

RULES = (1,)  # the numbers of the rules that this code can decide by; audits need the old ones too
YEAR = 31_536_000
ADMINISTRATORS_MOST = 7
COMMON = ("fees", "losses")  # common accounts that every ledger has


class KeyHolder(NamedTuple):
    """A holder and its key, as a genesis names them."""

    holder: HolderId
    key: PublicKey


@as_array
class Quorum(NamedTuple):
    """How many of whom authorise a kind of instruction."""

    whom: Literal["administrators"]
    k: Annotated[int, Between(1, ADMINISTRATORS_MOST)]


@as_array
class Predecessor(NamedTuple):
    """The ledger that this one follows: its origin, last size and root."""

    origin: Origin
    size: Annotated[int, Between(1, SAFE)]
    root: Hash


class Territory(NamedTuple):
    """The place that a ledger serves: its name and country/LAU codes."""

    name: String
    places: tuple[String, ...]


@as_array
class Parity(NamedTuple):
    """What a unit is worth: an ISO 4217 currency and its minor units for one unit."""

    currency: Currency
    minor: Annotated[int, Between(1, MOST)]


class Unit(NamedTuple):
    """What the ledger counts. `scale` is the number of decimals; amounts are integers of 10**-scale units."""

    code: UnitCode
    name: String
    scale: Annotated[int, Between(0, 6)]
    parity: Parity | None = None


class LedgerOpened(NamedTuple):
    """The ledger exists. This is the genesis, too: the instruction's own fields are the event's."""

    administrators: tuple[KeyHolder, ...]
    authority: Annotated[tuple[tuple[Word, Quorum], ...], MAP]
    backing: Literal["none", "full"]
    clerk: KeyHolder
    common: Annotated[tuple[tuple[Word, AccountId], ...], MAP]
    losses_cap: Amount
    operator: PublicKey
    origin: Origin
    policies: Annotated[tuple[tuple[Word, Json], ...], MAP]
    rules: Rules
    territory: Territory
    unit: Unit
    utc_offset: Annotated[int, Between(-1440, 1440)]
    charter: Hash | None = None
    pilot: bool | None = None
    predecessor: Predecessor | None = None

    def flaw(self) -> str | None:
        """Of form, too: absence is the one way to say no."""
        return "pilot: true, or absent" if self.pilot is False else None


class SetPolicy(NamedTuple):
    """Put one feature's policy in force. `was` is absent where the feature has none yet."""

    feature: Word
    body: Json
    was: LogIndex | None = None
    reason: FreeText | None = None


class PolicySet(NamedTuple):
    """A feature's policy, in force from the next log index."""

    feature: Word
    body: Json


class Ledger(NamedTuple):
    """The one row of a ledger: what its genesis fixed, and who governs and runs it now. Lists and maps are canonical
    JSON, ids in it hex; `administrators_since`, `clerk_since` and `operator_since` are log indexes."""

    origin: str
    administrators: str
    authority: str
    backing: str
    clerk: bytes
    common: str
    losses_cap: int
    operator: bytes
    territory: str
    unit_code: str
    unit_name: str
    unit_scale: int
    parity: str | None
    utc_offset: int
    charter: bytes | None
    pilot: int
    predecessor: str | None
    administrators_since: int
    clerk_since: int
    operator_since: int


class Policy(NamedTuple):
    """The policy in force of one feature, its body as canonical JSON, and the entry that set it."""

    feature: str
    body: str
    since: int


OPENED = Form(LedgerOpened, {"event": "ledger_opened"})
LEDGER = Noun(Ledger, keys=0)
POLICIES = Noun(Policy, keys=1)


# --- genesis


def genesis(state: State, asked: LedgerOpened, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the ledger, its holders' keys in the order signed, its common accounts by their words."""
    if state.get(LEDGER, ()) is not None or at.log_index:
        raise Refused("ledger_open")
    _check_genesis(asked, at.id)
    check_unused(state, new_keys(asked))
    for feature, body in asked.policies:
        check_policy(feature, body, asked.backing)
    holders = (*asked.administrators, asked.clerk)
    floors = {"losses": -asked.losses_cap}
    return [
        asked,
        *(KeyAdded(holder, key) for holder, key in holders),
        *(AccountOpened(account, "common", floors.get(word, 0), NO_CEILING) for word, account in asked.common),
    ]


def new_keys(asked: LedgerOpened) -> list[PublicKey]:
    """Every key that a genesis registers."""
    return [*(key for _, key in asked.administrators), asked.clerk.key, asked.operator]


def _check_genesis(asked: LedgerOpened, id: InstructionId) -> None:
    check_authority(len(asked.administrators), asked.authority, bool(asked.pilot), "genesis_invalid")
    ids = [id, *(h for h, _ in asked.administrators), asked.clerk.holder, *(a for _, a in asked.common)]
    if len(set(ids)) != len(ids):
        raise Refused("genesis_invalid", what="an id is given twice")
    if missing := [word for word in COMMON if word not in dict(asked.common)]:
        raise Refused("genesis_invalid", what=f"common: {missing[0]} is missing")
    if asked.rules not in RULES:
        raise Refused("genesis_invalid", what=f"rules: this program knows {', '.join(map(str, RULES))}")
    if "rules" in dict(asked.policies):
        raise Refused("genesis_invalid", what="policies: `rules` stands in its own field")
    if len(OPENED.text(asked)) > LINE:
        raise Refused("genesis_invalid", what=f"the event's line is longer than {LINE} octets: shorten names or places")


Authority = tuple[tuple[Word, Quorum], ...]


def check_authority(count: int, authority: Authority, pilot: bool, reason: str) -> None:
    """Refuse a number of administrators, or numbers of those who sign, with which the ledger could not be governed."""
    if not 1 <= count <= ADMINISTRATORS_MOST:
        raise Refused(reason, what=f"administrators: from 1 to {ADMINISTRATORS_MOST}")
    if "any" not in dict(authority):
        raise Refused(reason, what='authority: "any" is missing')
    for kind, quorum in authority:
        if not (quorum.k < count or (pilot and quorum.k == count == 1)):
            raise Refused(reason, what=f"authority.{kind}: k below the number of administrators"
                          " (k = n = 1 only where `pilot` is true)")  # fmt: skip


def ids_text(ids: Iterable[bytes]) -> str:
    """Ids as a row keeps them: canonical JSON of hex."""
    return canonical([id.hex() for id in ids])


def authority_text(authority: Authority) -> str:
    """An authority as a row keeps it: canonical JSON."""
    return canonical({kind: list(quorum) for kind, quorum in authority})


def ledger_opened(state: State, event: LedgerOpened, at: At) -> None:
    """Evolve: the ledger's row, its policies, the operator's key, the ids that were given."""
    unit = event.unit
    state.put(
        LEDGER,
        Ledger(
            origin=event.origin,
            administrators=ids_text(holder for holder, _ in event.administrators),
            authority=authority_text(event.authority),
            backing=event.backing,
            clerk=event.clerk.holder,
            common=canonical({word: account.hex() for word, account in event.common}),
            losses_cap=event.losses_cap,
            operator=event.operator,
            territory=canonical({"name": event.territory.name, "places": list(event.territory.places)}),
            unit_code=unit.code,
            unit_name=unit.name,
            unit_scale=unit.scale,
            parity=canonical(list(unit.parity)) if unit.parity else None,
            utc_offset=event.utc_offset,
            charter=event.charter,
            pilot=int(bool(event.pilot)),
            predecessor=canonical([event.predecessor.origin, event.predecessor.size, event.predecessor.root.hex()])
            if event.predecessor
            else None,
            administrators_since=at.log_index,
            clerk_since=at.log_index,
            operator_since=at.log_index,
        ),
    )
    for feature, body in (*event.policies, ("rules", str(event.rules))):
        state.put(POLICIES, Policy(feature, body, at.log_index))
        changes.mark(state, changes.POLICY, feature.encode(), at)
    state.put(KEYS, Key(event.operator, None, at.log_index, at.log_index, LIVE))
    holders = (*event.administrators, event.clerk)
    for id in (*(holder for holder, _ in holders), *(account for _, account in event.common)):
        state.put(NAMED, Named(InstructionId(id), at.log_index))


# --- authority


def signed_genesis(state: State, asked: LedgerOpened, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a genesis: every administrator and the clerk, each with the key it registers."""
    needed = registered_by_genesis(asked, at.id)
    if not needed <= signers:
        raise Refused("signatures_missing", needed=len(needed), valid=len(needed & signers))
    return needed


def registered_by_genesis(asked: LedgerOpened, id: InstructionId) -> frozenset[Signer]:
    """The keys of holders that a genesis registers."""
    return frozenset(Signer(holder, key) for holder, key in (*asked.administrators, asked.clerk))


def by_authority(state: State, kind: str, signers: Iterable[Signer]) -> frozenset[Signer]:
    """The signers that are administrators, if these are as many as this kind's authority asks.

    k counts administrators, never keys or lines. Raises Refused (`signatures_missing`).
    """
    ledger = state.row(LEDGER, ())
    authority = json.loads(ledger.authority)
    return enough(administrators_of(ledger), authority.get(kind, authority["any"])[1], signers)


def enough(administrators: Collection[bytes], k: int, signers: Iterable[Signer]) -> frozenset[Signer]:
    """The signers that are among these administrators, if these are at least k; raises Refused."""
    used = frozenset(signer for signer in signers if signer.holder in administrators)
    count = len({signer.holder for signer in used})
    if count < k:
        raise Refused("signatures_missing", administrators_needed=k, administrators_signed=count)
    return used


def administrators_of(ledger: Ledger) -> list[HolderId]:
    """The holders that govern a ledger now."""
    return [HolderId(bytes.fromhex(holder)) for holder in json.loads(ledger.administrators)]


# --- policies


def set_policy(state: State, asked: SetPolicy, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the policy, if it is of a known feature, well formed, and nobody was faster."""
    standing = state.get(POLICIES, asked.feature)
    check_was(standing.since if standing else None, asked.was)
    check_policy(asked.feature, asked.body, state.row(LEDGER, ()).backing)
    return [PolicySet(asked.feature, asked.body)]


def policy_set(state: State, event: PolicySet, at: At) -> None:
    """Evolve: the feature's row, new or in place of the one before."""
    state.get(POLICIES, event.feature)
    state.put(POLICIES, Policy(event.feature, event.body, at.log_index))
    changes.mark(state, changes.POLICY, event.feature.encode(), at)


def check_was(stands: int | None, was: int | None) -> None:
    """Refuse a change that was made up looking at something older than what stands."""
    if stands != was:
        raise Refused("superseded", **{name: index for name, index in (("was", was), ("stands", stands))
                                       if index is not None})  # fmt: skip


def check_policy(feature: str, body: str, backing: str) -> None:
    """Refuse a body that its feature does not understand, or whose event line would be too long to prove."""
    if feature not in FEATURES:
        raise Refused("policy_invalid", what=f"feature: one of {', '.join(sorted(FEATURES))}")
    if len(body) + len(feature) + 64 > LINE:
        raise Refused("policy_invalid", what=f"body: the event's line is longer than {LINE} octets")
    FEATURES[feature](json.loads(body), backing)


def _check_limits(body: Any, backing: str) -> None:
    if type(body) is not dict:
        raise Refused("policy_invalid", what="limits: {class: [floor, ceiling]}")
    for word, limits in body.items():
        if type(limits) is not list or len(limits) != 2 or any(type(limit) is not int for limit in limits):
            raise Refused("policy_invalid", what=f"limits.{word}: [floor, ceiling]")
        floor, ceiling = limits
        if not (-MOST <= floor <= 0 <= ceiling <= MOST):
            raise Refused("policy_invalid", what=f"limits.{word}: floor from -10^15 to 0, ceiling from 0 to 10^15")
        check_backing(floor, backing, "policy_invalid")


def check_backing(floor: int, backing: str, reason: str) -> None:
    """Refuse a credit line where every unit is a euro at the bank."""
    if backing == "full" and floor != 0:
        raise Refused(reason, what="floor: 0 in a ledger with full backing, where nobody has a credit line")


def _check_retention(body: Any, backing: str) -> None:
    if type(body) is not int or not YEAR <= body <= SAFE:
        raise Refused("policy_invalid", what=f"retention: seconds, at least a year ({YEAR})")


def _check_rules(body: Any, backing: str) -> None:
    if body not in RULES or type(body) is not int:
        raise Refused("policy_invalid", what=f"rules: this program knows {', '.join(map(str, RULES))}")


FEATURES: dict[str, Callable[[Any, str], None]] = {
    "limits": _check_limits,
    "retention": _check_retention,
    "rules": _check_rules,
}


def rows_of_genesis(asked: LedgerOpened, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The ledger's row, and the keyrings that begin, for the footprint."""
    return [*authority_row(), *ring_rows(*(holder for holder, _ in asked.administrators), asked.clerk.holder)]


def authority_row(*_: Any) -> list[tuple[Noun[Any], Any]]:
    """The row that says who has authority, for the footprint."""
    return [(LEDGER, ())]


def policy_rows(asked: SetPolicy, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The policy that is to be replaced, for the footprint."""
    return [(POLICIES, asked.feature)]


def limits_row(*_: Any) -> list[tuple[Noun[Any], Any]]:
    """The limits of the classes, for the footprint."""
    return [(POLICIES, "limits")]


def class_limits(state: State, word: str) -> tuple[int, int]:
    """Floor and ceiling that an account of this class opens with; raises Refused (`class_unknown`)."""
    policy = state.get(POLICIES, "limits")
    limits = json.loads(policy.body) if policy else {}
    if word not in limits:
        raise Refused("class_unknown", **{"class": word}, classes=sorted(limits))
    floor, ceiling = limits[word]
    return floor, ceiling


def member_account(state: State, id: AccountId) -> Any:
    """A member's account, or Refused: common accounts have kinds of their own."""
    account = state.get(ACCOUNTS, id)
    if account is None or account.kind != "member":
        raise Refused("member_account_unknown")
    return account
