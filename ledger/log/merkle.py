"""The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1: hashes, paths, proofs, and the frontier.

A node is the root of a complete subtree: node(level, index) covers the 2**level leaves from index * 2**level on. The
frontier of a log of size n is the roots of the complete subtrees that n is made of, the largest first: one for each
bit that is set in n. It is all that appending needs.

>>> leaves = [leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")]
>>> whole = root(leaves)
>>> whole == node_hash(node_hash(leaves[0], leaves[1]), leaves[2]) == Frontier().extend(leaves).root()
True
>>> verify_inclusion(leaves[1], 1, 3, [leaves[0], leaves[2]], whole)
True
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from ledger.log.malformed import Malformed

HASH = 32  # octets
PATH_MOST = 63  # hashes of any proof
EMPTY = sha256(b"").digest()  # the root of no leaves

Node = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes: MTH of RFC 6962."""
    if len(leaves) == 1:
        return leaves[0]
    hashes = list(leaves)
    # A node without a right neighbour rises as it is, which is what splitting at powers of two comes to.
    while len(hashes) > 1:
        paired = [node_hash(hashes[n], hashes[n + 1]) for n in range(0, len(hashes) - 1, 2)]
        hashes = paired + hashes[len(hashes) & ~1 :]
    return hashes[0] if hashes else EMPTY


class Frontier(NamedTuple):
    """The size of a log and the roots of its complete subtrees, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, size: int, octets: bytes) -> "Frontier":
        """A frontier as it was stored; raises Malformed where size and octets disagree."""
        if size < 0 or len(octets) != HASH * size.bit_count():
            raise Malformed(f"a frontier of {len(octets)} octets for a log of {size}")
        return cls(size, tuple(octets[n : n + HASH] for n in range(0, len(octets), HASH)))

    def octets(self) -> bytes:
        """The hashes in a row, for storage beside the size."""
        return b"".join(self.hashes)

    def extend(self, leaves: Sequence[bytes]) -> "Frontier":
        """The frontier after these leaf hashes."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            node, rest = leaf, size
            while rest & 1:
                node = sha256(b"\x01" + hashes.pop() + node).digest()
                rest >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The root of the log."""
        return _fold(self.hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, the largest first."""
    if not hashes:
        return EMPTY
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


# --- making proofs


def _complete(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Level and index of the complete subtrees that cover the leaves [start, end), where start is a multiple of a
    power of two not below end - start."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(start: int, end: int, node: Node) -> bytes:
    return _fold([node(level, index) for level, index in _complete(start, end)])


def root_from_nodes(size: int, node: Node) -> bytes:
    """The root of the first `size` leaves."""
    return _range_hash(0, size, node)


def inclusion_path(index: int, size: int, node: Node) -> list[bytes]:
    """The path of leaf `index` in the tree of `size` leaves (PATH of RFC 9162 section 2.1.3.1); ValueError if it is
    not in it."""
    return Paths(size).of(index, node)


def consistency_path(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the first `old` leaves are a prefix of the first `new` (PROOF of RFC 9162 section 2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError(f"from size {old} to size {new}")
    ranges, start, end = [], 0, new
    while old != end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if old <= split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    if start:  # the old tree is not complete in itself, so its last part must be told
        ranges.append((start, end))
    return [_range_hash(first, last, node) for first, last in reversed(ranges)]


def path_in(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion path of a leaf in a small tree whose leaf hashes are all at hand."""

    def node(level: int, at: int) -> bytes:
        return root(leaves[at << level : (at + 1) << level])

    return inclusion_path(index, len(leaves), node)


def batch_paths(frontier: Frontier, leaves: Sequence[bytes], indexes: Sequence[int]) -> list[list[bytes]]:
    """The inclusion paths, in the log after these leaves, of those of them at `indexes` (log indexes), from the old
    frontier and the new leaves alone."""
    paths, node = Paths(frontier.size + len(leaves)), nodes_of_batch(frontier, leaves)
    return [paths.of(index, node) for index in indexes]


class Paths:
    """Inclusion paths in one tree. Many share a hash of its right edge, so each of those is made once."""

    def __init__(self, size: int):
        self._size = size
        self._edge: dict[int, bytes] = {}

    def of(self, index: int, node: Node) -> list[bytes]:
        """The path of the leaf at this index, as `inclusion_path` makes it: at each level the hash beside its own, if
        there is one."""
        if not 0 <= index < self._size:
            raise ValueError(f"leaf {index} in a tree of {self._size}")
        path, level, last = [], 0, self._size - 1
        while last:
            if index & 1:
                path.append(node(level, index - 1))
            elif index < last:
                path.append(self._right(level, index + 1, node))
            index, last, level = index >> 1, last >> 1, level + 1
        return path

    def _right(self, level: int, index: int, node: Node) -> bytes:
        """The hash over the leaves of a subtree, as far as the tree has them."""
        if index + 1 << level <= self._size:
            return node(level, index)
        found = self._edge.get(level)
        if found is None:
            self._edge[level] = found = _range_hash(index << level, self._size, node)
        return found


def nodes_of_batch(frontier: Frontier, leaves: Sequence[bytes]) -> Node:
    """The nodes that cover new leaves, and those of the old frontier."""
    known: dict[tuple[int, int], bytes] = {}
    for (level, index), octets in zip(_complete(0, frontier.size), frontier.hashes, strict=True):
        known[level, index] = octets
    for n, leaf in enumerate(leaves, frontier.size):
        known[0, n] = node = leaf
        level = 0
        while n & 1:
            node = node_hash(known[level, n - 1], node)
            level, n = level + 1, n >> 1
            known[level, n] = node
    return lambda level, index: known[level, index]


# --- verifying proofs


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from a leaf hash to the root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes([leaf, root, *path]) or len(path) > PATH_MOST:
        return False
    first, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows the old log to be a prefix of the new (RFC 9162 section 2.1.4.2).

    Strict: sizes from 1 on, and an empty path for equal sizes alone.
    """
    if not 0 < old <= new or not _are_hashes([old_root, new_root, *path]) or len(path) > PATH_MOST:
        return False
    if old == new:
        return not path and old_root == new_root
    if not path:
        return False
    rest = list(path) if old & (old - 1) else [old_root, *path]
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    return _climb(first, last, rest, old_root, new_root)


def _climb(first: int, last: int, path: list[bytes], old_root: bytes, new_root: bytes) -> bool:
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _are_hashes(hashes: Sequence[bytes]) -> bool:
    return all(len(octets) == HASH for octets in hashes)
