"""The log's tree, recomputed leaf by leaf: every full tile, every signed checkpoint, the head."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ledger.audit.fault import Fault
from ledger.log import checkpoint, merkle, tiles
from ledger.log.malformed import Malformed
from ledger.store import schema
from ledger.store.log import Head


class Tree:
    """Grows with the leaves that the audit has verified, and compares what is stored on the way."""

    def __init__(self, connection: Connection, head: Head):
        self._connection, self._head = connection, head
        self._frontier = merkle.Frontier()
        self._levels: list[list[bytes]] = [[]]  # for each level of tiles, the hashes of its last, partial one
        self._checkpoints = _checkpoints(connection, head.ledger_id)
        self._next = next(self._checkpoints, None)
        self._tiles = 0
        self.latest = 0  # size of the last signed checkpoint met

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes; raises Fault."""
        for leaf in leaves:
            self._frontier = self._frontier.extend([leaf])
            self._fill(0, leaf)
            while self._next is not None and self._next[0] <= self._frontier.size:
                self._check_checkpoint(*self._next)
                self._next = next(self._checkpoints, None)

    def _fill(self, level: int, hash: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        part = self._levels[level]
        part.append(hash)
        if len(part) == tiles.WIDTH:
            octets = b"".join(part)
            part.clear()
            self._check_tile(level, (self._frontier.size >> tiles.HEIGHT * (level + 1)) - 1, octets)
            self._fill(level + 1, tiles.hash_of_tile(octets))

    def _check_tile(self, level: int, index: int, octets: bytes) -> None:
        table = schema.tile
        where = (table.c.ledger_id == self._head.ledger_id) & (table.c.level == level) & (table.c.index == index)
        row = self._connection.execute(select(table.c.hashes, table.c.root).where(where)).one_or_none()
        if row is None or bytes(row.hashes) != octets or bytes(row.root) != tiles.hash_of_tile(octets):
            raise Fault(f"tile {level}/{index}", "is missing or not made of its entries")
        self._tiles += 1

    def _check_checkpoint(self, size: int, root: bytes, note: bytes) -> None:
        where = f"checkpoint {size}"
        if size != self._frontier.size or root != self._frontier.root():
            raise Fault(where, "its root is not that of the log at this size")
        try:
            signed = checkpoint.parse(note)
        except Malformed as error:
            raise Fault(where, str(error)) from error
        if (signed.size, signed.root) != (size, root):
            raise Fault(where, "the signed note says another size or root")
        self.latest = size

    def check_end(self, operator: bytes) -> None:
        """Compare the head and what is too many; verify the checkpoints' signatures; raises Fault."""
        head, frontier = self._head, self._frontier
        expected = (frontier.size, frontier.octets(), frontier.root() if frontier.size else None)
        if (head.size, head.frontier, head.root) != expected:
            raise Fault("head", "size, frontier or root is not that of the entries")
        if self._next is not None:
            raise Fault(f"checkpoint {self._next[0]}", f"the log has {frontier.size} entries")
        table = schema.tile
        count = select(func.count()).select_from(table).where(table.c.ledger_id == head.ledger_id)
        if self._connection.execute(count).scalar_one() != self._tiles:
            raise Fault("tiles", f"there are others than the {self._tiles} that the log fills")
        self._check_signatures(operator)

    def _check_signatures(self, operator: bytes) -> None:
        for size, _, note in _checkpoints(self._connection, self._head.ledger_id):
            try:
                checkpoint.verify(note, self._head.origin, operator)
            except Malformed as error:
                raise Fault(f"checkpoint {size}", str(error)) from error


def _checkpoints(connection: Connection, ledger_id: int) -> Iterator[tuple[int, bytes, bytes]]:
    table = schema.checkpoint
    wanted = select(table.c.size, table.c.root, table.c.note).where(table.c.ledger_id == ledger_id)
    for size, root, note in connection.execution_options(yield_per=1000).execute(wanted.order_by(table.c.size)):
        yield size, bytes(root), bytes(note)
