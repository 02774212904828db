"""What a static log publishes (C2SP `tlog-tiles`), read from the tables: hash tiles and entry bundles, up to a size."""

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.log import bundles, entry, tiles
from ledger.log.tiles import TilePath
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import tile_hashes
from ledger.store.rows import rows_of


def tile(store: Store, ledger_id: int, path: TilePath, size: int) -> bytes | None:
    """The octets of a tile or a bundle, or None where the log's first `size` entries do not fill it to this width.

    A narrower part of a tile that has grown since is still answered, as a reader may hold an older checkpoint.
    """
    if path.width > tiles.width_at(path.level, path.number, size):
        return None
    with store.read() as connection:
        if path.level is None:
            return _bundle(connection, ledger_id, path)
        return tile_hashes(rows_of(connection, ledger_id), path.level, path.number, path.width)


def _bundle(connection: Connection, ledger_id: int, path: TilePath) -> bytes:
    table, start = schema.entry, path.number * tiles.WIDTH
    wanted = select(table.c.time, table.c.note_hash, table.c.events_root).where(
        table.c.ledger_id == ledger_id, table.c.log_index >= start, table.c.log_index < start + path.width
    )
    return bundles.encode(entry.encode(*row) for row in connection.execute(wanted.order_by(table.c.log_index)))
