"""What an accepted instruction becomes: its salted event lines and the entry, the Merkle leaf."""

import os
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

from ledger.core.machine import WRITE
from ledger.core.words import At
from ledger.intake.submission import Prepared
from ledger.log import entry, salted
from ledger.store.log import EntryRow


class Salts:
    """16 random octets for each event line, drawn many at a time: one call to the system costs as much as sixty."""

    def __init__(self) -> None:
        self._drawn = iter(())  # type: Any

    def draw(self) -> bytes:
        """The base64 of a fresh salt."""
        salt = next(self._drawn, None)
        if salt is None:
            octets = os.urandom(16 * 256)
            self._drawn = (b2a_base64(octets[n : n + 16], newline=False) for n in range(0, len(octets), 16))
            salt = next(self._drawn)
        return bytes(salt)


def entry_row(ledger_id: int, prepared: Prepared, events: Sequence[Any], at: At, salts: Salts) -> EntryRow:
    """The row of an accepted instruction, with fresh salts on its event lines."""
    lines = [salts.draw() + b" " + WRITE[type(event)](event).encode() for event in events]
    events_root = salted.root(lines)
    leaf = entry.leaf_hash(entry.encode(at.time, prepared.note_hash, events_root))
    asked = prepared.instruction
    return EntryRow(
        ledger_id, at.log_index, asked.id, asked.kind, at.time, asked.text_hash, prepared.note_hash, events_root, leaf,
        prepared.note, prepared.legs, b"\n".join(lines),
    )  # fmt: skip
