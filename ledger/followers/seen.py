"""What a reader may see of an entry: whose it is, by the lines that name somebody.

A line is shown to whoever it names, to the signers of the instruction, and to administrators, as in a receipt
(docs/formats.md, Who sees what). Free texts are not streamed: a receipt has them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.core.forms import plain_of
from ledger.core.machine import read_event
from ledger.log import salted
from ledger.receipts.making import ids_named, signer_names
from ledger.store.log import EntryRow


class Line(NamedTuple):
    """An event as plain JSON, and the ids that it names (holders, members, accounts)."""

    event: dict[str, Any]
    names: frozenset[bytes]


class Seen(NamedTuple):
    """An entry as a stream needs it."""

    log_index: int
    time: int
    id: bytes
    kind: str
    signers: frozenset[bytes]
    lines: tuple[Line, ...]

    def shown_to(self, names: frozenset[bytes], everything: bool) -> list[dict[str, Any]]:
        """The events that a reader with these ids may see; none where the entry is no business of its."""
        if everything or self.signers & names:
            return [line.event for line in self.lines]
        return [line.event for line in self.lines if line.names & names]


def seen(row: EntryRow) -> Seen:
    """An entry by its row."""
    signers = frozenset(map(bytes.fromhex, signer_names(row.note))) if row.note is not None else frozenset()
    lines = tuple(_line(line) for line in row.event_lines.split(b"\n"))
    return Seen(row.log_index, row.time, row.id, row.kind, signers, lines)


def _line(octets: bytes) -> Line:
    text = salted.split(octets)[1]
    return Line(plain_of(text.decode()), ids_named(read_event(text)))


def all_seen(rows: Sequence[EntryRow]) -> list[Seen]:
    """Entries by their rows."""
    return [seen(row) for row in rows]
