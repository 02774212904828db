"""The log's own tables: the head, entries appended in bulk, full tiles, checkpoints, and the Merkle tree's nodes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.erasures import ERASURES
from ledger.log import merkle, tiles
from ledger.store import schema
from ledger.store.rows import Rows, quoted


class Head(NamedTuple):
    """Where a ledger's log stands. The row is the write lock."""

    ledger_id: int
    name: str
    origin: str
    identity: bytes | None
    size: int
    frontier: bytes
    root: bytes | None
    time: int
    fingerprint: str
    checkpoints: int  # how many are kept: one that went would else be missed by nobody


class EntryRow(NamedTuple):
    """One entry as it is stored, in the order of the table's columns."""

    ledger_id: int
    log_index: int
    id: bytes
    kind: str
    time: int
    text_hash: bytes
    note_hash: bytes
    events_root: bytes
    leaf_hash: bytes
    note: bytes | None
    legs: bytes | None
    event_lines: bytes


ENTRY_TYPES = (int, int, bytes, str, int, bytes, bytes, bytes, bytes, bytes, bytes, bytes)
TILE = (("ledger_id", "level", "index", "hashes", "root"), (int, int, int, bytes, bytes))
CHECKPOINT = (("ledger_id", "size", "root", "note"), (int, int, bytes, bytes))
FREE_TEXT = (("ledger_id", "log_index", "field", "line"), (int, int, str, bytes))


def read_head(connection: Connection, ledger_id: int, lock: bool = False) -> Head:
    """A ledger's head; `lock` keeps every other writer of this ledger waiting until the transaction ends."""
    statement = select(schema.head).where(schema.head.c.ledger_id == ledger_id)
    return Head(*connection.execute(statement.with_for_update() if lock else statement).one())


def lock_head(rows: Rows) -> Head:
    """`read_head` with its lock, within a transaction that has begun, at a tenth of the cost."""
    sql = f'SELECT {quoted(Head._fields)} FROM "head" WHERE "ledger_id" = {rows.ledger_id}{rows.LOCK}'
    (row,) = rows.driver.execute(sql)
    return Head(*row)


def write_head(rows: Rows, head: Head) -> None:
    """Write what a transaction changes of the head's row."""
    columns = ("identity", "size", "frontier", "root", "time", "checkpoints")
    sets = ", ".join(f'"{column}" = {rows.MARK}' for column in columns)
    sql = f'UPDATE "head" SET {sets} WHERE "ledger_id" = {rows.ledger_id}'
    rows.driver.execute(sql, [getattr(head, column) for column in columns])


def append(rows: Rows, head: Head, entries: Sequence[EntryRow]) -> Head:
    """Append entries, and the tiles that they fill; the head that follows (not yet written)."""
    rows.insert("entry", EntryRow._fields, ENTRY_TYPES, entries)
    leaves = [entry.leaf_hash for entry in entries]
    frontier = merkle.Frontier.parse(head.size, head.frontier).extend(leaves)
    _append_tiles(rows, head.size, leaves)
    return head._replace(
        size=head.size + len(entries),
        frontier=frontier.octets(),
        root=frontier.root(),
        time=entries[-1].time,
        identity=head.identity or (leaves[0] if head.size == 0 else None),
    )


def _append_tiles(rows: Rows, old: int, leaves: Sequence[bytes]) -> None:
    """Write each tile that these leaves fill. What stood in the last partial tile is read back, once in 256 entries."""
    made: dict[tuple[int, int], bytes] = {}
    for level, index in tiles.full_tiles(old, old + len(leaves)):
        start = index * tiles.WIDTH
        if level == 0:
            fresh = leaves[max(0, start - old) : start + tiles.WIDTH - old]
            hashes = [*leaf_hashes(rows, start, start + tiles.WIDTH - len(fresh)), *fresh]
        else:
            below = [made.get((level - 1, n)) for n in range(start, start + tiles.WIDTH)]
            stored = iter(_tile_roots(rows, level - 1, start, start + below.count(None)))
            hashes = [root or next(stored) for root in below]
        octets = b"".join(hashes)
        made[level, index] = root = tiles.hash_of_tile(octets)
        rows.insert("tile", *TILE, [(rows.ledger_id, level, index, octets, root)])


def leaf_hashes(rows: Rows, start: int, end: int) -> list[bytes]:
    """Those of the entries from log index `start` to below `end`."""
    if start == end:
        return []
    sql = (
        f'SELECT "leaf_hash" FROM "entry" WHERE "ledger_id" = {rows.ledger_id} '
        f'AND "log_index" >= {start} AND "log_index" < {end} ORDER BY "log_index"'
    )
    return [leaf for (leaf,) in rows.driver.execute(sql)]


def _tile_roots(rows: Rows, level: int, start: int, end: int) -> list[bytes]:
    if start == end:
        return []
    sql = (
        f'SELECT "root" FROM "tile" WHERE "ledger_id" = {rows.ledger_id} AND "level" = {level} '
        f'AND "index" >= {start} AND "index" < {end} ORDER BY "index"'
    )
    return [root for (root,) in rows.driver.execute(sql)]


def entries_at(rows: Rows, indexes: Sequence[int]) -> list[EntryRow]:
    """Entries by log index, at least one."""
    named = ", ".join(map(str, indexes))
    sql = (
        f'SELECT {quoted(EntryRow._fields)} FROM "entry" WHERE "ledger_id" = {rows.ledger_id} '
        f'AND "log_index" IN ({named})'
    )
    return [EntryRow(*row) for row in rows.driver.execute(sql)]


def keys_of_holder(rows: Rows, holder: bytes) -> list[tuple[bytes, int, str, bool]]:
    """Every key that a holder has had: the public key, where it became live, its status, and whether its holder was
    given by a note, as administrators and the clerk are."""
    given = f'SELECT 1 FROM "named" WHERE "ledger_id" = {rows.ledger_id} AND "id" = "holder"'
    sql = (
        f'SELECT "public", "since", "status", EXISTS ({given}) FROM "key" '
        f'WHERE "ledger_id" = {rows.ledger_id} AND "holder" = {rows.MARK}'
    )
    found = rows.driver.execute(sql, (holder,))
    return [(bytes(public), since, status, bool(by_note)) for public, since, status, by_note in found]


def times_of(rows: Rows, indexes: Sequence[int]) -> dict[int, int]:
    """The times of entries, by log index."""
    named = ", ".join(map(str, indexes))
    sql = f'SELECT "log_index", "time" FROM "entry" WHERE "ledger_id" = {rows.ledger_id} AND "log_index" IN ({named})'
    return dict(rows.driver.execute(sql).fetchall())


def operator_keys(rows: Rows, size: int) -> list[tuple[bytes, int]]:
    """The operator's keys of the log's first `size` entries, the latest first, and where each became live."""
    sql = (
        f'SELECT "public", "since" FROM "key" WHERE "ledger_id" = {rows.ledger_id} AND "holder" IS NULL '
        f'AND "since" < {size} ORDER BY "since" DESC'
    )
    return [(bytes(public), since) for public, since in rows.driver.execute(sql)]


def nodes(rows: Rows, size: int | None = None) -> tiles.TileNodes:
    """The nodes of the tree (of this size, if it is known), read from full tiles, and at the right edge from leaf
    hashes and the roots of full tiles."""

    def read(level: int, index: int, width: int) -> bytes:
        return tile_hashes(rows, level, index, width)

    return tiles.TileNodes(read, size)


def tile_hashes(rows: Rows, level: int, index: int, width: int) -> bytes:
    """The first `width` hashes of a tile, of a log that has them all."""
    start = index * tiles.WIDTH
    if width == tiles.WIDTH:
        return _full_tile(rows, level, index)
    if level == 0:
        return b"".join(leaf_hashes(rows, start, start + width))
    return b"".join(_tile_roots(rows, level - 1, start, start + width))


def _full_tile(rows: Rows, level: int, index: int) -> bytes:
    sql = (
        f'SELECT "hashes" FROM "tile" WHERE "ledger_id" = {rows.ledger_id} AND "level" = {level} AND "index" = {index}'
    )
    ((hashes,),) = rows.driver.execute(sql)
    return bytes(hashes)


def erase(rows: Rows, since: int) -> int:
    """Empty notes and legs of the entries that erasures from this log index on name, and take their free texts away;
    how many entries."""
    named = f'SELECT "log_index" FROM "{ERASURES.name}" WHERE "ledger_id" = {rows.ledger_id} AND "erased_by" >= {since}'
    where = f'WHERE "ledger_id" = {rows.ledger_id} AND "log_index" IN ({named})'
    sets = ", ".join(f'"{name}" = NULL' for name in schema.ERASED)
    count: int = rows.driver.execute(f'UPDATE "entry" SET {sets} {where}').rowcount
    rows.driver.execute(f'DELETE FROM "free_text" {where}')
    return count


def save_texts(rows: Rows, texts: Iterable[tuple[int, str, bytes]]) -> None:
    """Keep free texts (log index, field, line) apart from the log."""
    if found := [(rows.ledger_id, *text) for text in texts]:
        rows.insert("free_text", *FREE_TEXT, found)


def save_profiles(connection: Connection, ledger_id: int, profiles: Iterable[tuple[bytes, int, bytes]]) -> None:
    """Keep each member's latest profile (member, log index, line); the one before is gone."""
    table = schema.profile
    for member, log_index, line in profiles:
        where = (table.c.ledger_id == ledger_id) & (table.c.member == member)
        connection.execute(table.delete().where(where))
        connection.execute(table.insert().values(ledger_id=ledger_id, member=member, log_index=log_index, line=line))


def save_checkpoints(rows: Rows, head: Head, checkpoints: Iterable[tuple[int, bytes, bytes]]) -> Head:
    """Keep signed checkpoints (size, root, note), of one that another process has kept already, nothing; the head that
    follows (not yet written)."""
    kept = 0
    for size, root, note in {checkpoint[0]: checkpoint for checkpoint in checkpoints}.values():
        sql = f'SELECT 1 FROM "checkpoint" WHERE "ledger_id" = {rows.ledger_id} AND "size" = {size}'
        if not list(rows.driver.execute(sql)):
            rows.insert("checkpoint", *CHECKPOINT, [(rows.ledger_id, size, root, note)])
            kept += 1
    return head._replace(checkpoints=head.checkpoints + kept)
