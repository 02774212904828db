"""Recoveries: a holder who has lost its keys, or lost them to somebody, gets a new one through the administrators.

A recovery stops the holder's outgoing payments and changes nothing else. Three days later the new key completes it:
then it counts, and every older key of the holder is dead. Until then a live key of the holder can veto it; the veto of
a key that the administrators had barred delays it, once, to 30 days, so that administrators alone can take nobody's
account in silence.
"""

from typing import Any, NamedTuple

from ledger.core.keys import (
    ALIVE,
    FROZEN,
    KEYS,
    LIVE,
    PENDING,
    REPLACED,
    ROTATED,
    VETOED,
    Key,
    Signer,
    check_further,
    keys_of,
    register,
    ring_rows,
    set_status,
)
from ledger.core.ledgers import LEDGER, authority_row, by_authority
from ledger.core.members import MEMBERS
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, FreeText, HolderId, InstructionId, MemberId, PublicKey, Time

WAIT_S = 259_200  # from a recovery to its completion
DELAYED_S = 2_592_000  # the same, after the veto of a barred key


class Recover(NamedTuple):
    """Begin to replace every key of a holder by a new one."""

    holder: HolderId
    key: PublicKey
    reason: FreeText


class Veto(NamedTuple):
    """Object to a recovery of one's own keys."""

    recovery: InstructionId
    holder: HolderId


class CompleteRecovery(NamedTuple):
    """Let the recovery's key count, now that nobody has objected in time."""

    recovery: InstructionId
    holder: HolderId
    key: PublicKey


class RecoveryStarted(NamedTuple):
    """The holder's outgoing payments stop; the key can be completed from `due` on."""

    recovery: InstructionId
    holder: HolderId
    key: PublicKey
    due: Time


class RecoveryVetoed(NamedTuple):
    """The recovery came to nothing."""

    recovery: InstructionId
    holder: HolderId


class RecoveryDelayed(NamedTuple):
    """The recovery can be completed from `due` on, and not before."""

    recovery: InstructionId
    holder: HolderId
    due: Time


class RecoveryCompleted(NamedTuple):
    """The key is live from the next log index on, and the holder's only one."""

    recovery: InstructionId
    holder: HolderId
    key: PublicKey


class Recovery(NamedTuple):
    """A holder's latest recovery. `started` and `due` are times, `delayed` is 0 or 1; `status` is pending, vetoed or
    completed."""

    holder: HolderId
    id: InstructionId
    key: PublicKey
    started: int
    due: int
    delayed: int
    status: str


RECOVERIES = Noun(Recovery, keys=1)


def pending(state: State, holder: HolderId) -> Recovery | None:
    """The holder's recovery, if one is pending."""
    recovery = state.get(RECOVERIES, holder)
    return recovery if recovery is not None and recovery.status == PENDING else None


# --- the beginning


def signed_recovery(state: State, asked: Recover, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a recovery: the administrators, and the new key."""
    used = by_authority(state, "recover", signers)
    new = registered_key(asked, at.id)
    if not new <= signers:
        raise Refused("signatures_missing", needed="the holder's new key")
    return used | new


def registered_key(asked: Recover | CompleteRecovery, id: InstructionId) -> frozenset[Signer]:
    """The key that a recovery names, which signs for its holder before it is live."""
    return frozenset((Signer(asked.holder, asked.key),))


def new_keys(asked: Recover) -> list[bytes]:
    """Every key that a recovery registers."""
    return [asked.key]


def recover(state: State, asked: Recover, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: a recovery, if the holder exists and has none pending."""
    ledger = state.row(LEDGER, ())
    if asked.holder == ledger.clerk:
        raise Refused("clerk_key")
    if not keys_of(state, asked.holder) and state.get(MEMBERS, MemberId(asked.holder)) is None:
        raise Refused("holder_unknown")
    if standing := pending(state, asked.holder):
        raise Refused("recovery_pending", recovery=standing.id.hex(), due=standing.due)
    check_further(state, ledger.origin, asked.holder, asked.key)
    return [RecoveryStarted(at.id, asked.holder, asked.key, at.time + WAIT_S)]


def recovery_started(state: State, event: RecoveryStarted, at: At) -> None:
    """Evolve: the recovery; the holder's live keys pay nothing; the new key is registered and does not count."""
    standing, _ = keys_of(state, event.holder), state.get(RECOVERIES, event.holder)
    register(state, Key(event.key, event.holder, at.log_index, at.log_index, PENDING))
    for key in standing:
        if key.status == LIVE:
            set_status(state, key, FROZEN)
    state.put(
        RECOVERIES, Recovery(event.holder, event.recovery, event.key, at.time, event.due, delayed=0, status=PENDING)
    )


# --- objection


def signed_veto(state: State, asked: Veto, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a veto: a key of the holder that is live, or was barred by the administrators."""
    used = frozenset(signer for signer in signers if signer.holder == asked.holder)
    if not used:
        raise Refused("signatures_missing", needed="a key of the holder")
    return used


def veto(state: State, asked: Veto, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the recovery's end by a live key; by a barred one a delay, once."""
    standing = _named(state, asked.holder, asked.recovery)
    keys = [state.row(KEYS, signer.public) for signer in signers]
    keys_of(state, asked.holder)  # what evolve sets free
    if any(key.status in ALIVE for key in keys):
        return [RecoveryVetoed(asked.recovery, asked.holder)]
    if standing.delayed:
        raise Refused("veto_spent", due=standing.due)
    return [RecoveryDelayed(asked.recovery, asked.holder, standing.started + DELAYED_S)]


def _named(state: State, holder: HolderId, recovery: InstructionId) -> Recovery:
    standing = pending(state, holder)
    if standing is None or standing.id != recovery:
        raise Refused("recovery_unknown")
    return standing


def recovery_vetoed(state: State, event: RecoveryVetoed, at: At) -> None:
    """Evolve: the holder's keys are free again, and the new one never counts."""
    recovery, standing = state.row(RECOVERIES, event.holder), keys_of(state, event.holder)
    for key in standing:
        if key.status in (FROZEN, PENDING):
            set_status(state, key, LIVE if key.status == FROZEN else VETOED)
    state.put(RECOVERIES, recovery._replace(status=VETOED))


def recovery_delayed(state: State, event: RecoveryDelayed, at: At) -> None:
    """Evolve: a later day, once."""
    state.put(RECOVERIES, state.row(RECOVERIES, event.holder)._replace(due=event.due, delayed=1))


# --- completion


def signed_completion(state: State, asked: CompleteRecovery, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a completion: the new key."""
    new = registered_key(asked, at.id)
    if not new <= signers:
        raise Refused("signatures_missing", needed="the holder's new key")
    return new


def complete_recovery(state: State, asked: CompleteRecovery, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the new key counts, if its day has come."""
    standing = _named(state, asked.holder, asked.recovery)
    if standing.key != asked.key:
        raise Refused("recovery_unknown")
    if at.time < standing.due:
        raise Refused("recovery_early", due=standing.due, time=at.time)
    keys_of(state, asked.holder)
    state.get(MEMBERS, MemberId(asked.holder))
    return [RecoveryCompleted(asked.recovery, asked.holder, asked.key)]


def recovery_completed(state: State, event: RecoveryCompleted, at: At) -> None:
    """Evolve: one live key, all others dead; a member under custody is in its own hands from now on."""
    recovery, standing = state.row(RECOVERIES, event.holder), keys_of(state, event.holder)
    member = state.get(MEMBERS, MemberId(event.holder))
    for key in standing:
        if key.status in (*ALIVE, ROTATED):  # a grant that a rotated one gave ends as well
            set_status(state, key, REPLACED)
    state.put(KEYS, Key(event.key, event.holder, at.log_index, at.log_index, LIVE))
    state.put(RECOVERIES, recovery._replace(status="completed"))
    if member is not None and member.custodian is not None:
        state.put(MEMBERS, member._replace(custodian=None))


# --- footprints


def rows_of_recovery(asked: Recover | Veto | CompleteRecovery, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The ledger, the holder's keyring, its recovery, and its row as a member, for the footprint."""
    return [
        *authority_row(),
        *ring_rows(asked.holder),
        (RECOVERIES, asked.holder),
        (MEMBERS, MemberId(asked.holder)),
    ]
