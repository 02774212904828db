"""Keyrings: a holder adds, rotates and revokes its own keys; the administrators bar one that fell into wrong hands.

Keys are ranked by when they became live, and a key ends itself and younger ones only: so the first belongs on paper,
and whoever steals a telephone cannot lock its owner out.
"""

from typing import Any, NamedTuple

from ledger.core.keys import (
    ALIVE,
    BARRED,
    KEYS,
    REVOKED,
    ROTATED,
    Key,
    KeyAdded,
    Signer,
    check_further,
    keys_of,
    live_key,
    register,
    ring_rows,
    set_status,
)
from ledger.core.ledgers import LEDGER, authority_row
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, FreeText, HolderId, InstructionId, PublicKey


class AddKey(NamedTuple):
    """Give the holder a further key."""

    holder: HolderId
    key: PublicKey


class RotateKey(NamedTuple):
    """Put a new key in the place of an old one, with the old one's rank."""

    holder: HolderId
    old: PublicKey
    key: PublicKey


class RevokeKey(NamedTuple):
    """End a key of one's own."""

    holder: HolderId
    key: PublicKey


class ForceRevokeKey(NamedTuple):
    """End a holder's key, as administrators."""

    holder: HolderId
    key: PublicKey
    reason: FreeText


class KeyRotated(NamedTuple):
    """A holder's key is live from the next log index on, in the place of an old one."""

    holder: HolderId
    old: PublicKey
    key: PublicKey


class KeyRevoked(NamedTuple):
    """A holder's key counts no more. `forced`: by the administrators."""

    holder: HolderId
    key: PublicKey
    forced: bool | None = None

    def flaw(self) -> str | None:
        """Of form, too: absence is the one way to say no."""
        return "forced: true, or absent" if self.forced is False else None


# --- who signs


def signed_by_holder(
    state: State, asked: AddKey | RotateKey | RevokeKey, at: At, signers: frozenset[Signer]
) -> frozenset[Signer]:
    """Who signs a change of keys: a live key of the holder, and with it the new key, if there is one."""
    used = frozenset(signer for signer in signers if signer.holder == asked.holder)
    new = registered_key(asked, at.id)
    if not new <= used:
        raise Refused("signatures_missing", needed="the new key")
    if not used - new:
        raise Refused("signatures_missing", needed="a live key of the holder")
    return used


def registered_key(asked: AddKey | RotateKey | RevokeKey, id: InstructionId) -> frozenset[Signer]:
    """The key that a change registers."""
    return frozenset(() if isinstance(asked, RevokeKey) else (Signer(asked.holder, asked.key),))


def new_keys(asked: AddKey | RotateKey) -> list[bytes]:
    """Every key that a change registers."""
    return [asked.key]


def rows_of_keyring(asked: AddKey | RotateKey | RevokeKey | ForceRevokeKey, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The ledger's row and the holder's keyring, for the footprint."""
    return [*authority_row(), *ring_rows(asked.holder)]


# --- decisions


def add_key(state: State, asked: AddKey, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: a further key, the youngest."""
    _check_office(state, asked.holder)
    check_further(state, state.row(LEDGER, ()).origin, asked.holder, asked.key)
    return [KeyAdded(asked.holder, asked.key)]


def rotate_key(state: State, asked: RotateKey, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the new key, if the old one is no older than a key that signs."""
    _check_office(state, asked.holder)
    old = live_key(state, asked.holder, asked.old)
    _check_rank(state, old, signers)
    check_further(state, state.row(LEDGER, ()).origin, asked.holder, asked.key)
    return [KeyRotated(asked.holder, asked.old, asked.key)]


def revoke_key(state: State, asked: RevokeKey, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the key's end, if it is no older than a key that signs."""
    _check_office(state, asked.holder)
    _check_rank(state, live_key(state, asked.holder, asked.key), signers)
    keys_of(state, asked.holder)  # those whose place it took end with it
    return [KeyRevoked(asked.holder, asked.key)]


def force_revoke_key(state: State, asked: ForceRevokeKey, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the key's end, whatever its rank."""
    _check_office(state, asked.holder)
    live_key(state, asked.holder, asked.key)
    keys_of(state, asked.holder)
    return [KeyRevoked(asked.holder, asked.key, forced=True)]


def _check_office(state: State, holder: HolderId) -> None:
    if holder == state.row(LEDGER, ()).clerk:
        raise Refused("clerk_key")


def _check_rank(state: State, key: Key, signers: frozenset[Signer]) -> None:
    """Refuse the end of a key that is older than every live key of its holder that signs."""
    rows = (state.get(KEYS, signer.public) for signer in signers if signer.holder == key.holder)
    oldest = min(row.rank for row in rows if row is not None and row.status in ALIVE)
    if oldest > key.rank:
        raise Refused("key_too_young", rank=oldest, needed=key.rank)


# --- evolutions


def key_rotated(state: State, event: KeyRotated, at: At) -> None:
    """Evolve: the old key is over; the new one has its rank and, while a recovery is pending, its restraint."""
    old = state.row(KEYS, event.old)
    register(state, Key(event.key, event.holder, at.log_index, old.rank, old.status))
    set_status(state, old, ROTATED)


def key_revoked(state: State, event: KeyRevoked, at: At) -> None:
    """Evolve: the key is over, and with it, as what they gave stood on it, the keys whose place it took."""
    ended = state.row(KEYS, event.key)
    for key in keys_of(state, event.holder):
        if key.status == ROTATED and key.rank == ended.rank:
            set_status(state, key, REVOKED)
    set_status(state, ended, BARRED if event.forced else REVOKED)
