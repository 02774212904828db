"""Receipts of entries for whoever asks: the rows gathered, the paths made, the rest is `ledger.receipts`.

What never changes is remembered, a bounded number of each: entries that made keys live, the keys themselves, and the
tree's nodes over complete subtrees. So the receipts of one batch cost two statements and a few hashes each.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS
from ledger.core.keys import KEYS
from ledger.core.machine import FORMS
from ledger.log import checkpoint as checkpoints
from ledger.log import keys, merkle, notes
from ledger.receipts.making import KeyEntry, Proved, Reader, is_party, make, signer_names
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import EntryRow, nodes
from ledger.store.rows import rows_of

NODES = 100_000  # remembered; 32 octets each
KEYS_MOST = 10_000  # remembered, and the entries that made them live
_FIELDS = tuple({f'"{name}":"'.encode() for form in FORMS.values() for name, _ in form.texts()})


class Wanted(NamedTuple):
    """The receipt of one entry, for the first of these holders that is a party. Of an entry made just now, row and free
    texts are at hand."""

    log_index: int
    readers: Sequence[bytes]
    row: EntryRow | None = None
    texts: Sequence[tuple[str, bytes]] = ()


class SigningKey(NamedTuple):
    """A key that signed: where it became live."""

    since: int
    public: bytes


def receipt_of(
    store: Store, ledger_id: int, log_index: int, reader: bytes | None, checkpoint: bytes
) -> dict[str, Any] | None:
    """The receipt of the entry at this log index, under a checkpoint that covers it, with what this holder may see;
    None where the holder is no party, or nobody asks. Raises Unavailable."""
    readers = [reader] if reader is not None else []
    return Receipts(store, ledger_id).of([Wanted(log_index, readers)], checkpoint)[0]


class Receipts:
    """Makes the receipts of one ledger. Threads may share it."""

    def __init__(self, store: Store, ledger_id: int):
        self.store, self.ledger_id = store, ledger_id
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.rows: dict[int, EntryRow] = {}
        self.signing_keys: dict[tuple[bytes, bytes], SigningKey] = {}

    def of(self, wanted: Sequence[Wanted], checkpoint: bytes) -> list[dict[str, Any] | None]:
        """A receipt for each that is wanted, all under one checkpoint; None where no reader is a party, or the
        checkpoint does not cover the entry. Raises Unavailable."""
        size = checkpoints.parse(checkpoint).size
        with _Gathered(self, size) as gathered:
            gathered.learn(one.row for one in wanted if one.row is not None)
            stored = {one.log_index for one in wanted if one.row is None and one.readers and 0 <= one.log_index < size}
            rows = gathered.rows(stored)
            texts = gathered.texts(rows)
            rows |= {one.log_index: one.row for one in wanted if one.row is not None and one.log_index < size}
            texts |= {one.log_index: list(one.texts) for one in wanted if one.row is not None}
            return [
                gathered.receipt(rows[one.log_index], one.readers, texts, checkpoint) if one.log_index in rows else None
                for one in wanted
            ]


def _kept(known: dict[Any, Any], most: int, key: Any, value: Any) -> Any:
    """Remember a value; a full memory is emptied, as all in it can be had again."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


class _Gathered:
    """What receipts need, read in one state of the database, if anything must be read at all."""

    def __init__(self, receipts: Receipts, size: int):
        self._receipts, self._ledger_id, self._size = receipts, receipts.ledger_id, size
        self._paths = merkle.Paths(size, self._node)
        self._opened = ExitStack()

    def __enter__(self) -> "_Gathered":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @cached_property
    def _connection(self) -> Connection:
        return self._opened.enter_context(self._receipts.store.read())

    @cached_property
    def _read_node(self) -> merkle.Node:
        return nodes(rows_of(self._connection, self._ledger_id), self._size)

    def learn(self, rows: Iterable[EntryRow]) -> None:
        """Remember the nodes that new entries complete: what reading them back would give."""
        known = self._receipts.nodes
        for row in rows:
            level, index, node = 0, row.log_index, row.leaf_hash
            _kept(known, NODES, (0, index), node)
            while index & 1:
                node = merkle.node_hash(self._node(level, index - 1), node)
                level, index = level + 1, index >> 1
                _kept(known, NODES, (level, index), node)

    def receipt(
        self, row: EntryRow, readers: Sequence[bytes], texts: dict[int, list[tuple[str, bytes]]], checkpoint: bytes
    ) -> dict[str, Any] | None:
        """The receipt of an entry for the first of these readers that is a party."""
        proved = self._proved(row)
        signers = set(signer_names(proved.note))
        for holder in readers:
            name = holder.hex()
            # A signer is shown all, so whose accounts the lines name need not be known.
            reader = Reader(name, frozenset() if name in signers else self._accounts_of(holder))
            if is_party(proved, reader):
                return make(proved, reader, texts.get(row.log_index, []), self._keys(proved), checkpoint)
        return None

    def rows(self, indexes: Iterable[int]) -> dict[int, EntryRow]:
        """Entries by log index, without those whose notes were erased."""
        table, named = schema.entry, sorted(indexes)
        wanted = select(table).where(table.c.ledger_id == self._ledger_id, table.c.log_index.in_(named))
        rows = [EntryRow(*row) for row in self._connection.execute(wanted)] if named else []
        return {row.log_index: row for row in rows if row.note is not None}

    def texts(self, rows: dict[int, EntryRow]) -> dict[int, list[tuple[str, bytes]]]:
        """The free texts that are still kept, by log index: field and line."""
        indexes = [n for n, row in rows.items() if any(field in (row.note or b"") for field in _FIELDS)]
        found: dict[int, list[tuple[str, bytes]]] = {}
        if not indexes:
            return found
        table = schema.free_text
        wanted = select(table.c.log_index, table.c.field, table.c.line).where(
            table.c.ledger_id == self._ledger_id, table.c.log_index.in_(indexes)
        )
        for log_index, field, line in self._connection.execute(wanted):
            found.setdefault(log_index, []).append((field, line))
        for log_index in (n for n in indexes if b'"profile":"' in (rows[n].note or b"")):
            for line in self._profile(rows[log_index]):
                found.setdefault(log_index, []).append(("profile", line))
        return found

    def _profile(self, row: EntryRow) -> Sequence[bytes]:
        """The member's profile, if it is still the one that this entry brought."""
        table = schema.profile
        member = row.id if row.kind == "admit" else _member_in(row)
        wanted = select(table.c.line).where(
            table.c.ledger_id == self._ledger_id, table.c.member == member, table.c.log_index == row.log_index
        )
        return self._connection.execute(wanted).scalars().all()

    def _proved(self, row: EntryRow) -> Proved:
        path = tuple(self._paths.of(row.log_index))
        legs = tuple(row.legs.split(b"\n")) if row.legs else ()
        events = tuple(row.event_lines.split(b"\n"))
        return Proved(row.log_index, row.time, row.note or b"", row.note_hash, row.events_root, legs, events, path)

    def _node(self, level: int, index: int) -> bytes:
        """The root of a complete subtree, which never changes."""
        known = self._receipts.nodes
        found: bytes | None = known.get((level, index))
        if found is None:
            found = _kept(known, NODES, (level, index), self._read_node(level, index))
        return found

    def _accounts_of(self, holder: bytes) -> frozenset[str]:
        """The ids of the accounts that this holder may read as its own."""
        table = schema.PROJECTIONS[ACCOUNTS]
        wanted = select(table.c.id).where(table.c.ledger_id == self._ledger_id, table.c.member == holder)
        return frozenset(id.hex() for id in self._connection.execute(wanted).scalars())

    # --- what made the keys live

    def _keys(self, proved: Proved) -> list[KeyEntry]:
        """The genesis, and the entries that made each other signing key live, in log order."""
        later = sorted(key for key in self._signing_keys(proved) if key.since not in (0, proved.log_index))
        entries = {since: self._proved(self._key_row(since)) for since in {0, *(key.since for key in later)}}
        shown = [KeyEntry(entries[since], _place_of(public, entries[since].events)) for since, public in later]
        return [KeyEntry(entries[0], None), *shown]

    def _key_row(self, log_index: int) -> EntryRow:
        """An entry that made a key live; the notes of those are never erased."""
        known = self._receipts.rows
        found = known.get(log_index)
        if found is None:
            found = _kept(known, KEYS_MOST, log_index, self.rows([log_index])[log_index])
        return found

    def _signing_keys(self, proved: Proved) -> list[SigningKey]:
        """Each key that signed the note."""
        lines = notes.open_note(proved.note)[1]
        return [self._signing_key(line) for line in lines]

    def _signing_key(self, line: notes.SignatureLine) -> SigningKey:
        known, holder = self._receipts.signing_keys, bytes.fromhex(line.name[-32:])
        if (holder, line.key_id) not in known:
            table = schema.PROJECTIONS[KEYS]
            wanted = select(table.c.since, table.c.public).where(
                table.c.ledger_id == self._ledger_id, table.c.holder == holder
            )
            for since, public in self._connection.execute(wanted):
                _kept(known, KEYS_MOST, (holder, keys.key_id(line.name, public)), SigningKey(since, public))
        return known[holder, line.key_id]


def _member_in(row: EntryRow) -> bytes:
    """The member that an entry with a profile is about."""
    note = row.note or b""
    start = note.index(b'"member":"') + 10
    return bytes.fromhex(note[start : start + 32].decode())


def _place_of(public: bytes, events: tuple[bytes, ...]) -> int:
    """Which event line makes this key live."""
    written = f'"key":"{keys.encode(public)}"'.encode()
    return next(n for n, line in enumerate(events) if b'"event":"key_added"' in line and written in line)
