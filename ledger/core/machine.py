"""The table of contents: every noun, kind and event of the ledger, and the two verbs over them.

A new feature is one file beside this one and a line in each of these tuples; parser, encoder, footprint and tables
follow from its types.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ledger.core import (
    accounts,
    cancels,
    changes,
    erasures,
    grants,
    holders,
    keyrings,
    keys,
    ledgers,
    members,
    offices,
    recoveries,
    transfers,
    words,
)
from ledger.core.forms import BadForm, Form, ascii_of, plain_of
from ledger.core.keys import Signer
from ledger.core.refusals import Refusal, Refused
from ledger.core.state import Noun, State, snake
from ledger.core.words import Anchor, At, InstructionId, Time

EVENT = re.compile('"event":"([a-z_]+)"')
DAY, MONTH = 86_400, 2_678_400  # how long before `not_after` an instruction may be accepted, in seconds

NOUNS: tuple[Noun[Any], ...] = (
    ledgers.LEDGER,
    ledgers.POLICIES,
    members.MEMBERS,
    holders.HOLDERS,
    keys.KEYS,
    keys.KEYRINGS,
    keys.NAMED,
    recoveries.RECOVERIES,
    grants.GRANTS,
    accounts.ACCOUNTS,
    accounts.MOVEMENTS,
    transfers.ONCE,
    cancels.CANCELLED,
    erasures.ERASURES,
    changes.CHANGES,
    keys.LOGGED,
)

Formula = Callable[[State, Any, At, frozenset[Signer]], frozenset[Signer]]


class Envelope(NamedTuple):
    """What every instruction carries beside the fields of its kind."""

    id: InstructionId
    not_after: Time
    anchor: Anchor


class GenesisEnvelope(NamedTuple):
    """What a genesis carries: there is nothing yet that it could be anchored to."""

    id: InstructionId
    not_after: Time


def nothing(*_: Any) -> Any:
    """No rows, no keys: what most kinds add to what their fields say."""
    return ()


class Kind(NamedTuple):
    """A kind of instruction: its fields, its decision, who signs it and within which window before `not_after`.

    `loads` names rows that the fields' types do not tell; `publics` every public key that the text registers, and
    `registers` those of them that are a holder's, who signs with it. `by_keys`: which status of a key lets it sign.
    """

    name: str
    fields: type
    decide: Callable[[State, Any, At, frozenset[Signer]], list[Any]]
    signed: Formula
    window: int
    loads: Callable[[Any, frozenset[Signer]], Sequence[tuple[Noun[Any], Any]]] = nothing
    registers: Callable[[Any, InstructionId], frozenset[Signer]] = nothing
    publics: Callable[[Any], Sequence[bytes]] = nothing
    leg: type | None = None
    by_keys: tuple[str, ...] = keys.ALIVE


def _authority(kind: str) -> Formula:
    return lambda state, asked, at, signers: ledgers.by_authority(state, kind, signers)


def _authorised(name: str, fields: type, decide: Any, loads: Any = nothing, publics: Any = nothing) -> Kind:
    """A kind that the administrators sign, as many as the authority says for it."""
    return Kind(name, fields, decide, _authority(name), MONTH, _with_authority(loads), publics=publics)


def _with_authority(loads: Any) -> Any:
    return lambda asked, signers: [*ledgers.authority_row(), *loads(asked, signers)]


KINDS = (
    Kind("genesis", ledgers.LedgerOpened, ledgers.genesis, ledgers.signed_genesis, MONTH, ledgers.rows_of_genesis,
         registers=ledgers.registered_by_genesis, publics=ledgers.new_keys),
    Kind("admit", members.Admit, members.admit, members.signed_admission, MONTH,
         _with_authority(members.rows_of_admission), members.registered_by_admission, members.new_keys),
    _authorised("open_account", members.OpenAccount, members.open_account, ledgers.limits_row),
    _authorised("set_limits", members.SetLimits, members.set_limits),
    _authorised("set_facts", members.SetFacts, members.set_facts, members.beneficiary),
    _authorised("suspend", members.Suspend, members.suspend),
    _authorised("reinstate", members.Reinstate, members.reinstate),
    _authorised("set_policy", ledgers.SetPolicy, ledgers.set_policy, ledgers.policy_rows),
    Kind("set_administrators", offices.SetAdministrators, offices.set_administrators, offices.signed_by_old_and_new,
         MONTH, offices.rows_of_administrators, offices.registered_administrators, offices.new_administrators_keys),
    _authorised("set_operator", offices.SetOperator, offices.set_operator, publics=offices.new_operators_key),
    Kind("set_clerk", offices.SetClerk, offices.set_clerk, offices.signed_with_clerk, MONTH,
         _with_authority(offices.rows_of_clerk), offices.registered_clerk, offices.new_clerks_key),
    Kind("register_holder", holders.RegisterHolder, holders.register_holder, holders.signed_registration, MONTH,
         _with_authority(holders.rows_of_registration), holders.registered_holder, holders.new_keys),
    Kind("add_key", keyrings.AddKey, keyrings.add_key, keyrings.signed_by_holder, DAY,
         keyrings.rows_of_keyring, keyrings.registered_key, keyrings.new_keys),
    Kind("rotate_key", keyrings.RotateKey, keyrings.rotate_key, keyrings.signed_by_holder, DAY,
         keyrings.rows_of_keyring, keyrings.registered_key, keyrings.new_keys),
    Kind("revoke_key", keyrings.RevokeKey, keyrings.revoke_key, keyrings.signed_by_holder, DAY,
         keyrings.rows_of_keyring),
    _authorised("force_revoke_key", keyrings.ForceRevokeKey, keyrings.force_revoke_key, keyrings.rows_of_keyring),
    Kind("recover", recoveries.Recover, recoveries.recover, recoveries.signed_recovery, MONTH,
         recoveries.rows_of_recovery, recoveries.registered_key, recoveries.new_keys),
    Kind("veto", recoveries.Veto, recoveries.veto, recoveries.signed_veto, DAY, recoveries.rows_of_recovery,
         by_keys=(*keys.ALIVE, keys.BARRED)),
    Kind("complete_recovery", recoveries.CompleteRecovery, recoveries.complete_recovery, recoveries.signed_completion,
         DAY, recoveries.rows_of_recovery, recoveries.registered_key),
    Kind("give_grant", grants.GiveGrant, grants.give_grant, grants.signed_by_member, DAY, grants.rows_of_grant),
    Kind("end_grant", grants.EndGrant, grants.end_grant, grants.signed_by_member, DAY, grants.rows_of_grant),
    Kind("transfer", transfers.Transfer, transfers.transfer, grants.signed_by_payer("transfer"), DAY,
         transfers.rows_of_transfer),
    Kind("transfer_many", transfers.TransferMany, transfers.transfer_many, grants.signed_by_payer("transfer_many"), DAY,
         transfers.rows_of_legs, leg=transfers.Leg),
    Kind("cancel", cancels.Cancel, cancels.cancel, cancels.signed_by_one_holder, DAY, cancels.rows_of_target),
    Kind("erase", erasures.Erase, erasures.erase, erasures.signed_erasure, MONTH,
         _with_authority(erasures.rows_of_erasure)),
)  # fmt: skip

# What was decided otherwise before, for audits and for ledgers that go on by it: the last number of the rules that
# decided so, and the kind as it was. Whoever changes a decision adds a number to `ledgers.RULES`, changes the kind
# above and keeps its line here; the number is in force from a policy `rules` on.
FORMER: tuple[tuple[int, Kind], ...] = ()

EVENTS: tuple[tuple[type, Callable[[State, Any, At], None]], ...] = (
    (ledgers.LedgerOpened, ledgers.ledger_opened),
    (ledgers.PolicySet, ledgers.policy_set),
    (offices.AdministratorsSet, offices.administrators_set),
    (offices.OperatorSet, offices.operator_set),
    (offices.ClerkSet, offices.clerk_set),
    (holders.HolderRegistered, holders.holder_registered),
    (keys.KeyAdded, keys.key_added),
    (keyrings.KeyRotated, keyrings.key_rotated),
    (keyrings.KeyRevoked, keyrings.key_revoked),
    (recoveries.RecoveryStarted, recoveries.recovery_started),
    (recoveries.RecoveryVetoed, recoveries.recovery_vetoed),
    (recoveries.RecoveryDelayed, recoveries.recovery_delayed),
    (recoveries.RecoveryCompleted, recoveries.recovery_completed),
    (members.MemberAdmitted, members.member_admitted),
    (members.FactsSet, members.facts_set),
    (accounts.AccountOpened, accounts.account_opened),
    (accounts.LimitsSet, accounts.limits_set),
    (accounts.StatusSet, accounts.status_set),
    (grants.GrantGiven, grants.grant_given),
    (grants.GrantEnded, grants.grant_ended),
    (accounts.Moved, accounts.moved),
    (grants.GrantUsed, grants.grant_used),
    (transfers.OnceUsed, transfers.once_used),
    (cancels.Cancelled, cancels.cancelled),
    (erasures.Erased, erasures.erased),
)

REFERENCES: dict[Any, Noun[Any]] = {
    words.InstructionId: keys.LOGGED,
    words.MemberId: members.MEMBERS,
    words.AccountId: accounts.ACCOUNTS,
    words.PublicKey: keys.KEYS,
}


def kinds_of(rules: int) -> dict[str, Kind]:
    """The kinds as rules of this number decide them."""
    former = sorted((one for one in FORMER if rules <= one[0]), key=lambda one: one[0], reverse=True)
    return {kind.name: kind for kind in (*KINDS, *(kind for _, kind in former))}


# --- derived from the tables above

BY_KIND = {kind.name: kind for kind in KINDS}
BY_RULES = {str(number): kinds_of(number) for number in ledgers.RULES}
FORMS: dict[str, Form[Any]] = {
    kind.name: Form(kind.fields, envelope=GenesisEnvelope if kind.name == "genesis" else Envelope) for kind in KINDS
}
LEGS: dict[str, Form[Any]] = {kind.name: Form(kind.leg) for kind in KINDS if kind.leg}
EVENT_FORMS: dict[str, Form[Any]] = {snake(event.__name__): Form(event, {"event": snake(event.__name__)})
                                     for event, _ in EVENTS}  # fmt: skip
EVOLVE = dict(EVENTS)
WRITE: dict[type, Callable[[Any], str]] = {form.form: form.text for form in EVENT_FORMS.values()}
_ROWS = {
    name: tuple((place, REFERENCES[hint]) for place, hint in form.references() if hint in REFERENCES)
    for name, form in FORMS.items()
}


class Verified(NamedTuple):
    """An instruction that passed checks 1 and 2. `anchor`: what the log answered to its anchor."""

    kind: str
    asked: Any
    id: InstructionId
    not_after: int
    anchor: Literal["true", "ahead", "wrong"]
    text_hash: bytes
    signers: frozenset[Signer]


class Repeat(NamedTuple):
    """The same text is in the log already: the outcome is that entry's."""

    log_index: int


Outcome = list[Any] | Refusal | Repeat


class UnknownRules(Exception):
    """The rules in force are of a number that this program cannot decide by: a newer release is needed."""

    def __init__(self, rules: str):
        known = ", ".join(BY_RULES)
        super().__init__(f"rules {rules} are in force, and this release decides by {known} alone: use a newer one")


def footprints(instructions: Iterable[Verified]) -> dict[Noun[Any], dict[Any, None]]:
    """The footprints of many instructions: by noun, each key once."""
    wanted: dict[Noun[Any], dict[Any, None]] = {noun: {} for noun in NOUNS}
    wanted[ledgers.POLICIES]["rules"] = None
    logged, named, publics, cancelled = (
        wanted[noun] for noun in (keys.LOGGED, keys.NAMED, keys.KEYS, cancels.CANCELLED)
    )
    for kind, asked, id, _, _, _, signers in instructions:
        logged[id] = named[id] = None
        for holder, public in signers:
            publics[public] = cancelled[id, holder] = None
        for place, noun in _ROWS[kind]:
            if asked[place] is not None:
                wanted[noun][asked[place]] = None
        for noun, key in BY_KIND[kind].loads(asked, signers):
            wanted[noun][key] = None
    return wanted


def decide(state: State, instruction: Verified, at: At) -> Outcome:
    """What the instruction comes to at this log index and time: its events, a refusal, or the entry it has.

    Changes nothing. Raises NotLoaded where the state lacks a row that the decision reads; UnknownRules.
    """
    try:
        return _repeat(state, instruction) or _decide(state, instruction, at)
    except Refused as refused:
        return refused.refusal


def _repeat(state: State, instruction: Verified) -> Repeat | None:
    """Check 3: the id is free, or in the log with this very text."""
    logged = state.get(keys.LOGGED, instruction.id)
    if logged is None:
        if state.get(keys.NAMED, instruction.id) is not None:
            raise Refused("id_used")
        return None
    if logged.text_hash != instruction.text_hash:
        raise Refused("id_used")
    return Repeat(logged.log_index)


def _decide(state: State, instruction: Verified, at: At) -> list[Any]:
    kind, asked, signers = _in_force(state)[instruction.kind], instruction.asked, instruction.signers
    for holder, _ in signers:
        if state.get(cancels.CANCELLED, (instruction.id, holder)) is not None:
            raise Refused("cancelled")
    if not instruction.not_after - kind.window <= at.time <= instruction.not_after:
        raise _out_of_time(instruction, kind.window, at)
    if instruction.anchor != "true":
        raise Refused("anchor_ahead" if instruction.anchor == "ahead" else "anchor_wrong")
    keys.check_live(state, signers, kind.registers(asked, instruction.id), kind.by_keys)
    if not signers <= kind.signed(state, asked, at, signers):
        raise Refused("signature_without_role")
    return kind.decide(state, asked, at, signers)


def _in_force(state: State) -> dict[str, Kind]:
    """The kinds as the rules in force decide them; before the genesis, as today's do."""
    policy = state.get(ledgers.POLICIES, "rules")
    kinds = BY_RULES.get(policy.body) if policy else BY_KIND
    if kinds is None:
        raise UnknownRules(policy.body if policy else "")
    return kinds


def _out_of_time(instruction: Verified, window: int, at: At) -> Refused:
    if at.time > instruction.not_after:
        return Refused("expired", not_after=instruction.not_after, time=at.time)
    return Refused("not_yet_valid", not_after=instruction.not_after, time=at.time, window=window)


def evolve(state: State, event: Any, at: At) -> None:
    """Apply one event. Never refuses: what is in a log has been decided."""
    EVOLVE[type(event)](state, event, at)


def read_event(octets: bytes) -> Any:
    """The event of a salted line's JSON; raises BadForm, also for a kind of event that this program does not know."""
    text = ascii_of(octets)
    written = EVENT.search(text)
    if written is not None and (form := EVENT_FORMS.get(written[1])) and (found := form.read_written(text)):
        return found[0]
    plain = plain_of(text)
    name = plain.get("event") if isinstance(plain, dict) else None
    if not isinstance(name, str) or name not in EVENT_FORMS:
        raise BadForm(f"unknown event {str(name)[:40]!r}")
    return EVENT_FORMS[name].read_plain(plain, text)[0]


def write_event(event: Any) -> str:
    """The event's canonical JSON."""
    return WRITE[type(event)](event)
