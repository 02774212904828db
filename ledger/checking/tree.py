"""The Merkle tree of an export, made anew from its bundles and compared with its tiles on the way up."""

from collections.abc import Sequence

from ledger.checking.files import Site, WrongFile
from ledger.log import merkle, tiles
from ledger.log.malformed import Malformed


class Tree:
    """Grows by the leaves of one bundle after another. `signed_root` is that of the whole log, of `size` entries."""

    def __init__(self, site: Site, size: int, signed_root: bytes):
        self._site, self._size, self._signed_root = site, size, signed_root
        self._levels: list[list[bytes]] = []  # from level 1 up, the hashes of each level's last, partial tile
        self.frontier = merkle.Frontier()

    def add(self, number: int, leaves: Sequence[bytes]) -> None:
        """Add the leaves of a bundle, and compare each tile that they fill; raises WrongFile."""
        width = len(leaves)
        octets = self._site.tile(0, number, width)
        if octets != b"".join(leaves):
            raise self._which_is_wrong(number, leaves, octets)
        self.frontier = self.frontier.extend(leaves)
        if width == tiles.WIDTH:
            self._fill(1, tiles.hash_of_tile(octets))

    def _fill(self, level: int, hash: bytes) -> None:
        if level > len(self._levels):
            self._levels.append([])
        part = self._levels[level - 1]
        part.append(hash)
        if len(part) == tiles.WIDTH:
            number = (self.frontier.size >> tiles.HEIGHT * (level + 1)) - 1
            self._compare(level, number, part)
            above = merkle.root(part)
            part.clear()
            self._fill(level + 1, above)

    def end(self) -> None:
        """Compare the tiles at the edge, and the root; raises WrongFile."""
        for level, part in enumerate(self._levels, 1):
            if part:
                self._compare(level, self._size >> tiles.HEIGHT * (level + 1), part)
        if self.frontier.root() != self._signed_root:
            raise WrongFile("checkpoint", "its root is not that of the entries and tiles, which agree")

    def _compare(self, level: int, number: int, hashes: Sequence[bytes]) -> None:
        octets = self._site.tile(level, number, len(hashes))
        if octets != b"".join(hashes):
            place = _first_difference(octets, hashes)
            raise WrongFile(tiles.tile_path(level, number, len(hashes)), f"hash {place} is not made of the tile below")

    def _which_is_wrong(self, number: int, leaves: Sequence[bytes], octets: bytes) -> WrongFile:
        """Bundle or tile: whichever of the two hashes does not lead to the signed root."""
        place, width = _first_difference(octets, leaves), len(leaves)
        log_index = number * tiles.WIDTH + place
        tile, bundle = tiles.tile_path(0, number, width), tiles.tile_path(None, number, width)
        try:
            path = merkle.inclusion_path(log_index, self._size, tiles.TileNodes(self._site.tile, self._size))
        except (Malformed, WrongFile):
            path = []
        in_tile = octets[place * merkle.HASH : (place + 1) * merkle.HASH]
        if merkle.verify_inclusion(in_tile, log_index, self._size, path, self._signed_root):
            return WrongFile(bundle, f"entry {log_index} is not the one that was logged: its hash is another")
        if merkle.verify_inclusion(leaves[place], log_index, self._size, path, self._signed_root):
            return WrongFile(tile, f"hash {place} is not that of entry {log_index}")
        return WrongFile(tile, f"hash {place} is not that of entry {log_index} in {bundle}, and neither leads to the "
                               "checkpoint's root")  # fmt: skip


def _first_difference(octets: bytes, hashes: Sequence[bytes]) -> int:
    found = (octets[n * merkle.HASH : (n + 1) * merkle.HASH] for n in range(len(hashes)))
    return next(n for n, (one, other) in enumerate(zip(found, hashes, strict=True)) if one != other)
