"""Keys: which public key counts for which holder, from which log index on; and ids that name something beside their
instruction.

A public key is registered once in a ledger, for one holder or as the operator's, for ever.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, HolderId, InstructionId, PublicKey


class Key(NamedTuple):
    """A public key. Without a holder it is an operator's. `since` and `rank` are log indexes: it counts for entries
    after `since`, and among its holder's keys the lowest rank is the oldest."""

    public: PublicKey
    holder: HolderId | None
    since: int
    rank: int
    status: str


class Named(NamedTuple):
    """An id that a genesis (or a later change of administrators) gave to a holder or account of its own."""

    id: InstructionId
    entry: int


class Logged(NamedTuple):
    """An instruction in the log, as far as sameness asks: the entry's index and the SHA-256 of the text."""

    id: InstructionId
    log_index: int
    text_hash: bytes


KEYS = Noun(Key, keys=1, indexes=(("holder",),))
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
    """Evolve: a live key, ranked by where it came."""
    state.put(KEYS, Key(event.key, event.holder, at.log_index, at.log_index, "live"))


def check_unused(state: State, publics: Iterable[PublicKey]) -> None:
    """Refuse a public key that this ledger has registered before, or that the text names twice."""
    seen: set[bytes] = set()
    for public in publics:
        if public in seen or state.get(KEYS, public) is not None:
            raise Refused("key_used")
        seen.add(public)


def check_live(state: State, signers: Iterable[Signer], new: Collection[Signer]) -> None:
    """Refuse a signature by a key that is not live for this instruction and not registered by its own text."""
    for signer in signers:
        if signer in new:
            continue
        holder, public = signer
        key = state.get(KEYS, public)
        if key is None or key.status != "live" or key.holder != holder:
            raise Refused("key_dead", holder=holder.hex())
