"""Logs of made-up leaves, for tests of the signer: their roots and consistency proofs at every size."""

from collections.abc import Sequence

from ledger.log import merkle

ORIGIN = "ledger.example/solana"
SEED = b"\x05" * 32
OTHER_SEED = b"\x06" * 32


class Leaves:
    """A log that goes on from `past` with leaves marked by `mark`."""

    def __init__(self, count: int, mark: str = "", past: Sequence[bytes] = ()):
        fresh = [merkle.leaf_hash(f"{mark}{n}".encode()) for n in range(len(past), count)]
        self.hashes = [*past, *fresh]
        self.asked: list[tuple[int, int]] = []

    def root(self, size: int) -> bytes:
        return merkle.root(self.hashes[:size])

    def proof(self, old: int, new: int) -> list[bytes]:
        """What the signer asks the store for; `asked` remembers it."""
        self.asked.append((old, new))
        return merkle.consistency_path(old, new, self._node)

    def _node(self, level: int, index: int) -> bytes:
        return merkle.root(self.hashes[index << level : index + 1 << level])
