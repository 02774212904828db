"""What an export has, read from the tables, up to a size: the hash tiles and entry bundles that a static log publishes
(C2SP `tlog-tiles`), and the records that refill a database."""

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import literal, select, union_all
from sqlalchemy.engine import Connection

from ledger.log import bundles, entry, tiles
from ledger.log.records import Erased, Record, Texts
from ledger.log.tiles import TilePath
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import Unavailable
from ledger.store.log import EntryRow, read_head, tile_hashes
from ledger.store.rows import rows_of

ENTRIES_AT_ONCE = 16  # held in memory: one with 4,096 legs alone is a megabyte
AT_ONCE = 1000  # rows of free texts held in memory


def tile(store: Store, ledger_id: int, path: TilePath, size: int) -> bytes | None:
    """The octets of a tile or a bundle, or None where the log's first `size` entries do not fill it to this width.

    A narrower part of a tile that has grown since is still answered, as a reader may hold an older checkpoint. Raises
    Unavailable where the database holds less than `size` entries, as an old copy does.
    """
    if path.width > tiles.width_at(path.level, path.number, size):
        return None
    with store.read() as connection:
        if (have := read_head(connection, ledger_id).size) < size:
            raise Unavailable(f"{size} entries are signed, and the database has {have}: an old copy, which "
                              "`comarca log recover` refills")  # fmt: skip
        if path.level is None:
            return _bundle(connection, ledger_id, path)
        return tile_hashes(rows_of(connection, ledger_id), path.level, path.number, path.width)


def _bundle(connection: Connection, ledger_id: int, path: TilePath) -> bytes:
    table, start = schema.entry, path.number * tiles.WIDTH
    wanted = select(table.c.time, table.c.note_hash, table.c.events_root).where(
        table.c.ledger_id == ledger_id, table.c.log_index >= start, table.c.log_index < start + path.width
    )
    return bundles.encode(entry.encode(*row) for row in connection.execute(wanted.order_by(table.c.log_index)))


# --- what refills a database: for its operator alone


def records(store: Store, ledger_id: int, start: int, end: int) -> Iterator[Record]:
    """Note, legs and event lines of the entries [start, end), in the order of the log."""
    table = schema.entry
    wanted = select(table).where(table.c.ledger_id == ledger_id, table.c.log_index >= start, table.c.log_index < end)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(table.c.log_index), execution_options={"yield_per": ENTRIES_AT_ONCE})
        yield from (_record(EntryRow(*row)) for row in rows)


def _record(row: EntryRow) -> Record:
    legs = tuple(row.legs.split(b"\n")) if row.legs is not None else None
    erased = Erased(row.id.hex(), row.kind, row.text_hash) if row.note is None else None
    return Record(row.log_index, row.note, legs, tuple(row.event_lines.split(b"\n")), erased)


def bundles_with_erased(store: Store, ledger_id: int, size: int) -> set[int]:
    """The numbers of the bundles of the first `size` entries in which a note was erased."""
    table = schema.entry
    wanted = select(table.c.log_index).where(
        table.c.ledger_id == ledger_id, table.c.log_index < size, table.c.note.is_(None)
    )
    with store.read() as connection:
        return {index // tiles.WIDTH for index in connection.execute(wanted).scalars()}


def texts(store: Store, ledger_id: int, size: int) -> Iterator[Texts]:
    """The free texts and profiles kept of the first `size` entries, in the order of the log; of an erased entry a
    profile alone, which its events prove."""
    free, profile, entries = schema.free_text, schema.profile, schema.entry
    both = union_all(
        select(free.c.log_index, free.c.field, free.c.line).where(free.c.ledger_id == ledger_id),
        select(profile.c.log_index, literal("profile").label("field"), profile.c.line).where(
            profile.c.ledger_id == ledger_id
        ),
    ).subquery()
    there = (entries.c.ledger_id == ledger_id) & (entries.c.log_index == both.c.log_index)
    wanted = (
        select(both)
        .join(entries, there)
        .where(both.c.log_index < size, entries.c.note.is_not(None) | (both.c.field == "profile"))
    )
    with store.read() as connection:
        found = connection.execute(
            wanted.order_by(both.c.log_index, both.c.field), execution_options={"yield_per": AT_ONCE}
        )
        for log_index, rows in groupby(found, lambda row: int(row.log_index)):
            yield Texts(log_index, {field: bytes(line) for _, field, line in rows})
