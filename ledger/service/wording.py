"""In words, what an instruction will do once it is logged, and who signs it: for a person, before it signs.

The words are made from the very object that is signed, never from what was asked for. One line a kind; a test shows
the table complete.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ledger.core import ledgers
from ledger.core.cancels import Cancel
from ledger.core.erasures import Erase
from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.holders import RegisterHolder
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.ledgers import Ledger, LedgerOpened, Quorum, SetPolicy
from ledger.core.machine import BY_KIND, MONTH, Verified
from ledger.core.members import Admit, Facts, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import DELAYED_S, WAIT_S, CompleteRecovery, Recover, Veto
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.files.amounts import decimal_text
from ledger.log import keys, salted

LAST_S = 253_402_300_799  # the last second of the year 9999


class Unit(NamedTuple):
    """What amounts are told in; `MINOR` where the ledger is not known."""

    code: str
    scale: int

    def text(self, minor: int) -> str:
        """An amount as people write it, such as 34.30 SOL."""
        return f"{decimal_text(minor, self.scale)} {self.code}"


MINOR = Unit("minor units", 0)


class Terms(NamedTuple):
    """What of a ledger the words need: its unit, and how many administrators sign what, as the authority says it."""

    unit: Unit = MINOR
    authority: Mapping[str, Any] = {}


def terms_of(ledger: Ledger) -> Terms:
    """The terms of a ledger that is there."""
    return Terms(Unit(ledger.unit_code, ledger.unit_scale), json.loads(ledger.authority))


def words(terms: Terms, instruction: Verified, texts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Sentences: what the instruction does, which free texts come with it, who signs it, until when it can be logged.
    `texts`: fields and lines."""
    said = list(WORDS[instruction.kind](instruction.asked, instruction.id, terms.unit))
    said += [f"Kept beside the log as its {field}: {salted.parse_free_text(line)}" for field, line in texts]
    until = f"It can be logged until {moment(instruction.not_after)}, and never later."
    return [*said, _signed(terms.authority, instruction.kind), until]


def moment(seconds: int) -> str:
    """Unix seconds as a person reads them; as they are where no calendar reaches."""
    if seconds > LAST_S:
        return f"{seconds} (Unix seconds)"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _signed(authority: Mapping[str, Any], kind: str) -> str:
    if BY_KIND[kind].window != MONTH:
        return SIGNED.get(kind, "The member whose account pays signs it, or a holder that it has given a grant.")
    if kind == "genesis":
        return "Every administrator and the clerk sign it."
    _, k = authority.get(kind) or authority.get("any") or ("", "Enough")
    return f"{k} of the administrators sign it{ALSO.get(kind, '')}."


SIGNED = {
    "cancel": "You alone sign it.",
    "add_key": "The holder signs it with a live key, and with the new one.",
    "rotate_key": "The holder signs it with a live key no younger than the old one, and with the new one.",
    "revoke_key": "The holder signs it with that key, or with an older one.",
    "veto": "The holder signs it, with any key that is live or that the administrators have ended.",
    "complete_recovery": "The holder signs it with the new key.",
    "give_grant": "The account's member signs it.",
    "end_grant": "The account's member signs it.",
}
ALSO = {
    "admit": ", and the new member with its own key, or its custodian",
    "register_holder": ", and the new holder with its own key",
    "recover": ", and the holder with the new key",
    "set_clerk": ", and the clerk with the new key",
    "erase": ", and the auditor named",
    "set_administrators": ", of the new ones as many as it says itself, and each who is new with the key named",
}


# --- the kinds


def _genesis(asked: LedgerOpened, id: bytes, unit: Unit) -> Iterator[str]:
    """All that a genesis fixes for ever, in a unit of its own."""
    own = Unit(asked.unit.code, asked.unit.scale)
    places = ", ".join(asked.territory.places) or "no place named"
    pilot = " as a pilot" * bool(asked.pilot)
    yield f"The ledger {asked.origin} is opened{pilot}, for the territory {asked.territory.name} ({places})."
    yield from _unit(asked.unit)
    backed = (
        "Every account's floor is zero: each unit is backed." if asked.backing == "full" else "It is mutual credit."
    )
    yield f"{backed} The common account for losses may go down to {own.text(-asked.losses_cap)}."
    for holder, key in asked.administrators:
        yield f"Administrator is {holder.hex()}, with the key {keys.encode(key)}."
    yield from _authority(asked.authority)
    yield f"The clerk is {asked.clerk.holder.hex()}, with the key {keys.encode(asked.clerk.key)}."
    yield f"Checkpoints are signed with the key {keys.encode(asked.operator)}."
    for word, account in asked.common:
        yield f"The common account for {word} is {account.hex()}."
    for feature, body in asked.policies:
        yield f"The policy {feature} is {body} from the beginning, amounts in minor units."
    yield f"The rules are number {asked.rules}. Its calendar is {asked.utc_offset:+d} minutes from UTC."
    yield from _origins(asked)


def _unit(unit: ledgers.Unit) -> Iterator[str]:
    yield f"It counts in {unit.name} ({unit.code}), with {unit.scale} decimals."
    if unit.parity:
        yield f"One {unit.code} is worth {unit.parity.minor} minor units of {unit.parity.currency}."


def _origins(asked: LedgerOpened) -> Iterator[str]:
    """What came before the ledger."""
    if asked.charter:
        yield f"The SHA-256 of its statutes is {asked.charter.hex()}."
    if asked.predecessor:
        origin, size, root = asked.predecessor
        yield f"It follows the ledger {origin}, which ended with {size} entries and the root {root.hex()}."


def _authority(authority: Iterable[tuple[str, Quorum]]) -> Iterator[str]:
    for kind, quorum in authority:
        yield f"{quorum.k} of them sign {'whatever is not named apart' if kind == 'any' else kind}."


def _admit(asked: Admit, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"A member is admitted with the id {id.hex()}, and gets an account of the class {asked.class_} under that id."
    yield _facts(asked.facts)
    if asked.key:
        yield f"It signs with the key {keys.encode(asked.key)}."
    if asked.custodian:
        yield f"It has no key of its own yet: holder {asked.custodian.hex()} acts for it on all its accounts."


def _open_account(asked: OpenAccount, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"Member {asked.member.hex()} gets a further account, of the class {asked.class_}, with the id {id.hex()}."


def _set_limits(asked: SetLimits, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Account {asked.account.hex()} may go down to {unit.text(asked.floor)} and up to {unit.text(asked.ceiling)}, "
        f"if nobody has changed its limits since entry {asked.was}."
    )


def _set_facts(asked: SetFacts, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"What the ledger knows of member {asked.member.hex()} is replaced, "
        f"if nobody has changed it since entry {asked.was}."
    )
    yield _facts(asked.facts)


def _facts(facts: Facts) -> str:
    inside = "inside" if facts.inside else "outside"
    sse = "part" if facts.sse else "no part"
    sector = f", sector {facts.sector}" if facts.sector else ""
    beneficiary = f", for the benefit of member {facts.beneficiary.hex()}" if facts.beneficiary else ""
    return (
        f"Of the member: {facts.kind}, in {facts.place}, {inside} the territory, {sse} of the social and solidarity "
        f"economy{sector}{beneficiary}."
    )


def _suspend(asked: Suspend, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Account {asked.account.hex()} is suspended: it pays nothing and still receives, "
        f"if nobody has changed its status since entry {asked.was}."
    )


def _reinstate(asked: Reinstate, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Account {asked.account.hex()} may pay again, if nobody has changed its status since entry {asked.was}."
    )  # fmt: skip


def _set_policy(asked: SetPolicy, id: bytes, unit: Unit) -> Iterator[str]:
    stands = "it has none yet" if asked.was is None else f"nobody has changed it since entry {asked.was}"
    yield f"The policy {asked.feature} becomes {asked.body} from the next entry on, if {stands}."


def _set_administrators(asked: SetAdministrators, id: bytes, unit: Unit) -> Iterator[str]:
    named = ", ".join(holder.hex() for holder in asked.administrators)
    yield f"The administrators are from then on {named}, if nobody has changed them since entry {asked.was}."
    yield from _authority(asked.authority)
    for holder, key in asked.new or ():
        yield f"New is {holder.hex()}, with the key {keys.encode(key)}."


def _set_operator(asked: SetOperator, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Checkpoints are signed with the key {keys.encode(asked.operator)} from then on, "
        f"if nobody has changed it since entry {asked.was}."
    )


def _set_clerk(asked: SetClerk, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"The clerk {asked.clerk.holder.hex()} signs with the key {keys.encode(asked.clerk.key)} alone from then on, "
        f"if nobody has changed it since entry {asked.was}."
    )


def _register_holder(asked: RegisterHolder, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"A holder is registered as {asked.role}, with the id {id.hex()}."
    yield f"It signs with the key {keys.encode(asked.key)}."


def _add_key(asked: AddKey, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"Holder {asked.holder.hex()} signs with the key {keys.encode(asked.key)}, too, from then on."


def _rotate_key(asked: RotateKey, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Holder {asked.holder.hex()} signs with the key {keys.encode(asked.key)} from then on, "
        f"in place of {keys.encode(asked.old)}, which counts no more."
    )


def _revoke_key(asked: RevokeKey | ForceRevokeKey, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"The key {keys.encode(asked.key)} of holder {asked.holder.hex()} counts no more, and never again."


def _recover(asked: Recover, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Holder {asked.holder.hex()} is to sign with the key {keys.encode(asked.key)} alone. Its payments stop at "
        f"once; after {WAIT_S // 86_400} days the new key can complete this, unless a live key of the holder vetoes it."
    )


def _veto(asked: Veto, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"The recovery {asked.recovery.hex()} of holder {asked.holder.hex()} comes to nothing; "
        f"by a key that the administrators have ended, it is delayed to {DELAYED_S // 86_400} days instead."
    )


def _complete_recovery(asked: CompleteRecovery, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Holder {asked.holder.hex()} signs with the key {keys.encode(asked.key)} alone from then on: "
        "all its other keys are dead, and its payments go on."
    )


def _give_grant(asked: GiveGrant, id: bytes, unit: Unit) -> Iterator[str]:
    stands = "it has none yet" if asked.was is None else f"nobody has changed its grant since entry {asked.was}"
    kinds = ", ".join(asked.kinds)
    yield f"Holder {asked.holder.hex()} may do with account {asked.account.hex()}: {kinds}; if {stands}."
    bounds = (("a payment", asked.payment), ("a day", asked.day), ("a month", asked.month))
    for name, bound in bounds:
        if bound is not None:
            yield f"At most {unit.text(bound)} {name}."
    if asked.until is not None:
        yield f"Until {moment(asked.until)}."


def _end_grant(asked: EndGrant, id: bytes, unit: Unit) -> Iterator[str]:
    yield (
        f"Holder {asked.holder.hex()} may do nothing more with account {asked.account.hex()}, "
        f"if nobody has changed its grant since entry {asked.was}."
    )


def _transfer(asked: Transfer, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"Account {asked.payer.hex()} pays {unit.text(asked.amount)} to account {asked.payee.hex()}{_marks(asked)}."


def _transfer_many(asked: TransferMany, id: bytes, unit: Unit) -> Iterator[str]:
    legs: Sequence[Leg] = asked.legs.items
    total = unit.text(sum(leg.amount for leg in legs))
    yield f"Account {asked.payer.hex()} pays {total} in {len(legs)} payments, all of them or none."
    for n, leg in enumerate(legs, 1):
        yield f"Payment {n}: {unit.text(leg.amount)} to account {leg.payee.hex()}{_marks(leg)}."


def _marks(asked: Transfer | Leg) -> str:
    """What a payment carries beside its amount."""
    said = [
        f"for the purpose {asked.purpose}" if asked.purpose else "",
        f"with the reference {asked.ref}" if asked.ref else "",
        f"and uses the word {asked.once}, which it can use once" if asked.once else "",
    ]
    return "".join(f", {one}" for one in said if one)


def _cancel(asked: Cancel, id: bytes, unit: Unit) -> Iterator[str]:
    yield f"Your signature on the instruction {asked.target.hex()} counts no more, if that is not in the log by then."


def _erase(asked: Erase, id: bytes, unit: Unit) -> Iterator[str]:
    named = ", ".join(str(entry.log_index) for entry in asked.entries)
    yield (
        f"Of these entries the note, the signatures, the legs and the free texts are erased for ever: {named}. "
        "What they did stands, and so does every proof."
    )
    yield f"Auditor {asked.auditor.hex()} has agreed to it."


WORDS: dict[str, Callable[[Any, bytes, Unit], Iterator[str]]] = {
    "genesis": _genesis,
    "admit": _admit,
    "open_account": _open_account,
    "set_limits": _set_limits,
    "set_facts": _set_facts,
    "suspend": _suspend,
    "reinstate": _reinstate,
    "set_policy": _set_policy,
    "set_administrators": _set_administrators,
    "set_operator": _set_operator,
    "set_clerk": _set_clerk,
    "register_holder": _register_holder,
    "add_key": _add_key,
    "rotate_key": _rotate_key,
    "revoke_key": _revoke_key,
    "force_revoke_key": _revoke_key,
    "recover": _recover,
    "veto": _veto,
    "complete_recovery": _complete_recovery,
    "give_grant": _give_grant,
    "end_grant": _end_grant,
    "transfer": _transfer,
    "transfer_many": _transfer_many,
    "cancel": _cancel,
    "erase": _erase,
}
