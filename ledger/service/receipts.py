"""Receipts of entries for whoever asks: the rows gathered, the paths made, the rest is `ledger.receipts`.

What never changes is remembered, a bounded number of each: entries that made keys live, as they are shown, the keys
themselves, and the tree's nodes; of the latest checkpoints, the paths under them. So the receipt of an entry that was
made just now costs no statement, and a few hashes.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.ledgers import LEDGER, Ledger
from ledger.core.machine import FORMS
from ledger.log import base64s, keys, merkle, notes
from ledger.log import checkpoint as checkpoints
from ledger.receipts.making import Proved, Reader, is_party, key_entry, make, signer_names
from ledger.service.keychains import SigningKey, asked_of, changes_back, key_entries
from ledger.service.lookups import Keys
from ledger.service.nodes import Nodes
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import EntryRow, entries_at, nodes
from ledger.store.readable import readable
from ledger.store.rows import Rows, rows_of
from ledger.store.schema import column_names

KEYS_MOST = 10_000  # remembered, and the entries that made them live
TREES = 4  # the latest checkpoints whose paths are remembered
_FIELDS = tuple({f'"{name}":"'.encode() for form in FORMS.values() for name, _ in form.texts()})


class Wanted(NamedTuple):
    """The receipt of one entry, for the first of these holders that is a party. Of an entry made just now, row and free
    texts are at hand. `whole`: for an auditor, who is shown all but free texts."""

    log_index: int
    readers: Sequence[bytes]
    row: EntryRow | None = None
    texts: Sequence[tuple[str, bytes]] = ()
    whole: bool = False


def receipt_of(
    store: Store, ledger_id: int, log_index: int, reader: bytes | None, checkpoint: bytes
) -> dict[str, Any] | None:
    """The receipt of the entry at this log index, under a checkpoint that covers it, with what this holder may see;
    None where the holder is no party, or nobody asks. Raises Unavailable."""
    readers = [reader] if reader is not None else []
    return Receipts(store, ledger_id).of([Wanted(log_index, readers)], checkpoint)[0]


class Receipts:
    """Makes the receipts of one ledger. Threads may share it."""

    def __init__(self, store: Store, ledger_id: int, keys: Keys | None = None):
        self.store, self.ledger_id = store, ledger_id
        self.keys = keys or Keys(store, ledger_id)
        self.nodes = Nodes()
        self.rows: dict[int, EntryRow] = {}
        self.shown: dict[tuple[int, bytes | None], dict[str, Any]] = {}  # key entries, without their paths
        self.trees: dict[int, _Tree] = {}  # by log size
        self.operators: dict[bytes, int] = {}  # key ID -> the entry that made it the operator's

    def of(self, wanted: Sequence[Wanted], checkpoint: bytes) -> list[dict[str, Any] | None]:
        """A receipt for each that is wanted, all under one checkpoint; None where no reader is a party, or the
        checkpoint does not cover the entry. Raises Unavailable."""
        size = _size_of(checkpoint)
        with _Gathered(self, size) as gathered:
            stored = {one.log_index for one in wanted if one.row is None and one.readers and 0 <= one.log_index < size}
            rows = gathered.rows(stored)
            texts = gathered.texts(rows)
            rows |= {one.log_index: one.row for one in wanted if one.row is not None and one.log_index < size}
            texts |= {one.log_index: list(one.texts) for one in wanted if one.row is not None}
            return [
                gathered.receipt(rows[one.log_index], one, texts, checkpoint) if one.log_index in rows else None
                for one in wanted
            ]

    def tree(self, size: int) -> "_Tree":
        """The paths in the tree of this size; those of the latest few sizes are remembered."""
        known = self.trees.get(size)
        if known is None:
            if len(self.trees) >= TREES:
                self.trees.clear()
            self.trees[size] = known = _Tree(size)
        return known


class _Tree:
    """Paths in the tree of one size, in base64; those of a batch's own entries, and of what made its signers' keys."""

    def __init__(self, size: int):
        self._paths = merkle.Paths(size)
        self._known: dict[int, list[str]] = {}

    def path(self, index: int, node: merkle.Node) -> list[str]:
        found = self._known.get(index)
        if found is None:
            self._known[index] = found = [_encoded(octets) for octets in self._paths.of(index, node)]
        return found


_encoded = lru_cache(10_000)(base64s.encode)


@lru_cache(16)
def _size_of(checkpoint: bytes) -> int:
    return checkpoints.parse(checkpoint).size


@lru_cache(16)
def _signed_by(checkpoint: bytes) -> notes.SignatureLine:
    return notes.open_note(checkpoint)[1][0]


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
        self._tree, self._node = receipts.tree(size), receipts.nodes.or_read(self._read_node)
        self._opened = ExitStack()
        self._reading: Connection | None = None
        self._stored_nodes: merkle.Node | None = None

    def __enter__(self) -> "_Gathered":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def _connection(self) -> Connection:
        if self._reading is None:
            self._reading = self._opened.enter_context(self._receipts.store.read())
        return self._reading

    @property
    def _rows(self) -> Rows:
        return rows_of(self._connection, self._ledger_id)

    def _read_node(self, level: int, index: int) -> bytes:
        if self._stored_nodes is None:
            self._stored_nodes = nodes(self._rows, self._size)
        return self._stored_nodes(level, index)

    def receipt(
        self, row: EntryRow, wanted: Wanted, texts: dict[int, list[tuple[str, bytes]]], checkpoint: bytes
    ) -> dict[str, Any] | None:
        """The receipt of an entry for the first of these readers that is a party, or for an auditor."""
        proved = self._proved(row)
        if wanted.whole:
            auditor = Reader(wanted.readers[0].hex(), frozenset(), whole=True)
            return make(proved, auditor, [], self._keys(proved, checkpoint), checkpoint)
        signers = signer_names(proved.note)
        for holder in wanted.readers:
            name = holder.hex()
            # A signer is shown all, so whose accounts the lines name need not be known.
            reader = Reader(name, frozenset() if name in signers else self._accounts_of(holder))
            if is_party(proved, reader):
                return make(proved, reader, texts.get(row.log_index, []), self._keys(proved, checkpoint), checkpoint)
        return None

    def rows(self, indexes: Iterable[int]) -> dict[int, EntryRow]:
        """Entries by log index, without those whose notes were erased."""
        named = sorted(indexes)
        rows = entries_at(self._rows, named) if named else []
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
        member = _member_in(row) if row.kind == "set_facts" else row.id
        wanted = select(table.c.line).where(
            table.c.ledger_id == self._ledger_id, table.c.member == member, table.c.log_index == row.log_index
        )
        return self._connection.execute(wanted).scalars().all()

    def _proved(self, row: EntryRow) -> Proved:
        path = self._tree.path(row.log_index, self._node)
        legs = tuple(row.legs.split(b"\n")) if row.legs else ()
        events = tuple(row.event_lines.split(b"\n"))
        return Proved(row.log_index, row.time, row.note or b"", row.note_hash, row.events_root, legs, events, path)

    def _accounts_of(self, holder: bytes) -> frozenset[str]:
        """The ids of the accounts that this holder may read."""
        return frozenset(id.hex() for id in readable(self._connection, self._ledger_id, holder))

    # --- what made the keys live

    def _keys(self, proved: Proved, checkpoint: bytes) -> list[dict[str, Any]]:
        """The genesis, and the entries that made each other key live that counts here, in log order."""
        needed = key_entries(self, proved.log_index, proved.note, self._operator_since(checkpoint))
        return [
            {**self._shown(log_index, public), "path": self._tree.path(log_index, self._node)}
            for log_index, public in [(0, None), *needed]
        ]

    def _shown(self, log_index: int, public: bytes | None) -> dict[str, Any]:
        """An entry that made this key live, or as a note those that it names; its path is of another checkpoint."""
        known = self._receipts.shown
        found = known.get((log_index, public))
        if found is None:
            entry = self._proved(self.key_row(log_index))
            place = None if public is None else _place_of(public, entry.events)
            found = _kept(known, KEYS_MOST, (log_index, public), key_entry(entry, place))
        return found

    def key_row(self, log_index: int) -> EntryRow:
        """An entry that made a key live; the notes of those are never erased."""
        known = self._receipts.rows
        found = known.get(log_index)
        if found is None:
            found = _kept(known, KEYS_MOST, log_index, self.rows([log_index])[log_index])
        return found

    def signing_key(self, line: notes.SignatureLine) -> SigningKey:
        """The key that made a signature line."""
        found = self._receipts.keys.of(line.name, line.key_id)
        if found is None:
            raise LookupError(f"no key of {line.name}")
        return found

    def changes_of_administrators(self) -> list[int]:
        """The log indexes of all changes of the administrators."""
        return changes_back(self.key_row, self._ledger().administrators_since)

    def index_of(self, id: bytes) -> int:
        """The log index of an instruction."""
        table = schema.entry
        wanted = select(table.c.log_index).where(table.c.ledger_id == self._ledger_id, table.c.id == id)
        return int(self._connection.execute(wanted).scalar_one())

    def _operator_since(self, checkpoint: bytes) -> int:
        """The entry that gave the operator the key which signed this checkpoint first."""
        known, signed = self._receipts.operators, _signed_by(checkpoint)
        if signed.key_id not in known:
            for log_index in [*changes_back(self.key_row, self._ledger().operator_since), 0]:
                public = asked_of(self.key_row(log_index)).operator
                _kept(known, KEYS_MOST, keys.key_id(signed.name, public), log_index)
        return known[signed.key_id]

    def _ledger(self) -> Ledger:
        table = schema.PROJECTIONS[LEDGER]
        wanted = select(*(table.c[name] for name in column_names(LEDGER))).where(table.c.ledger_id == self._ledger_id)
        return Ledger(*self._connection.execute(wanted).one())


def _member_in(row: EntryRow) -> bytes:
    """The member that an entry with a profile is about."""
    note = row.note or b""
    start = note.index(b'"member":"') + 10
    return bytes.fromhex(note[start : start + 32].decode())


def _place_of(public: bytes, events: tuple[bytes, ...]) -> int:
    """Which event line makes this key live."""
    written = f'"key":"{keys.encode(public)}"'.encode()
    return next(n for n, line in enumerate(events) if written in line)
