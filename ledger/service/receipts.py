"""The receipt of an entry for whoever asks: the rows gathered, the paths made, the rest is `ledger.receipts`."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS
from ledger.core.keys import KEYS
from ledger.log import checkpoint as checkpoints
from ledger.log import keys, merkle, notes
from ledger.receipts.making import KeyEntry, Proved, Reader, is_party, make
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import EntryRow, nodes
from ledger.store.rows import rows_of


def receipt_of(
    store: Store, ledger_id: int, log_index: int, reader: bytes | None, checkpoint: bytes
) -> dict[str, Any] | None:
    """The receipt of the entry at this log index, under a checkpoint that covers it, with what this holder may see;
    None where the holder is no party, or nobody asks. Raises Unavailable."""
    size = checkpoints.parse(checkpoint).size
    if reader is None or not 0 <= log_index < size:
        return None
    with store.read() as connection:
        gathered = _Gathered(connection, ledger_id, size)
        proved = gathered.proved([log_index]).get(log_index)
        if proved is None:
            return None
        who = Reader(reader.hex(), gathered.accounts_of(reader))
        if not is_party(proved, who):
            return None
        return make(proved, who, gathered.texts(log_index), gathered.keys(proved), checkpoint)


class _Gathered:
    """What a receipt needs, read in one state of the database."""

    def __init__(self, connection: Connection, ledger_id: int, size: int):
        self._connection, self._ledger_id, self._size = connection, ledger_id, size
        self._node = nodes(rows_of(connection, ledger_id))

    def proved(self, indexes: Iterable[int]) -> dict[int, Proved]:
        """Entries with their paths, by log index; without those whose notes were erased."""
        table = schema.entry
        wanted = select(table).where(table.c.ledger_id == self._ledger_id, table.c.log_index.in_(indexes))
        rows = [EntryRow(*row) for row in self._connection.execute(wanted)]
        return {row.log_index: self._proved(row, row.note) for row in rows if row.note is not None}

    def _proved(self, row: EntryRow, note: bytes) -> Proved:
        path = tuple(merkle.inclusion_path(row.log_index, self._size, self._node))
        legs = tuple(row.legs.split(b"\n")) if row.legs else ()
        events = tuple(row.event_lines.split(b"\n"))
        return Proved(row.log_index, row.time, note, row.note_hash, row.events_root, legs, events, path)

    def accounts_of(self, holder: bytes) -> frozenset[str]:
        """The ids of the accounts that this holder may read as its own."""
        table = schema.PROJECTIONS[ACCOUNTS]
        wanted = select(table.c.id).where(table.c.ledger_id == self._ledger_id, table.c.member == holder)
        return frozenset(id.hex() for id in self._connection.execute(wanted).scalars())

    def texts(self, log_index: int) -> list[tuple[str, bytes]]:
        """The free texts that are still kept: field and line."""
        texts, profile = schema.free_text, schema.profile
        of_entry = select(texts.c.field, texts.c.line).where(
            texts.c.ledger_id == self._ledger_id, texts.c.log_index == log_index
        )
        of_member = select(profile.c.line).where(
            profile.c.ledger_id == self._ledger_id, profile.c.log_index == log_index
        )
        found = [(field, bytes(line)) for field, line in self._connection.execute(of_entry)]
        return found + [("profile", bytes(line)) for line in self._connection.execute(of_member).scalars()]

    def keys(self, proved: Proved) -> list[KeyEntry]:
        """The genesis, and the entries that made each other signing key live, in log order."""
        later = [(since, public) for since, public in self._signing_keys(proved) if since not in (0, proved.log_index)]
        entries = self.proved({0, *(since for since, _ in later)})  # the notes of key entries are never erased
        shown = [KeyEntry(entries[since], _place_of(public, entries[since].events)) for since, public in sorted(later)]
        return [KeyEntry(entries[0], None), *shown]

    def _signing_keys(self, proved: Proved) -> list[tuple[int, bytes]]:
        """Log index and public key of each key that signed the note."""
        signed = {(bytes.fromhex(line.name[-32:]), line.key_id): line.name for line in notes.open_note(proved.note)[1]}
        table = schema.PROJECTIONS[KEYS]
        wanted = select(table.c.holder, table.c.since, table.c.public).where(
            table.c.ledger_id == self._ledger_id, table.c.holder.in_({holder for holder, _ in signed})
        )
        names = {holder: name for (holder, _), name in signed.items()}
        return [(since, public) for holder, since, public in self._connection.execute(wanted)
                if (holder, keys.key_id(names[holder], public)) in signed]  # fmt: skip


def _place_of(public: bytes, events: tuple[bytes, ...]) -> int:
    """Which event line makes this key live."""
    written = f'"key":"{keys.encode(public)}"'.encode()
    return next(n for n, line in enumerate(events) if b'"event":"key_added"' in line and written in line)
