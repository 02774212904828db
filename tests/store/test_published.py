"""The tiles and bundles of a stored log: at every size, on both engines, what RFC 6962 makes of its entries."""

from ledger.log import bundles, entry, merkle, tiles
from ledger.log.tiles import TilePath
from ledger.store import published
from tests.tables import entries
from tests.territory import TerritoryOfTests

LONG = 300


def test_every_tile_of_every_size(database_url: str) -> None:
    territory = TerritoryOfTests(database_url)
    payer, payee = territory.members(2)
    territory.send(*(territory.transfer(payer, payee, 1) for _ in range(LONG - 3)))
    rows = entries(territory.store, territory.ledger_id)
    texts = [entry.encode(row.time, row.note_hash, row.events_root) for row in rows]
    assert [merkle.leaf_hash(text) for text in texts] == [row.leaf_hash for row in rows]
    wanted = {path for size in range(1, LONG + 1) for path in tiles.paths_of(size)}
    assert len(wanted) == 2 * LONG + 1
    for path in wanted:
        assert published.tile(territory.store, territory.ledger_id, path, LONG) == made(path, texts)
    territory.close()


def made(path: TilePath, texts: list[bytes]) -> bytes:
    """A bundle or tile, from the entries alone."""
    if path.level is None:
        return bundles.encode(texts[256 * path.number :][: path.width])
    span = 256**path.level
    leaves = [merkle.leaf_hash(text) for text in texts]
    first = 256 * path.number
    return b"".join(merkle.root(leaves[n * span : (n + 1) * span]) for n in range(first, first + path.width))
