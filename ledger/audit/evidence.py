"""What can be checked of one entry by itself, in any process: hashes, form, signatures.

The rest of the ledger comes in as what the entry needs of it: the keys of the holders on its signature lines. What the
log says to its anchor is left to the process that replays.

Of an entry whose note was erased the hashes, the event lines and what is kept of the instruction are left to check.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.ambient.collector import uncollected
from ledger.audit.fault import Fault, at_entry
from ledger.core.keys import Signer
from ledger.core.machine import FORMS, Verified
from ledger.core.refusals import Refusal
from ledger.core.state import made
from ledger.core.words import Anchor
from ledger.intake.submission import verify_stored
from ledger.log import checkpoint, entry, keys, salted
from ledger.log.malformed import Malformed
from ledger.store.log import EntryRow

_SIGNERS = re.compile(rb"/([0-9a-f]{32}) [A-Za-z0-9+/=]+\n")

Publics = Mapping[bytes, Sequence[bytes]]  # public keys by holder
Gone = Mapping[int, tuple[bytes, str, bytes]]  # by log index, id, kind and text's hash of what erasures name
Operator = tuple[int, bytes]  # the entry that names an operator's key, and the key
CheckpointRow = tuple[int, bytes, bytes]  # size, root, note


class Evidence(NamedTuple):
    """What an entry's octets prove: the verified instruction (None: it was erased), and its anchor, which nobody has
    looked at yet."""

    instruction: Verified | None
    anchor: Anchor | None

    def __reduce__(self) -> tuple[Any, ...]:
        """From process to process as plain values: of tuples with names each would cost as much as all of these do."""
        if self.instruction is None:
            return Evidence, (None, None)
        kind, asked, id, not_after, answer, text_hash, signers = self.instruction
        plain = (kind, tuple(asked), id, not_after, answer, text_hash, tuple(map(tuple, signers)))
        return _evidence, (plain, self.anchor and tuple(self.anchor))


def _evidence(plain: tuple[Any, ...], anchor: tuple[Any, ...] | None) -> Evidence:
    kind, asked, id, not_after, answer, text_hash, signed = plain
    signers = frozenset([made(Signer, signer) for signer in signed])
    instruction = made(Verified, (kind, made(FORMS[kind].form, asked), id, not_after, answer, text_hash, signers))
    return Evidence(instruction, None if anchor is None else made(Anchor, anchor))


class Examined(NamedTuple):
    """The evidence of some entries in a row, up to the first fault, if there is one."""

    evidence: list[Evidence]
    fault: Fault | None


def signer_ids(row: EntryRow) -> list[bytes]:
    """The holders named on an entry's signature lines, as far as can be seen without parsing."""
    return [bytes.fromhex(found.decode()) for found in _SIGNERS.findall((row.note or b"").rpartition(b"\n\n")[2])]


def examine_all(rows: Sequence[EntryRow], origin: str, publics: Publics, gone: Gone) -> Examined:
    """The evidence of these entries."""
    evidence: list[Evidence] = []
    try:
        with uncollected():
            for row in rows:
                erased = row.log_index in gone
                evidence.append(_examine_erased(row, gone[row.log_index]) if erased else examine(row, origin, publics))
    except Fault as fault:
        return Examined(evidence, fault)
    return Examined(evidence, None)


def examine(row: EntryRow, origin: str, publics: Publics) -> Evidence:
    """Recompute and verify all that one entry holds; raises Fault."""
    if row.note is None:
        raise at_entry(row.log_index, "the note is missing, and no erasure names it")
    _check_note(row, row.note)
    _check_hashes(row)
    submission = row.note + (b"\n" + row.legs + b"\n" if row.legs is not None else b"")

    def key_of(holder: bytes, key_id: bytes) -> bytes | None:
        name = f"{origin}/{holder.hex()}"
        return next((p for p in publics.get(holder, ()) if keys.key_id(name, p) == key_id), None)

    stored = verify_stored(submission, origin, key_of)
    if isinstance(stored, Refusal):
        raise at_entry(row.log_index, f"the note is refused: {stored.reason} {dict(stored.details)}")
    instruction = stored.instruction
    if stored.note != row.note or stored.legs != row.legs:
        raise at_entry(row.log_index, "note and legs are not one submission")
    if (instruction.id, instruction.kind) != (row.id, row.kind):
        raise at_entry(row.log_index, "id or kind is not that of the note")
    if instruction.text_hash != row.text_hash:
        raise at_entry(row.log_index, "the text's hash is not that of the note")
    return Evidence(instruction, stored.anchor)


def _examine_erased(row: EntryRow, named: tuple[bytes, str, bytes]) -> Evidence:
    """What is left of an entry that an erasure names; the erasure itself is found by the replay."""
    if row.note is not None or row.legs is not None:
        raise at_entry(row.log_index, "its note was erased, and is there")
    if (row.id, row.kind, row.text_hash) != named:
        raise at_entry(row.log_index, "its id, kind or text's hash is not what was erased")
    _check_hashes(row)
    return Evidence(None, None)


def _check_note(row: EntryRow, note: bytes) -> None:
    if hashlib.sha256(note).digest() != row.note_hash:
        raise at_entry(row.log_index, "the note's hash is not that of the note")


def _check_hashes(row: EntryRow) -> None:
    lines = row.event_lines.split(b"\n")
    try:
        for line in lines:
            salted.split(line)
    except Malformed as error:
        raise at_entry(row.log_index, f"an event line is not one: {error}") from error
    if salted.root(lines) != row.events_root:
        raise at_entry(row.log_index, "the events' root is not that of the event lines")
    if entry.leaf_hash(entry.encode(row.time, row.note_hash, row.events_root)) != row.leaf_hash:
        raise at_entry(row.log_index, "the leaf hash is not that of time, note and events")


def examine_checkpoints(rows: Sequence[CheckpointRow], origin: str, operators: Sequence[Operator]) -> dict[int, Fault]:
    """By size, what is wrong with checkpoints in themselves: their form, their columns, the operator's signature."""
    found = ((row[0], _examine_checkpoint(row, origin, _operator_at(row[0], operators))) for row in rows)
    return {size: fault for size, fault in found if fault is not None}


def _operator_at(size: int, operators: Sequence[Operator]) -> bytes | None:
    """The operator's key that stands after entry size - 1."""
    return next((public for since, public in reversed(operators) if since < size), None)


def _examine_checkpoint(row: CheckpointRow, origin: str, operator: bytes | None) -> Fault | None:
    size, root, note = row
    where = f"checkpoint {size}"
    if type(root) is not bytes or type(note) is not bytes or operator is None:
        return Fault(where, "is of another type than a checkpoint")
    try:
        signed = checkpoint.verify(note, origin, operator)
    except Malformed as error:
        return Fault(where, str(error))
    return None if (signed.size, signed.root) == (size, root) else Fault(where, "its note says another size or root")
