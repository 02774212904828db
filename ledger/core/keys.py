"""Keys: which public key counts for which holder, from which log index on; and ids that name something beside their
instruction.

A public key is registered once in a ledger, for one holder or as the operator's, for ever. Among a holder's keys the
one that became live first is the oldest; a key that replaces another takes over its rank.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from ledger.core.forms import base64
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, HolderId, InstructionId, PublicKey

# What a key's status may be:
LIVE = "live"
FROZEN = "frozen"  # live, but it pays nothing: its holder's recovery is pending
ROTATED = "rotated"  # another key took its place
REVOKED = "revoked"  # by its holder
BARRED = "barred"  # revoked by the administrators: it can still object to a recovery
REPLACED = "replaced"  # by a recovery, by a new clerk's or operator's key
PENDING = "pending"  # named by a recovery that is not complete
VETOED = "vetoed"  # named by a recovery that came to nothing
ALIVE = (LIVE, FROZEN)

KEYS_MOST = 256  # keys that one holder can have had


class Key(NamedTuple):
    """A public key. Without a holder it is an operator's. `since` and `rank` are log indexes: it counts for entries
    after `since`, and among its holder's keys the lowest rank is the oldest."""

    public: PublicKey
    holder: HolderId | None
    since: int
    rank: int
    status: str


class Keyring(NamedTuple):
    """All keys that a holder has ever had, in the order they came: a JSON array of hex."""

    holder: HolderId
    publics: str


class Named(NamedTuple):
    """An id that a genesis (or a later change of administrators) gave to a holder or account of its own."""

    id: InstructionId
    entry: int


class Logged(NamedTuple):
    """An instruction in the log: the entry's index, the SHA-256 of the text, which tells whether another is the same,
    the kind, and the entry's time."""

    id: InstructionId
    log_index: int
    text_hash: bytes
    kind: str
    time: int


KEYS = Noun(Key, keys=1, indexes=(("holder",),))
KEYRINGS = Noun(Keyring, keys=1)
NAMED = Noun(Named, keys=1)
LOGGED = Noun(Logged, keys=1, table="entry")


class Signer(NamedTuple):
    """A signature line that verified: whose name stands on it, and the key that made it."""

    holder: HolderId
    public: PublicKey


class KeyAdded(NamedTuple):
    """A holder's key is live from the next log index on."""

    holder: HolderId
    key: PublicKey


def key_added(state: State, event: KeyAdded, at: At) -> None:
    """Evolve: a live key, ranked by where it came; while its holder's other keys are frozen, so is this one."""
    frozen = any(key.status == FROZEN for key in keys_of(state, event.holder))
    register(state, Key(event.key, event.holder, at.log_index, at.log_index, FROZEN if frozen else LIVE))


def register(state: State, key: Key) -> None:
    """Put a holder's new key, and add it to what its holder has had."""
    assert key.holder is not None
    ring = state.get(KEYRINGS, key.holder)
    publics = [*(json.loads(ring.publics) if ring else ()), key.public.hex()]
    state.put(KEYS, key)
    state.put(KEYRINGS, Keyring(key.holder, json.dumps(publics, separators=(",", ":"))))


def set_status(state: State, key: Key, status: str) -> None:
    """Put a key with another status."""
    state.put(KEYS, key._replace(status=status))


def keys_of(state: State, holder: HolderId) -> list[Key]:
    """Every key that a holder has had, oldest registration first."""
    ring = state.get(KEYRINGS, holder)
    return [state.row(KEYS, bytes.fromhex(public)) for public in (json.loads(ring.publics) if ring else ())]


def live_key(state: State, holder: HolderId, public: PublicKey) -> Key:
    """A holder's key that counts; raises Refused (`key_unknown`)."""
    key = state.get(KEYS, public)
    if key is None or key.holder != holder or key.status not in ALIVE:
        raise Refused("key_unknown", holder=holder.hex())
    return key


def check_unused(state: State, publics: Iterable[PublicKey]) -> None:
    """Refuse a public key that this ledger has registered before, or that the text names twice."""
    seen: set[bytes] = set()
    for public in publics:
        if public in seen or state.get(KEYS, public) is not None:
            raise Refused("key_used")
        seen.add(public)


def check_further(state: State, origin: str, holder: HolderId, public: PublicKey) -> None:
    """Refuse a further key of a holder that is in use, whose key ID is that of another of its keys, or one too many."""
    check_unused(state, [public])
    standing = keys_of(state, holder)
    if len(standing) >= KEYS_MOST:
        raise Refused("keys_too_many", most=KEYS_MOST)
    if key_id(origin, holder, public) in {key_id(origin, holder, key.public) for key in standing}:
        raise Refused("key_used")


def key_id(origin: str, holder: HolderId, public: PublicKey) -> bytes:
    """The four octets by which a signature line names its key (C2SP signed-note)."""
    return hashlib.sha256(f"{origin}/{holder.hex()}\n".encode() + b"\x01" + public).digest()[:4]


def check_live(
    state: State, signers: Iterable[Signer], new: Collection[Signer], statuses: Collection[str] = ALIVE
) -> None:
    """Refuse a signature by a key that is not live for this instruction and not registered by its own text."""
    for signer in signers:
        if signer in new:
            continue
        holder, public = signer
        key = state.get(KEYS, public)
        if key is None or key.holder != holder:
            raise Refused("key_dead", holder=holder.hex())
        if key.status not in statuses:
            raise Refused("key_dead", holder=holder.hex(), key=base64(b"\x01" + public), status=key.status)


def ring_rows(*holders: HolderId) -> list[tuple[Noun[Any], Any]]:
    """What holders have had so far, for the footprint of whatever gives them a key."""
    return [(KEYRINGS, holder) for holder in holders]
