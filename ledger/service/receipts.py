"""The receipt of an entry for whoever asks: the rows gathered, the paths made, the rest is `ledger.receipts`."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS
from ledger.core.keys import KEYS
from ledger.log import checkpoint as checkpoints
from ledger.log import keys, merkle, notes
from ledger.receipts.making import KeyEntry, Proved, Reader, make
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
        proved = gathered.proved(log_index)
        if proved is None:
            return None
        who = Reader(reader.hex(), gathered.accounts_of(reader))
        return make(proved, who, gathered.texts(log_index), gathered.keys(proved), checkpoint)


class _Gathered:
    """What a receipt needs, read in one state of the database."""

    def __init__(self, connection: Connection, ledger_id: int, size: int):
        self._connection, self._ledger_id, self._size = connection, ledger_id, size
        self._node = nodes(rows_of(connection, ledger_id))

    def proved(self, log_index: int) -> Proved | None:
        """An entry with its path, or None where its note was erased."""
        table = schema.entry
        wanted = select(table).where(table.c.ledger_id == self._ledger_id, table.c.log_index == log_index)
        row = EntryRow(*self._connection.execute(wanted).one())
        if row.note is None:
            return None
        path = tuple(merkle.inclusion_path(log_index, self._size, self._node))
        legs = tuple(row.legs.split(b"\n")) if row.legs else ()
        events = tuple(row.event_lines.split(b"\n"))
        return Proved(log_index, row.time, row.note, row.note_hash, row.events_root, legs, events, path)

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
        entries = [KeyEntry(proved if proved.log_index == 0 else self._whole(0), None)]
        for since, public in sorted(self._signing_keys(proved)):
            if since not in (0, proved.log_index):
                entry = self._whole(since)
                entries.append(KeyEntry(entry, _place_of(public, entry.events)))
        return entries

    def _whole(self, log_index: int) -> Proved:
        proved = self.proved(log_index)
        if proved is None:  # the notes of key entries are never erased
            raise LookupError(f"the note of entry {log_index} is missing")
        return proved

    def _signing_keys(self, proved: Proved) -> Iterable[tuple[int, bytes]]:
        """Log index and public key of each key that signed the note."""
        lines = notes.open_note(proved.note)[1]
        table = schema.PROJECTIONS[KEYS]
        for line in lines:
            wanted = select(table.c.since, table.c.public).where(
                table.c.ledger_id == self._ledger_id, table.c.holder == bytes.fromhex(line.name[-32:])
            )
            for since, public in self._connection.execute(wanted):
                if keys.key_id(line.name, bytes(public)) == line.key_id:
                    yield since, bytes(public)


def _place_of(public: bytes, events: tuple[bytes, ...]) -> int:
    """Which event line makes this key live."""
    written = f'"key":"{keys.encode(public)}"'.encode()
    return next(n for n, line in enumerate(events) if b'"event":"key_added"' in line and written in line)
