"""Tiles: the paths of C2SP, a published log read through its tiles, and every size to 300 and beyond 65,536."""

from base64 import b64decode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import bundles, checkpoint, consistency, keys, merkle, proof, tiles
from ledger.log.malformed import Malformed
from ledger.log.tiles import TileNodes, TilePath
from tests.log.data import load
from tests.log.naive import NaiveTree

PATHS = load("tiles/paths.json")
LOG = load("tiles/tessera-testlog.json")
LOG_OF_600 = load("tiles/log-of-600.json")
TREE = NaiveTree([b"%d" % n for n in range(600)])


# --- paths


@pytest.mark.parametrize("case", PATHS["tile"] + PATHS["entries"], ids=lambda case: case["path"])
def test_published_paths(case: dict[str, Any]) -> None:
    named = TilePath(case.get("level"), case["index"], case["partial"] or tiles.WIDTH)
    assert tiles.tile_path(*named) == case["path"]
    assert tiles.parse_path(case["path"]) == named


@pytest.mark.parametrize("case", PATHS["parse"], ids=lambda case: f"{case['level']}/{case['index']}")
def test_published_paths_good_and_bad(case: dict[str, Any]) -> None:
    path = f"tile/{case['level']}/{case['index']}"
    if case.get("error"):
        with pytest.raises(Malformed, match="path of a tile"):
            tiles.parse_path(path)
    else:
        wanted = TilePath(case["want_level"], case["want_index"], case["want_partial"] or tiles.WIDTH)
        assert tiles.parse_path(path) == wanted


@pytest.mark.parametrize(
    "path",
    ["tile/0/000.p/257", "tile/0/000.p/300", "tile/0/000.p/0", "tile/0/000.p/01", "tile/00/000", "tile/0/x000/001",
     "tile/0/x000/000", "tile/0/1", "tile/0/0000", "tile/0/000/", "/tile/0/000", "tile/0/000\n", "tile/0/٠٠٠",
     "tile/Entries/000", "tile/entries/x1/000", "tile/0/" + "x999/" * 2000 + "999", "tile/8/0/000", "",
     "tile/0/000.P/1"],
)  # fmt: skip
def test_any_other_spelling_is_refused(path: str) -> None:
    with pytest.raises(Malformed, match="path of a tile"):
        tiles.parse_path(path)


@given(st.none() | st.integers(0, 63), st.integers(0, 10**18 - 1), st.integers(1, 256))
def test_a_path_is_read_back(level: int | None, index: int, width: int) -> None:
    assert tiles.parse_path(tiles.tile_path(level, index, width)) == (level, index, width)


@given(st.from_regex(tiles._PATH, fullmatch=True))
def test_what_is_read_is_written_the_same(path: str) -> None:
    try:
        named = tiles.parse_path(path)
    except Malformed:
        return
    assert tiles.tile_path(*named) == path


@pytest.mark.parametrize(("index", "width"), [(-1, 256), (-1000, 1), (0, 0), (0, 257), (0, -1)])
def test_no_path_of_a_tile_that_cannot_be(index: int, width: int) -> None:
    with pytest.raises(ValueError, match="tile"):
        tiles.tile_path(0, index, width)


# --- which tiles are full


@pytest.mark.parametrize("case", PATHS["partial_widths"], ids=lambda case: str(case["tree_size"]))
def test_published_counts_of_full_tiles(case: dict[str, Any]) -> None:
    full = list(tiles.full_tiles(0, case["tree_size"]))
    for level, widths in case["level_widths"].items():
        assert [index for at, index in full if at == int(level)] == list(range(widths["full"]))


@given(st.lists(st.integers(0, 2**25), min_size=2, max_size=5).map(sorted))
def test_each_tile_becomes_full_once_however_a_log_grows(sizes: list[int]) -> None:
    first, last = sizes[0] // 2**14 * 2**14, sizes[-1] // 2**14 * 2**14
    stops = [first, *(size for size in sizes if first < size < last), last]
    grown = [tile for old, new in pairwise(stops) for tile in tiles.full_tiles(old, new)]
    assert sorted(grown) == sorted(tiles.full_tiles(first, last))
    assert len(set(grown)) == len(grown)


def test_lower_levels_come_first_for_the_higher_are_made_of_them() -> None:
    assert list(tiles.full_tiles(255, 257)) == [(0, 0)]
    assert list(tiles.full_tiles(256, 511)) == []
    assert list(tiles.full_tiles(65_279, 65_536)) == [(0, 254), (0, 255), (1, 0)]


@pytest.mark.parametrize("case", PATHS["partial_widths"], ids=lambda case: str(case["tree_size"]))
def test_published_widths_of_partial_tiles(case: dict[str, Any]) -> None:
    found = {path.level: path.width for path in tiles.paths_of(case["tree_size"]) if path.width < tiles.WIDTH}
    for level, widths in case["level_widths"].items():
        assert found.get(int(level), 0) == widths["partial"]
    assert found.get(None, 0) == found.get(0, 0)


@given(st.integers(0, 200_000))
def test_the_paths_of_a_size_are_every_tile_and_bundle_of_it_once(size: int) -> None:
    found = list(tiles.paths_of(size))
    assert len(set(found)) == len(found)
    for level in range(4):
        of_level = [path for path in found if path.level == level]
        assert [path.number for path in of_level] == list(range(len(of_level)))
        assert sum(path.width for path in of_level) == size >> 8 * level
        assert all(path.width == tiles.width_at(level, path.number, size) > 0 for path in of_level)
        assert tiles.width_at(level, len(of_level), size) == 0
    assert [path[1:] for path in found if path.level is None] == [path[1:] for path in found if path.level == 0]


# --- nodes read from tiles


def tile_of(level: int, index: int, width: int) -> bytes:
    """A tile of the naive tree."""
    span = 256**level
    return b"".join(TREE.mth(n * span, (n + 1) * span) for n in range(256 * index, 256 * index + width))


def test_proofs_from_tiles_at_every_size() -> None:
    nodes = TileNodes(tile_of)
    for size in [*range(1, 301), 511, 512, 513, 599, 600]:
        assert merkle.root_from_nodes(size, nodes) == TREE.root(size)
        for index in {0, size // 2, size - 1}:
            assert merkle.inclusion_path(index, size, nodes) == TREE.path(index, 0, size)
        for old in {1, size // 2 or 1, size}:
            assert merkle.consistency_path(old, size, nodes) == TREE.proof(old, size)


def test_only_tiles_of_the_size_are_asked_for() -> None:
    asked: set[tuple[int, int, int]] = set()

    def read(level: int, index: int, width: int) -> bytes:
        asked.add((level, index, width))
        return tile_of(level, index, width)

    merkle.inclusion_path(599, 600, TileNodes(read))
    assert asked == {(1, 0, 2), (0, 2, 64), (0, 2, 80), (0, 2, 84), (0, 2, 86), (0, 2, 87), (0, 2, 88)} & asked
    assert all((256 * index + width) * 256**level <= 600 for level, index, width in asked)


def test_a_tile_is_read_once() -> None:
    asked = []

    def read(level: int, index: int, width: int) -> bytes:
        asked.append((level, index, width))
        return tile_of(level, index, width)

    nodes = TileNodes(read)
    for _ in range(2):
        merkle.inclusion_path(0, 512, nodes)
    assert len(asked) == len(set(asked))


@given(st.integers(1, 600), st.data())
def test_with_the_size_a_tile_at_the_edge_is_read_whole_and_once(size: int, data: st.DataObject) -> None:
    asked = []

    def read(level: int, index: int, width: int) -> bytes:
        assert (256 * index + width) * 256**level <= size
        asked.append((level, index))
        return tile_of(level, index, width)

    nodes = TileNodes(read, size)
    assert merkle.root_from_nodes(size, nodes) == TREE.root(size)
    for index in data.draw(st.lists(st.integers(0, size - 1), max_size=4)):
        assert merkle.inclusion_path(index, size, nodes) == TREE.path(index, 0, size)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
def test_a_tile_of_another_length_is_refused(change: int) -> None:
    def read(level: int, index: int, width: int) -> bytes:
        return bytes(width * 32 + change)

    with pytest.raises(Malformed, match="tile 0 of level 0"):
        merkle.inclusion_path(0, 3, TileNodes(read))


# --- a published log


def published(level: int, index: int, width: int) -> bytes:
    """A tile of the published log."""
    return b64decode(LOG["tiles"][tiles.tile_path(level, index, width)])


def test_a_published_log_is_read_through_its_tiles() -> None:
    origin, public = keys.parse_vkey(LOG["vkey"])
    leaves = [merkle.leaf_hash(entry.encode()) for entry in LOG["entries"]]
    nodes = TileNodes(published)
    roots = {}
    for size, note in LOG["checkpoints"].items():
        if size == "0":
            continue  # ours are never of an empty log
        signed = checkpoint.verify(note.encode(), origin, public)
        assert signed.size == int(size)
        assert signed.root == merkle.root_from_nodes(signed.size, nodes) == merkle.root(leaves[: signed.size])
        roots[signed.size] = signed.root
        for index in range(signed.size):
            path = merkle.inclusion_path(index, signed.size, nodes)
            assert merkle.verify_inclusion(leaves[index], index, signed.size, path, signed.root)
    for old, new in pairwise(roots):
        assert merkle.verify_consistency(old, new, roots[old], roots[new], merkle.consistency_path(old, new, nodes))


def test_the_published_bundles_hold_the_entries() -> None:
    for path, octets in LOG["tiles"].items():
        named = tiles.parse_path(path)
        if named.level is None:
            assert bundles.split(b64decode(octets)) == [entry.encode() for entry in LOG["entries"][: named.width]]


def test_the_checkpoint_of_an_empty_log_is_refused() -> None:
    with pytest.raises(Malformed, match="empty log"):
        checkpoint.verify(LOG["checkpoints"]["0"].encode(), *keys.parse_vkey(LOG["vkey"]))


# --- a published log with tiles of two levels


def of_600(level: int | None, index: int, width: int) -> bytes:
    """A tile or bundle of the log of 600."""
    return b64decode(LOG_OF_600["tiles"][tiles.tile_path(level, index, width)])


def test_the_log_of_600_has_the_tiles_that_its_entries_make() -> None:
    assert {tiles.tile_path(*path) for path in tiles.paths_of(600)} == set(LOG_OF_600["tiles"])
    entries = [one for path in tiles.paths_of(600) if path.level is None for one in bundles.split(of_600(*path))]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    for path in tiles.paths_of(600):
        if path.level == 0:
            start = 256 * path.number
            assert of_600(*path) == b"".join(leaves[start : start + path.width])
    assert of_600(1, 0, 2) == tiles.hash_of_tile(of_600(0, 0, 256)) + tiles.hash_of_tile(of_600(0, 1, 256))
    signed = checkpoint.verify(proof_of_600("0").checkpoint, *keys.parse_vkey(load("proofs/log-of-600.json")["vkey"]))
    assert signed.root == merkle.root(leaves)


def proof_of_600(index: str) -> proof.Proof:
    return proof.parse(LOG_OF_600["proofs"][index].encode())


@pytest.mark.parametrize("index", LOG_OF_600["proofs"])
def test_the_published_proofs_are_made_of_the_tiles(index: str) -> None:
    path = merkle.inclusion_path(int(index), 600, TileNodes(of_600, 600))
    made = proof.format(int(index), path, proof_of_600(index).checkpoint)
    assert made.decode() == LOG_OF_600["proofs"][index]


@pytest.mark.parametrize("old", load("proofs/log-of-600.json")["consistency"])
def test_the_published_consistency_proofs_are_made_of_the_tiles(old: str) -> None:
    text = load("proofs/log-of-600.json")["consistency"][old]
    path = merkle.consistency_path(int(old), 600, TileNodes(of_600, 600))
    assert consistency.format(int(old), path, consistency.parse(text.encode()).checkpoint).decode() == text
