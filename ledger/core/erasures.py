"""Erasures: the note and the legs of an instruction are taken out of the log's tables, once the policy `retention`
allows it, by the administrators and an auditor whom the instruction names.

The entry stays, with its hashes, its event lines and the SHA-256 of its text: so every proof, every balance and the
outcome of the same text stand as they did. What later proofs rest on, the genesis, policies and whatever is about keys,
is never erased, and neither is an erasure.
"""

import json
from typing import Any, NamedTuple

from ledger.core.holders import HOLDERS, role_of
from ledger.core.keys import LOGGED, Signer
from ledger.core.ledgers import POLICIES, by_authority
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import At, FreeText, Hash, HolderId, InstructionId, KindName, LogIndex, as_array

ENTRIES_MOST = 256  # of one instruction: a note has room for twice as many

# Only what stands here can be erased, so that a new kind stays until someone has thought about it.
ERASABLE = ("transfer", "transfer_many", "cancel", "open_account", "set_limits", "set_facts", "suspend", "reinstate",
            "give_grant", "end_grant")  # fmt: skip


@as_array
class Target(NamedTuple):
    """An entry as an erasure names it: its log index, its instruction's id, the SHA-256 of the signed text."""

    log_index: LogIndex
    id: InstructionId
    text_hash: Hash


class Erase(NamedTuple):
    """Erase notes and legs of these entries, in log order. `auditor`: who has seen that it may be, and signs it too."""

    auditor: HolderId
    entries: tuple[Target, ...]
    reason: FreeText

    def flaw(self) -> str | None:
        """Of form, too: some entries, each once, in log order."""
        indexes = [entry.log_index for entry in self.entries]
        if not 1 <= len(indexes) <= ENTRIES_MOST:
            return f"entries: from 1 to {ENTRIES_MOST}"
        return None if indexes == sorted(set(indexes)) else "entries: each once, in the order of the log"


class Erased(NamedTuple):
    """An entry's note and legs are gone. The kind is told, as no note tells it any more."""

    entry: LogIndex
    id: InstructionId
    kind: KindName
    text_hash: Hash


class Erasure(NamedTuple):
    """An erased entry, what an auditor compares of it, and the entry that erased it."""

    log_index: int
    id: InstructionId
    kind: str
    text_hash: bytes
    erased_by: int


ERASURES = Noun(Erasure, keys=1, indexes=(("erased_by",),))


def signed_erasure(state: State, asked: Erase, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs an erasure: the administrators, and the auditor that it names."""
    used = by_authority(state, "erase", signers)
    acting = frozenset(signer for signer in signers if signer.holder == asked.auditor)
    if not acting:
        raise Refused("signatures_missing", needed="a key of the auditor named")
    return used | acting


def erase(state: State, asked: Erase, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: each entry that is named, if all may be erased."""
    if role_of(state, asked.auditor) != "auditor":
        raise Refused("auditor_unknown")
    policy = state.get(POLICIES, "retention")
    if policy is None:
        raise Refused("retention_unset")
    return [_erased(state, target, json.loads(policy.body), at.time) for target in asked.entries]


def _erased(state: State, target: Target, retention: int, now: int) -> Erased:
    logged = state.get(LOGGED, target.id)
    named = {"log_index": target.log_index}
    if logged is None or (logged.log_index, logged.text_hash) != (target.log_index, target.text_hash):
        raise Refused("entry_unknown", **named)
    if state.get(ERASURES, target.log_index) is not None:
        raise Refused("entry_erased", **named)
    if logged.kind not in ERASABLE:
        raise Refused("entry_kept", **named, kind=logged.kind)
    if logged.time + retention >= now:
        raise Refused("entry_young", **named, after=logged.time + retention)
    return Erased(target.log_index, target.id, logged.kind, target.text_hash)


def erased(state: State, event: Erased, at: At) -> None:
    """Evolve: the row by which the database lets the note go."""
    state.put(ERASURES, Erasure(event.entry, event.id, event.kind, event.text_hash, at.log_index))


def rows_of_erasure(asked: Erase, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """The auditor, the policy and all that is known of the entries, for the footprint."""
    named = ((LOGGED, target.id) for target in asked.entries)
    gone = ((ERASURES, target.log_index) for target in asked.entries)
    return [(HOLDERS, asked.auditor), (POLICIES, "retention"), *named, *gone]
