"""Cancels: a holder withdraws its own signature from an instruction that is not in the log.

From then on an instruction with that id signed by the same holder is refused for ever. So after a time-out one
signed step makes a second try safe.
"""

from typing import Any, NamedTuple

from ledger.core.keys import LOGGED, NAMED, Signer
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, HolderId, InstructionId


class Cancel(NamedTuple):
    """Withdraw from the instruction `target`."""

    target: InstructionId


class Cancelled(NamedTuple):
    """The holder's signature on `target` counts no more."""

    target: InstructionId
    holder: HolderId


class CancelledTarget(NamedTuple):
    """An id that a holder has cancelled."""

    target: InstructionId
    holder: HolderId
    log_index: int


CANCELLED = Noun(CancelledTarget, keys=2)


def signed_by_one_holder(state: State, asked: Cancel, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a cancel: exactly one holder, against its own signature only."""
    if len({signer.holder for signer in signers}) != 1:
        raise Refused("signature_without_role")
    return signers


def cancel(state: State, asked: Cancel, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: refused if the target is in the log, or names something else there."""
    logged = state.get(LOGGED, asked.target)
    if logged is not None:
        raise Refused("already_logged", target=asked.target.hex(), log_index=logged.log_index)
    if state.get(NAMED, asked.target) is not None:
        raise Refused("already_logged", target=asked.target.hex())
    (holder,) = {signer.holder for signer in signers}
    state.get(CANCELLED, (asked.target, holder))  # a second cancel of the same changes nothing, and is logged
    return [Cancelled(asked.target, holder)]


def cancelled(state: State, event: Cancelled, at: At) -> None:
    """Evolve: the row that check 4 reads."""
    state.get(CANCELLED, (event.target, event.holder))
    state.put(CANCELLED, CancelledTarget(event.target, event.holder, at.log_index))


def rows_of_target(asked: Cancel, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """What the target may be beside an entry, for the footprint."""
    return [(NAMED, asked.target), *((CANCELLED, (asked.target, signer.holder)) for signer in signers)]
