"""The Merkle tree: against RFC 6962 word for word, at every size to 300, and the published proofs, good and bad."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import merkle
from ledger.log.malformed import Malformed
from ledger.log.merkle import Frontier
from tests.log.data import hashes, load
from tests.log.naive import NaiveTree

MOST = 300
TREE = NaiveTree([b"leaf %d" % n for n in range(MOST)])
LEAVES = TREE.leaves
SIZES = range(1, MOST + 1)
CONSISTENCY = load("merkle/consistency.json")
INCLUSION = load("merkle/inclusion.json")
REFERENCE = load("merkle/rfc6962-reference-tree.json")

sizes = st.integers(1, MOST)


def node(level: int, index: int) -> bytes:
    """A node as the naive tree knows it."""
    return TREE.mth(index << level, (index + 1) << level)


def within(size: int) -> Callable[[int, int], bytes]:
    """Nodes of a tree of this size: to ask for one that is not complete there is an error."""

    def read(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        return node(level, index)

    return read


# --- roots


def test_the_reference_tree() -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in REFERENCE["leaf_inputs_hex"]]
    assert [leaf.hex() for leaf in leaves] == REFERENCE["node_hashes_hex"][0]
    for size, wanted in enumerate(REFERENCE["roots_hex_by_size"]):
        assert merkle.root(leaves[:size]).hex() == wanted
        assert Frontier().extend(leaves[:size]).root().hex() == wanted
    for below, level in zip(REFERENCE["node_hashes_hex"], REFERENCE["node_hashes_hex"][1:], strict=False):
        pairs = zip(below[::2], below[1::2], strict=True)
        assert [merkle.node_hash(bytes.fromhex(a), bytes.fromhex(b)).hex() for a, b in pairs] == level


def test_no_leaves_have_the_root_of_nothing() -> None:
    assert merkle.root([]) == Frontier().root() == merkle.root_from_nodes(0, node) == merkle.EMPTY == TREE.root(0)


def test_the_root_of_every_size() -> None:
    frontier = Frontier()
    for size in SIZES:
        frontier = frontier.extend([LEAVES[size - 1]])
        assert frontier.size == size
        assert merkle.root(LEAVES[:size]) == frontier.root() == TREE.root(size)
        assert merkle.root_from_nodes(size, within(size)) == TREE.root(size)


@given(st.lists(st.integers(0, 80), max_size=6))
def test_a_frontier_does_not_know_in_what_batches_it_grew(batches: list[int]) -> None:
    frontier, size = Frontier(), 0
    for batch in batches:
        end = min(size + batch, MOST)
        frontier, size = frontier.extend(LEAVES[size:end]), end
    assert frontier == Frontier().extend(LEAVES[:size])
    assert frontier.root() == TREE.root(size)
    assert Frontier.parse(frontier.size, frontier.octets()) == frontier


@pytest.mark.parametrize(("size", "octets"), [(0, 32), (1, 0), (1, 64), (3, 32), (3, 65), (256, 64), (-1, 32)])
def test_a_stored_frontier_of_another_size_is_refused(size: int, octets: int) -> None:
    with pytest.raises(Malformed, match="frontier"):
        Frontier.parse(size, bytes(octets))


# --- proofs of our own


def test_every_inclusion_path_of_every_size() -> None:
    for size in SIZES:
        nodes, root = within(size), TREE.root(size)
        for index in range(size):
            path = merkle.inclusion_path(index, size, nodes)
            assert path == TREE.path(index, 0, size)
            assert merkle.verify_inclusion(LEAVES[index], index, size, path, root)


def test_every_path_of_the_small_sizes() -> None:
    for size in range(1, 41):
        for index in range(size):
            path = TREE.path(index, 0, size)
            assert merkle.path_in(LEAVES[:size], index) == path
            for other in range(size):
                is_leaf = merkle.verify_inclusion(LEAVES[index], other, size, path, TREE.root(size))
                assert is_leaf == (other == index)


def test_every_consistency_proof_of_every_size() -> None:
    for new in SIZES:
        nodes, root = within(new), TREE.root(new)
        for old in range(1, new + 1):
            path = merkle.consistency_path(old, new, nodes)
            assert path == TREE.proof(old, new)
            assert merkle.verify_consistency(old, new, TREE.root(old), root, path)


@given(sizes, st.data())
def test_a_batch_has_its_paths_from_the_frontier_alone(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, size - 1))
    indexes = data.draw(st.lists(st.integers(old, size - 1), max_size=8))
    paths = merkle.batch_paths(Frontier().extend(LEAVES[:old]), LEAVES[old:size], indexes)
    assert paths == [TREE.path(index, 0, size) for index in indexes]


@given(sizes, st.data())
def test_nothing_else_passes_for_a_path(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root, leaf = TREE.path(index, 0, size), TREE.root(size), LEAVES[index]
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, path, root)
    assert not merkle.verify_inclusion(leaf, index, size, path, TREE.root(size - 1))
    assert not merkle.verify_inclusion(leaf, index, size, [*path, leaf], root)
    assert not merkle.verify_inclusion(leaf, size, size, path, root)
    assert not merkle.verify_inclusion(leaf, -1, size, path, root)
    if path:
        n = data.draw(st.integers(0, len(path) - 1))
        for changed in spoiled(path, n):
            assert not merkle.verify_inclusion(leaf, index, size, changed, root)


@given(sizes, st.data())
def test_nothing_else_passes_for_a_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    path, old_root, new_root = TREE.proof(old, new), TREE.root(old), TREE.root(new)
    assert merkle.verify_consistency(old, new, old_root, new_root, path)
    assert not merkle.verify_consistency(old, new, flipped(old_root), new_root, path)
    assert not merkle.verify_consistency(old, new, old_root, flipped(new_root), path)
    assert not merkle.verify_consistency(old, new, old_root, new_root, [*path, LEAVES[0]])
    assert not merkle.verify_consistency(new + 1, new, new_root, new_root, path)
    if old < new:
        n = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify_consistency(old, new, old_root, new_root, [])
        for changed in spoiled(path, n):
            assert not merkle.verify_consistency(old, new, old_root, new_root, changed)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_from_nothing_there_is_no_proof(old: int, new: int) -> None:
    assert not merkle.verify_consistency(old, new, TREE.root(max(old, 0)), TREE.root(new), [])
    with pytest.raises(ValueError, match="from size"):
        merkle.consistency_path(old, new, node)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 4)])
def test_no_path_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="leaf"):
        merkle.inclusion_path(index, size, node)


def test_a_proof_of_64_hashes_is_refused() -> None:
    """A tree that would need it cannot be: such a proof would otherwise verify."""
    size, leaf = 2**64, LEAVES[0]
    for wanted in (63, 64):
        root, path = leaf, [LEAVES[n] for n in range(wanted)]
        for sibling in path:
            root = merkle.node_hash(root, sibling)
        assert merkle.verify_inclusion(leaf, 0, size >> (64 - wanted), path, root) == (wanted == 63)


def spoiled(path: list[bytes], n: int) -> list[list[bytes]]:
    """A path without its hash n, and with that hash changed, cut, and given twice."""
    before, after = path[:n], path[n + 1 :]
    return [before + between + after for between in ([], [flipped(path[n])], [path[n][:31]], [path[n], path[n]])]


def flipped(octets: bytes) -> bytes:
    return bytes([octets[0] ^ 1]) + octets[1:]


# --- published proofs


@pytest.mark.parametrize("case", INCLUSION, ids=[case["file"] for case in INCLUSION])
def test_published_inclusion_proofs(case: dict[str, Any]) -> None:
    (leaf, root), path = hashes([case["leafHash"] or "", case["root"] or ""]), hashes(case["proof"])
    passes = merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], path, root)
    assert passes != case["wantErr"]


SHORT = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"  # its roots are 12 octets: refused here


@pytest.mark.parametrize("case", CONSISTENCY, ids=[case["file"] for case in CONSISTENCY])
def test_published_consistency_proofs(case: dict[str, Any]) -> None:
    (old, new), path = hashes([case["root1"] or "", case["root2"] or ""]), hashes(case["proof"])
    passes = merkle.verify_consistency(case["size1"], case["size2"], old, new, path)
    assert passes == (not case["wantErr"] and case["file"] != SHORT)
