"""Recover: a database refilled from an exported log and the instructions beside it.

The export has been checked wholly before (ledger.checking). What the database has must be the beginning of it; the rest
is appended in transactions of a few entries each, with tiles and projections, so whoever is cut off begins again where
the database stands.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ledger.checking.checking import Checked
from ledger.checking.files import Instructions, Site
from ledger.core.forms import BadForm
from ledger.log import entry, instruction, tiles
from ledger.log.entry import Entry
from ledger.log.malformed import Malformed
from ledger.log.records import Record, Texts
from ledger.rebuild.replay import OCTETS, events_of, replay
from ledger.store import schema
from ledger.store.database import Store, Transaction
from ledger.store.errors import StoreError
from ledger.store.log import EntryRow, read_head, save_profiles, save_texts, tile_hashes
from ledger.store.rows import rows_of

AT_ONCE = 500  # entries of one transaction
Progress = Callable[[int], None]  # how many more entries the database has


class NotAPrefix(Exception):
    """The database holds another log than the export: the message names the first entry that differs."""


class Recovered(NamedTuple):
    """The database's log size before and after."""

    before: int
    after: int


class Refill(NamedTuple):
    """An entry to append, and the free texts that were kept of it."""

    row: EntryRow
    texts: Texts | None

    @property
    def octets(self) -> int:
        """About what it weighs in memory."""
        return len(self.row.note or b"") + len(self.row.legs or b"") + len(self.row.event_lines)


def recover(
    store: Store, ledger_id: int, site: Site, folder: Instructions, checked: Checked,
    progress: Progress = lambda more: None,
) -> Recovered:  # fmt: skip
    """Append to a ledger's log what it lacks of a checked export.

    Raises NotAPrefix; StoreError where its tables are of another release or somebody else writes; Unavailable.
    """
    with store.read() as connection:
        head = read_head(connection, ledger_id)
    if head.fingerprint != schema.fingerprint():
        raise StoreError(f"{store}: the tables were made by another release; run `comarca rebuild`, then recover")
    if head.origin != checked.origin:
        raise NotAPrefix(f"{store}: holds {head.origin}, and the export is of {checked.origin}")
    _check_prefix(store, ledger_id, head.size, site, checked.size)
    progress(min(head.size, checked.size))
    size = head.size
    for chunk in _chunks(_refills(ledger_id, site, folder, size, checked.size)):
        size = _append(store, ledger_id, size, chunk, checked)
        progress(len(chunk))
    if head.size == checked.size:  # nothing was missing but, perhaps, the checkpoint
        with store.write(ledger_id) as transaction:
            _save_checkpoint(transaction, checked)
    return Recovered(head.size, size)


# --- what is there


def _check_prefix(store: Store, ledger_id: int, have: int, site: Site, size: int) -> None:
    """Raise NotAPrefix unless the entries that both have are the same."""
    both = min(have, size)
    for number in range(-(-both // tiles.WIDTH)):
        width = tiles.width_at(None, number, both)
        in_export = [entry.leaf_hash(one) for one in site.bundle(number, tiles.width_at(None, number, size))[:width]]
        with store.read() as connection:
            octets = _leaves(tile_hashes(rows_of(connection, ledger_id), 0, number, width), width)
        for n, (one, other) in enumerate(zip(in_export, octets, strict=True), number * tiles.WIDTH):
            if one != other:
                raise NotAPrefix(f"{store}: entry {n} is another than in the export, and so is all that comes after "
                                 "it. Keep both as they are, and show them to the ledger's auditor")  # fmt: skip


def _leaves(octets: bytes, width: int) -> list[bytes]:
    return [octets[32 * n : 32 * (n + 1)] for n in range(width)]


# --- what is missing


def _refills(ledger_id: int, site: Site, folder: Instructions, start: int, size: int) -> Iterator[Refill]:
    if start >= size:
        return
    texts = (one for one in folder.texts() if one.log_index >= start)
    text = next(texts, None)
    for (_, logged), (_, record) in zip(site.entries(start, size), folder.records(start, size), strict=True):
        mine = text if text is not None and text.log_index == record.log_index else None
        yield Refill(_row(ledger_id, logged, record), mine)
        if mine is not None:
            text = next(texts, None)


def _row(ledger_id: int, logged: Entry, record: Record) -> EntryRow:
    """The row of an entry and its record, which have been compared."""
    if record.note is not None:
        sent = instruction.parse(record.note)
        id, kind, text_hash = _id_of(sent), sent.kind, hashlib.sha256(sent.text).digest()
    elif record.erased is not None:
        id, kind, text_hash = record.erased
    else:
        raise Malformed(f"entry {record.log_index}: neither a note nor what is left of one")
    return EntryRow(
        ledger_id, record.log_index, bytes.fromhex(id), kind, logged.time, text_hash, logged.instruction, logged.events,
        entry.leaf_hash(entry.encode(*logged)), record.note, b"\n".join(record.legs) if record.legs else None,
        b"\n".join(record.events),
    )  # fmt: skip


def _id_of(sent: instruction.Submission) -> str:
    id = json.loads(sent.object).get("id")
    if not isinstance(id, str) or not instruction.ID.fullmatch(id):
        raise Malformed("an instruction without an id")
    return id


def _chunks(found: Iterator[Refill]) -> Iterator[list[Refill]]:
    """So many at a time that neither their number nor their octets are many."""
    chunk: list[Refill] = []
    octets = 0
    for one in found:
        if chunk and (len(chunk) == AT_ONCE or octets + one.octets > OCTETS):
            yield chunk
            chunk, octets = [], 0
        chunk.append(one)
        octets += one.octets
    if chunk:
        yield chunk


def _append(store: Store, ledger_id: int, size: int, chunk: list[Refill], checked: Checked) -> int:
    """Append entries in one transaction, with their projections, their texts, and at the end the checkpoint; the size
    that follows."""
    with store.write(ledger_id) as transaction:
        if transaction.head.size != size:
            raise StoreError(f"{store}: somebody else writes to this ledger; stop the servers, then recover again")
        rows = [one.row for one in chunk]
        transaction.append(rows)
        try:
            replay(transaction.rows, rows)
        except (BadForm, Malformed, LookupError) as error:
            where = f"entries {rows[0].log_index} to {rows[-1].log_index}"
            raise StoreError(f"{where} cannot be replayed by this release: {error}") from error
        _save_texts(transaction, ledger_id, chunk)
        transaction.erase(rows[0].log_index)
        if transaction.head.size == checked.size:
            _save_checkpoint(transaction, checked)
        return transaction.head.size


def _save_texts(transaction: Transaction, ledger_id: int, chunk: list[Refill]) -> None:
    found = [(one.row, name, line) for one in chunk if one.texts for name, line in one.texts.lines.items()]
    save_texts(transaction.rows, ((row.log_index, name, line) for row, name, line in found if name != "profile"))
    profiles = ((_member(row), row.log_index, line) for row, name, line in found if name == "profile")
    save_profiles(transaction.connection, ledger_id, profiles)


def _member(row: EntryRow) -> bytes:
    """The member whose profile came with an instruction: the one that its event names, or whom it admits."""
    for event in events_of(row):
        if getattr(event, "profile", None) is not None:
            return bytes(getattr(event, "member", row.id))
    raise Malformed(f"entry {row.log_index}: a profile, and no event that tells whose")


def _save_checkpoint(transaction: Transaction, checked: Checked) -> None:
    """Keep the export's checkpoint, with the operator's lines alone; raises StoreError where it is not of this log."""
    if transaction.head.root != checked.root:
        raise StoreError("the export has changed since it was checked: nothing of its last entries was kept")
    text, _, lines = checked.note.rpartition(b"\n\n")
    own = [line for line in lines.split(b"\n")[:-1] if line.startswith(f"— {checked.origin} ".encode())]
    note = text + b"\n\n" + b"".join(line + b"\n" for line in own)
    transaction.keep([(checked.size, checked.root, note)])
