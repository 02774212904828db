"""Holders who are not members: delegates, custodians, auditors, the bank. Registered by the administrators with a key
of their own, they act in their own name; what they may do with an account is its member's to say (`grants`)."""

from typing import Any, Literal, NamedTuple

from ledger.core.keys import KeyAdded, Signer, check_unused, ring_rows
from ledger.core.ledgers import by_authority
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, FreeText, HolderId, InstructionId, PublicKey

Role = Literal["delegate", "custodian", "auditor", "bank"]


class RegisterHolder(NamedTuple):
    """Register a holder under the instruction's id. A name and an address are its profile, beside the log."""

    role: Role
    key: PublicKey
    profile: FreeText | None = None


class HolderRegistered(NamedTuple):
    """A holder may act in its own name."""

    holder: HolderId
    role: Role
    profile: FreeText | None = None


class Holder(NamedTuple):
    """A registered holder and its role."""

    id: HolderId
    role: str
    since: int


HOLDERS = Noun(Holder, keys=1)


def signed_registration(state: State, asked: RegisterHolder, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a registration: the administrators, and the holder with the key that is registered."""
    used = by_authority(state, "register_holder", signers)
    new = registered_holder(asked, at.id)
    if not new <= signers:
        raise Refused("signatures_missing", needed="the new holder's own key")
    return used | new


def registered_holder(asked: RegisterHolder, id: InstructionId) -> frozenset[Signer]:
    """The key that a registration registers, under the holder's new id."""
    return frozenset((Signer(HolderId(id), asked.key),))


def new_keys(asked: RegisterHolder) -> list[bytes]:
    """Every key that a registration registers."""
    return [asked.key]


def register_holder(state: State, asked: RegisterHolder, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the holder and its key."""
    check_unused(state, [asked.key])
    holder = HolderId(at.id)
    return [HolderRegistered(holder, asked.role, asked.profile), KeyAdded(holder, asked.key)]


def holder_registered(state: State, event: HolderRegistered, at: At) -> None:
    """Evolve: the holder's row."""
    state.put(HOLDERS, Holder(event.holder, event.role, at.log_index))


def rows_of_registration(asked: RegisterHolder, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """The keyring that the new holder begins, for the footprint."""
    return ring_rows(*(signer.holder for signer in signers if signer.public == asked.key))


def role_of(state: State, holder: HolderId) -> str | None:
    """The role of a registered holder, or None."""
    row = state.get(HOLDERS, holder)
    return row.role if row else None
