"""Nodes of one ledger's tree over complete subtrees, as far as they are remembered: they never change."""

from collections.abc import Sequence

from ledger.log import merkle

MOST = 100_000  # remembered; 32 octets each


class Nodes:
    """A bounded number of nodes. Threads may share it; a full memory is emptied, as all in it can be read again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}

    def learn(self, first: int, leaves: Sequence[bytes]) -> None:
        """Remember the leaf hashes of entries that were just made, from this log index on, and the nodes that they
        complete, as far as what stands to the left of them is known."""
        known = self._known
        self._make_room(2 * len(leaves))
        for index, leaf in enumerate(leaves, first):
            level, node = 0, leaf
            known[level, index] = node
            while index & 1 and (left := known.get((level, index - 1))) is not None:
                level, index, node = level + 1, index >> 1, merkle.node_hash(left, node)
                known[level, index] = node

    def or_read(self, read: merkle.Node) -> merkle.Node:
        """The nodes, read where they are not known."""
        known = self._known

        def node(level: int, index: int) -> bytes:
            found = known.get((level, index))
            if found is None:
                found = read(level, index)
                self._make_room(1)
                known[level, index] = found
            return found

        return node

    def _make_room(self, more: int) -> None:
        if len(self._known) + more > MOST:
            self._known.clear()
