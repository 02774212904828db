"""The log's tree, recomputed leaf by leaf: every full tile, every signed checkpoint, the head, roots for anchors."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from ledger.audit.evidence import CheckpointRow
from ledger.audit.fault import Fault
from ledger.log import merkle, tiles
from ledger.store.log import Head, nodes
from ledger.store.rows import rows_of

ROOTS = 10_000  # roots remembered


class Tree:
    """Grows with the leaves that the audit has verified, and compares what is stored on the way."""

    def __init__(self, connection: Connection, head: Head):
        self._head = head
        self._stored = rows_of(connection, head.ledger_id)
        self._size = 0
        self._joined = merkle.Frontier()  # of the leaves but
        self._waiting: list[bytes] = []  # the latest, which are joined when somebody asks for a root
        self._levels: list[list[bytes]] = [[]]  # for each level of tiles, the hashes of its last, partial one
        self._tiles = self._kept = 0
        self._roots: OrderedDict[int, bytes] = OrderedDict()
        self._checkpoints: Mapping[int, CheckpointRow] = {}
        self._bad: Mapping[int, Fault] = {}
        self.latest, self.note = 0, b""  # the last signed checkpoint met: its size, and itself

    def expect(self, checkpoints: Sequence[CheckpointRow], bad: Mapping[int, Fault]) -> None:
        """The stored checkpoints among the next leaves, and which of them are wrong in themselves."""
        self._kept += len(checkpoints)
        self._checkpoints, self._bad = {row[0]: row for row in checkpoints}, bad

    def grow(self, leaf: bytes) -> None:
        """Add a leaf hash; raises Fault."""
        self._size += 1
        self._waiting.append(leaf)
        self._fill(0, leaf)
        if self._size in self._checkpoints:
            self._check_checkpoint(self._size, self._checkpoints[self._size][1])

    @property
    def _frontier(self) -> merkle.Frontier:
        """Of all leaves."""
        self._joined, self._waiting = self._joined.extend(self._waiting), []
        return self._joined

    def _fill(self, level: int, hash: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        part = self._levels[level]
        part.append(hash)
        if len(part) == tiles.WIDTH:
            octets = b"".join(part)
            part.clear()
            root = tiles.hash_of_tile(octets)
            self._check_tile(level, (self._size >> tiles.HEIGHT * (level + 1)) - 1, octets, root)
            self._fill(level + 1, root)

    def _check_tile(self, level: int, index: int, octets: bytes, root: bytes) -> None:
        row = self._one(f'SELECT "hashes", "root" FROM "tile" WHERE "ledger_id" = {self._head.ledger_id} '
                        f'AND "level" = {level} AND "index" = {index}')  # fmt: skip
        if row is None or tuple(row) != (octets, root):
            raise Fault(f"tile {level}/{index}", "is missing or not made of its entries")
        self._tiles += 1

    def _check_checkpoint(self, size: int, root: Any) -> None:
        if root != self._frontier.root():
            raise Fault(f"checkpoint {size}", "its root is not that of the log at this size")
        if size in self._bad:
            raise self._bad[size]
        self._remember(size, root)
        self.latest, self.note = size, self._checkpoints[size][2]

    def root_at(self, size: int) -> bytes | None:
        """The root of the first `size` leaves, or None where they are not there yet.

        Read from stored nodes: those of the leaves that have been added have all been compared.
        """
        if not 0 < size <= self._size:
            return None
        if size not in self._roots:
            root = self._frontier.root() if size == self._size else None
            self._remember(size, root or merkle.root_from_nodes(size, nodes(self._stored)))
        return self._roots[size]

    def _remember(self, size: int, root: bytes) -> None:
        self._roots[size] = root
        if len(self._roots) > ROOTS:
            self._roots.popitem(last=False)

    def check_end(self) -> None:
        """Compare the head, and what the log has beside what it should; raises Fault."""
        head, frontier = self._head, self._frontier
        expected = (frontier.size, frontier.octets(), frontier.root() if frontier.size else None)
        if (head.size, head.frontier, head.root) != expected:
            raise Fault("head", "size, frontier or root is not that of the entries")
        if row := self._one(f'SELECT "size" FROM "checkpoint" WHERE "ledger_id" = {head.ledger_id} '
                            f'AND ("size" > {frontier.size} OR "size" < 1) ORDER BY "size" LIMIT 1'):  # fmt: skip
            raise Fault(f"checkpoint {row[0]}", f"the log has {frontier.size} entries")
        if head.checkpoints != self._kept:
            raise Fault("checkpoints", f"there are {self._kept}, and {head.checkpoints} were kept")
        (count,) = self._one(f'SELECT count(*) FROM "tile" WHERE "ledger_id" = {head.ledger_id}')
        if count != self._tiles:
            raise Fault("tiles", f"there are {count}, and the log fills {self._tiles}")

    def _one(self, sql: str) -> Any:
        return self._stored.driver.execute(sql).fetchone()
