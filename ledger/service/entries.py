"""What an accepted instruction becomes: its salted event lines and the entry, the Merkle leaf."""

import os
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

from ledger.core.machine import WRITE
from ledger.core.state import made
from ledger.core.words import At
from ledger.intake.submission import Prepared
from ledger.log import entry, salted
from ledger.store.log import EntryRow


class Salts:
    """16 random octets for each event line, drawn many at a time: one call to the system costs as much as sixty."""

    def __init__(self) -> None:
        self._drawn: list[bytes] = []

    def draw(self) -> bytes:
        """The base64 of a fresh salt."""
        while True:
            try:
                return b2a_base64(self._drawn.pop(), newline=False)
            except IndexError:
                octets = os.urandom(16 * 256)
                self._drawn += [octets[n : n + 16] for n in range(0, len(octets), 16)]


def entry_row(ledger_id: int, prepared: Prepared, events: Sequence[Any], at: At, salts: Salts) -> EntryRow:
    """The row of an accepted instruction, with fresh salts on its event lines."""
    lines = [salts.draw() + b" " + WRITE[type(event)](event).encode() for event in events]
    events_root = salted.root(lines)
    (kind, _, id, _, _, text_hash, _), note, note_hash, legs, _ = prepared
    log_index, time, _ = at
    leaf = entry.leaf_hash(entry.encode(time, note_hash, events_root))
    return made(EntryRow, (
        ledger_id, log_index, id, kind, time, text_hash, note_hash, events_root, leaf, note, legs, b"\n".join(lines),
    ))  # fmt: skip
