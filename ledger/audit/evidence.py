"""What can be checked of one entry by itself, in any process: hashes, form, signatures.

The rest of the ledger comes in as what the entry needs of it: the keys of the holders on its signature lines, and the
root of the log at its anchor's size.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.audit.fault import Fault, at_entry
from ledger.core.forms import BadForm
from ledger.core.machine import Verified
from ledger.core.refusals import Refusal
from ledger.intake.submission import verify
from ledger.log import entry, keys, salted
from ledger.log.malformed import Malformed
from ledger.rebuild.replay import events_of
from ledger.store.log import EntryRow

_ANCHOR = re.compile(rb'"anchor":\[([0-9]{1,16}),')
_SIGNERS = re.compile(rb"/([0-9a-f]{32}) [A-Za-z0-9+/=]+\n")


class Evidence(NamedTuple):
    """What an entry's octets prove: the verified instruction and the events."""

    instruction: Verified
    events: list[Any]


class Known(NamedTuple):
    """What the rest of the log says: public keys by holder, roots by size."""

    publics: Mapping[bytes, Sequence[bytes]]
    roots: Mapping[int, bytes]


def anchor_size(row: EntryRow) -> int | None:
    """The log size that an entry's note is anchored to, as far as can be seen without parsing."""
    found = _ANCHOR.search(row.note or b"")
    return int(found[1]) if found else None


def signer_ids(row: EntryRow) -> list[bytes]:
    """The holders named on an entry's signature lines, as far as can be seen without parsing."""
    return [bytes.fromhex(found.decode()) for found in _SIGNERS.findall((row.note or b"").rpartition(b"\n\n")[2])]


def examine_all(rows: Sequence[EntryRow], origin: str, known: Known) -> list[Evidence] | Fault:
    """The evidence of each entry, or the first fault."""
    try:
        return [examine(row, origin, known) for row in rows]
    except Fault as fault:
        return fault


def examine(row: EntryRow, origin: str, known: Known) -> Evidence:
    """Recompute and verify all that one entry holds; raises Fault."""
    if row.note is None:
        raise at_entry(row.log_index, "the note is missing")
    _check_hashes(row, row.note)
    submission = row.note + (b"\n" + row.legs + b"\n" if row.legs is not None else b"")

    def key_of(holder: bytes, key_id: bytes) -> bytes | None:
        name = f"{origin}/{holder.hex()}"
        return next((p for p in known.publics.get(holder, ()) if keys.key_id(name, p) == key_id), None)

    def root_at(size: int) -> bytes | None:
        return known.roots.get(size) if size <= row.log_index else None

    prepared = verify(submission, origin, key_of, root_at, without_texts=True)
    if isinstance(prepared, Refusal):
        raise at_entry(row.log_index, f"the note is refused: {prepared.reason} {dict(prepared.details)}")
    instruction = prepared.instruction
    if prepared.note != row.note or prepared.legs != row.legs:
        raise at_entry(row.log_index, "note and legs are not one submission")
    if (instruction.id, instruction.kind) != (row.id, row.kind):
        raise at_entry(row.log_index, "id or kind is not that of the note")
    if instruction.text_hash != row.text_hash:
        raise at_entry(row.log_index, "the text's hash is not that of the note")
    return Evidence(instruction, _events(row))


def _check_hashes(row: EntryRow, note: bytes) -> None:
    if hashlib.sha256(note).digest() != row.note_hash:
        raise at_entry(row.log_index, "the note's hash is not that of the note")
    if salted.root(row.event_lines.split(b"\n")) != row.events_root:
        raise at_entry(row.log_index, "the events' root is not that of the event lines")
    if entry.leaf_hash(entry.encode(row.time, row.note_hash, row.events_root)) != row.leaf_hash:
        raise at_entry(row.log_index, "the leaf hash is not that of time, note and events")


def _events(row: EntryRow) -> list[Any]:
    try:
        return events_of(row)
    except (BadForm, Malformed) as error:
        raise at_entry(row.log_index, f"an event line is not one: {error}") from error
