"""Tiles (C2SP `tlog-tiles`): the tree cut into pieces of height 8, each 256 hashes wide.

Tile (level, index) holds the hashes of nodes (8 * level, 256 * index ...). Full tiles never change. The path of a
partial one ends in its width.

>>> tile_path(0, 1_234_067, 112)
'tile/0/x001/x234/067.p/112'
>>> list(full_tiles(65_279, 65_536))
[(0, 254), (0, 255), (1, 0)]
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ledger.log import merkle
from ledger.log.malformed import Malformed

HEIGHT = 8
WIDTH = 256
LEVEL = r"[0-9]|[1-5][0-9]|6[0-3]"
_PATH = re.compile(rf"tile/({LEVEL}|entries)/((?:x[0-9]{{3}}/){{0,5}}[0-9]{{3}})(?:\.p/([1-9][0-9]{{0,2}}))?", re.ASCII)


def full_tiles(old: int, new: int) -> Iterator[tuple[int, int]]:
    """Level and index of the tiles that become full as a log grows from old to new, lower levels first."""
    level = 0
    while new := new // WIDTH:
        old //= WIDTH
        for index in range(old, new):
            yield level, index
        level += 1


def width_at(level: int | None, index: int, size: int) -> int:
    """How many hashes (or entries, where level is None) this tile has in a tree of `size` leaves; 0 where it is not
    there."""
    return max(0, min(WIDTH, (size >> HEIGHT * (level or 0)) - WIDTH * index))


def hash_of_tile(octets: bytes) -> bytes:
    """The root over a tile's hashes: of a full tile, a hash of the tile above."""
    return merkle.root([octets[n : n + merkle.HASH] for n in range(0, len(octets), merkle.HASH)])


class TileNodes:
    """The nodes of a tree whose tiles can be read: `read(level, index, width)` gives the first `width` hashes, and a
    call raises Malformed where they are more or fewer. With the tree's `size` a tile at its edge is read whole,
    once."""

    def __init__(self, read: Callable[[int, int, int], bytes], size: int | None = None):
        self._read, self._size = read, size
        self._kept: dict[tuple[int, int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The root of the complete subtree of 2**level leaves at this index."""
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        tile, offset = divmod(first, WIDTH)
        end = offset + (1 << height)
        octets = self._tile(tile_level, tile, end)
        return hash_of_tile(octets[offset * merkle.HASH : end * merkle.HASH])

    def _tile(self, level: int, index: int, width: int) -> bytes:
        """A tile, read once in the life of this reader."""
        if self._size is not None:
            width = max(width, width_at(level, index, self._size))
        for known in (WIDTH, width):
            if (level, index, known) in self._kept:
                return self._kept[level, index, known]
        octets = self._read(level, index, width)
        if len(octets) != width * merkle.HASH:
            raise Malformed(f"tile {index} of level {level}: {len(octets)} octets, where {width} hashes belong")
        self._kept[level, index, width] = octets
        return octets


class TilePath(NamedTuple):
    """What a path names: a tile of a level, or a bundle of entries (level None)."""

    level: int | None
    number: int
    width: int


def paths_of(size: int) -> Iterator[TilePath]:
    """Every tile and every bundle of a tree of this size, whole or at its edge partial: level by level, in order of
    their numbers, each bundle before its tile."""
    level = 0
    while hashes := size >> HEIGHT * level:
        for index in range((hashes + WIDTH - 1) // WIDTH):
            width = width_at(level, index, size)
            if level == 0:
                yield TilePath(None, index, width)
            yield TilePath(level, index, width)
        level += 1


def tile_path(level: int | None, index: int, width: int = WIDTH) -> str:
    """The path of a tile, or of an entry bundle where level is None; ValueError where there can be no such tile."""
    if index < 0 or not 1 <= width <= WIDTH:
        raise ValueError(f"tile {index} of width {width}")
    digits = f"{index % 1000:03}"
    rest = index // 1000
    while rest:
        digits = f"x{rest % 1000:03}/{digits}"
        rest //= 1000
    part = "" if width == WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{digits}{part}"


def parse_path(path: str) -> TilePath:
    """What a path names; raises Malformed on any other spelling of it."""
    matched = _PATH.fullmatch(path)
    if matched is None:
        raise Malformed(f"not the path of a tile: {path[:60]!r}")
    level, digits, width = matched.groups()
    index = int(digits.replace("x", "").replace("/", ""))
    named = TilePath(None if level == "entries" else int(level), index, int(width) if width else WIDTH)
    if named.width > WIDTH or tile_path(*named) != path:
        raise Malformed(f"not the canonical path of a tile: {path[:60]!r}")
    return named
