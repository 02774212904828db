"""Read queries: what the API and the command show of a ledger. Each answers from one state of the database.

Nothing here decides who may read, but for `account`, where absent and not yours are one answer by one query.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.keys import NAMED
from ledger.core.ledgers import LEDGER, POLICIES, Ledger, Policy
from ledger.core.machine import read_event
from ledger.log import merkle, salted
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import Head, nodes, read_head
from ledger.store.readable import may_read, readable
from ledger.store.rows import rows_of

# Kinds that everybody may read in full (docs/formats.md, Who sees what).
PUBLIC_KINDS = ("genesis", "set_policy", "set_administrators", "set_operator", "set_clerk")
# Those that everybody may read where the key is an administrator's or the clerk's.
OF_KEYS = ("add_key", "rotate_key", "recover", "complete_recovery")


class Info(NamedTuple):
    """What anyone may know of a ledger: its head, what its genesis fixed, the policies in force by feature."""

    head: Head
    ledger: Ledger
    policies: tuple[Policy, ...]


class PublicEntry(NamedTuple):
    """What the Merkle leaf of an entry says, and the path that proves it in the log of `size` entries; note and event
    lines only of a kind that everybody may read."""

    log_index: int
    time: int
    note_hash: bytes
    events_root: bytes
    path: tuple[bytes, ...]
    note: bytes | None
    events: tuple[bytes, ...]


class PublicLine(NamedTuple):
    """What the Merkle leaf of an entry says."""

    log_index: int
    time: int
    note_hash: bytes
    events_root: bytes


class Place(NamedTuple):
    """Where a page ended: a movement's log index and its place in its instruction."""

    log_index: int
    n: int


def stale_projections(store: Store) -> list[str]:
    """The names of ledgers whose tables were made by other definitions of the nouns than this program's."""
    return [head.name for head in store.heads() if head.fingerprint != schema.fingerprint()]


def info(store: Store, ledger_id: int) -> Info | None:
    """What anyone may know of the ledger, or None where its genesis is not logged yet."""
    ledgers, policies = schema.PROJECTIONS[LEDGER], schema.PROJECTIONS[POLICIES]
    with store.read() as connection:
        head = read_head(connection, ledger_id)
        row = connection.execute(select(ledgers).where(ledgers.c.ledger_id == ledger_id)).one_or_none()
        if row is None:
            return None
        wanted = select(policies).where(policies.c.ledger_id == ledger_id).order_by(policies.c.feature)
        return Info(head, Ledger(*row[1:]), tuple(Policy(*found[1:]) for found in connection.execute(wanted)))


def account(store: Store, ledger_id: int, id: bytes, holder: bytes | None) -> Account | None:
    """The account, if this holder may read it; with None for the holder, whosever it is."""
    table = schema.PROJECTIONS[ACCOUNTS]
    wanted = select(table).where(table.c.ledger_id == ledger_id, table.c.id == id)
    if holder is not None:
        wanted = wanted.where(may_read(ledger_id, holder))
    with store.read() as connection:
        row = connection.execute(wanted).one_or_none()
    return Account(*row[1:]) if row is not None else None


def ids_of(store: Store, ledger_id: int, holder: bytes) -> frozenset[bytes]:
    """The ids that stand for a holder: its own, and those of the accounts that it may read."""
    with store.read() as connection:
        return readable(connection, ledger_id, holder) | {holder}


def accounts_of(store: Store, ledger_id: int, holder: bytes) -> list[Account]:
    """The accounts that are a holder's own, in the order they were opened."""
    table = schema.PROJECTIONS[ACCOUNTS]
    wanted = select(table).where(table.c.ledger_id == ledger_id, table.c.member == holder)
    with store.read() as connection:
        return [Account(*row[1:]) for row in connection.execute(wanted.order_by(table.c.opened, table.c.id))]


def first_index(connection: Connection, ledger_id: int, time: int) -> int:
    """The first log index whose time is not before this one."""
    return index_where(connection, ledger_id, time, lambda time: time)


def index_where(connection: Connection, ledger_id: int, least: int, of_time: Callable[[int], int]) -> int:
    """The first log index of whose time this is at least so much: times never run backwards, so by halves."""
    size = read_head(connection, ledger_id).size
    return bisect_left(range(size), least, key=lambda index: of_time(time_at(connection, ledger_id, index)))


def time_at(connection: Connection, ledger_id: int, log_index: int) -> int:
    """The time of an entry that is there."""
    entries = schema.entry
    where = (entries.c.ledger_id == ledger_id, entries.c.log_index == log_index)
    return int(connection.execute(select(entries.c.time).where(*where)).scalar_one())


def index_of(store: Store, ledger_id: int, id: bytes) -> int | None:
    """The log index of an instruction, or None where it is not in the log."""
    entries = schema.entry
    wanted = select(entries.c.log_index).where(entries.c.ledger_id == ledger_id, entries.c.id == id)
    with store.read() as connection:
        found: int | None = connection.execute(wanted).scalar_one_or_none()
    return found


def public_entry(store: Store, ledger_id: int, log_index: int, size: int) -> PublicEntry | None:
    """The public line of an entry and its path in the log of `size` entries, or None where the log is shorter."""
    if not 0 <= log_index < size:
        return None
    table = schema.entry
    columns = (table.c.time, table.c.note_hash, table.c.events_root, table.c.kind)
    where = (table.c.ledger_id == ledger_id, table.c.log_index == log_index)
    with store.read() as connection:
        time, note_hash, events_root, kind = connection.execute(select(*columns).where(*where)).one()
        note, lines = None, b""
        if kind in PUBLIC_KINDS or kind in OF_KEYS:
            note, lines = connection.execute(select(table.c.note, table.c.event_lines).where(*where)).one()
        if kind in OF_KEYS and not _holds_office(connection, ledger_id, bytes(lines)):
            note, lines = None, b""
        path = merkle.inclusion_path(log_index, size, nodes(rows_of(connection, ledger_id), size))
    events = tuple(lines.split(b"\n")) if lines else ()
    return PublicEntry(log_index, time, note_hash, events_root, tuple(path), note, events)


def _holds_office(connection: Connection, ledger_id: int, lines: bytes) -> bool:
    """Whether the key in these event lines is of a holder whom the genesis or a later change has given an office."""
    holder = read_event(salted.split(lines.split(b"\n")[0])[1]).holder
    table = schema.PROJECTIONS[NAMED]
    wanted = select(table.c.id).where(table.c.ledger_id == ledger_id, table.c.id == holder)
    return connection.execute(wanted).first() is not None


def consistency(store: Store, ledger_id: int, old: int, size: int) -> list[bytes]:
    """The proof that the first `old` entries are a prefix of the first `size`, both of a log at least as long; empty
    for no entries and for equal sizes."""
    if old == 0:
        return []
    with store.read() as connection:
        return merkle.consistency_path(old, size, nodes(rows_of(connection, ledger_id), size))


def public_lines(store: Store, ledger_id: int, start: int, end: int) -> list[PublicLine]:
    """The public lines of the entries from `start` to before `end`, in log order."""
    if start >= end:
        return []
    table = schema.entry
    wanted = select(table.c.log_index, table.c.time, table.c.note_hash, table.c.events_root).where(
        table.c.ledger_id == ledger_id, table.c.log_index >= start, table.c.log_index < end
    )
    with store.read() as connection:
        return [PublicLine(*row) for row in connection.execute(wanted.order_by(table.c.log_index))]


def latest_checkpoint(store: Store, ledger_id: int) -> tuple[int, bytes] | None:
    """Size and note of the largest checkpoint kept, or None before the first."""
    table = schema.checkpoint
    wanted = select(table.c.size, table.c.note).where(table.c.ledger_id == ledger_id)
    with store.read() as connection:
        row = connection.execute(wanted.order_by(table.c.size.desc()).limit(1)).one_or_none()
    return (row[0], bytes(row[1])) if row is not None else None


def checkpoint_of(store: Store, ledger_id: int, size: int) -> bytes | None:
    """The note of the checkpoint kept of this log size, or None: not every size has one."""
    table = schema.checkpoint
    wanted = select(table.c.note).where(table.c.ledger_id == ledger_id, table.c.size == size)
    with store.read() as connection:
        note = connection.execute(wanted).scalar_one_or_none()
    return bytes(note) if note is not None else None
