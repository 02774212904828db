"""A log made by hand, of any size and in a moment: entries, tiles by plain recursion, records, a checkpoint."""

import hashlib
from collections.abc import Iterator

from ledger.log import base64s, checkpoint, entry, instruction, keys, merkle, notes, salted
from ledger.log.records import Record, Texts
from ledger.log.tiles import TilePath
from tests.log.naive import NaiveTree

ORIGIN = "ledger.example/solana"
SEED = hashlib.sha256(b"TEST ONLY operator of a made log").digest()
KEY = keys.public_of(SEED)
START = 1_795_000_000


def note_of(n: int, object: str, kind: str = "transfer") -> bytes:
    """A note in its form, with a signature that nobody has made."""
    line = notes.format_line(f"{ORIGIN}/01a1ee565e007000ab86b273ff34fce1", bytes(4), bytes([n % 256] * 64))
    return instruction.note(instruction.text(kind, ORIGIN, object.encode()), [line])


class MadeLog:
    """`times` and `special` records by log index stand in for those of a plain log; with `size` it stops there."""

    def __init__(self, size: int, *, salt: str = "", times: dict[int, int] | None = None, seed: bytes = SEED,
                 origin: str = ORIGIN, special: dict[int, Record] | None = None):  # fmt: skip
        self.origin, self.seed, self.size, self._special = origin, seed, size, special or {}
        self.salt, self._times = salt, times or {}
        self.entries = [self._entry(n) for n in range(size)]
        self.tree = NaiveTree(self.entries)

    def shrunk(self, size: int) -> "MadeLog":
        """The same log when it had so many entries."""
        return MadeLog(size, salt=self.salt, times=self._times, seed=self.seed, special=self._special)

    def _entry(self, n: int) -> bytes:
        record = self.record(n)
        hashed = hashlib.sha256(record.note or b"").digest()
        return entry.encode(self._times.get(n, START + n // 3), hashed, salted.root(record.events))

    def record(self, n: int) -> Record:
        """Note, legs and events of an entry; each seventh has legs, each fifth a memo."""
        if n in self._special:
            return self._special[n]
        id = f'"id":"{n:012x}7000800000000000000f"'
        salt = hashlib.sha256(f"{self.salt} {n}".encode()).digest()[:16]
        events = tuple(salted.line(salt, f'{{"event":"moved","n":{k}}}'.encode()) for k in range(1 + n % 3))
        if n == 0:
            object = f'{{{id},"operator":"{keys.encode(keys.public_of(self.seed))}"}}'
            return Record(0, note_of(0, object, "genesis"), None, events)
        legs = tuple(salted.line(salt, b'{"amount":%d}' % k) for k in range(3)) if n % 7 == 0 else None
        more = f',"legs":[3,"{base64s.encode(salted.root(legs))}"]' if legs else ""
        if n % 5 == 0:
            more += f',"memo":"{base64s.encode(salted.root([self.memo(n)]))}"'
        return Record(n, note_of(n, f"{{{id}{more}}}"), legs, events)

    def memo(self, n: int) -> bytes:
        """The free text of an entry."""
        return salted.free_text(bytes([n % 256] * 16), f'rye "{n}" – sègol \u2028')

    # --- as ledger.exports asks for it

    def checkpoint(self) -> bytes:
        return checkpoint.sign(self.seed, self.origin, self.size, self.root())

    def root(self) -> bytes:
        return self.tree.root(self.size)

    def identity(self) -> bytes:
        return merkle.leaf_hash(self.entries[0])

    def genesis(self) -> bytes:
        return self.record(0).note or b""

    def tile(self, path: TilePath) -> bytes:
        start = 256 * path.number
        if path.level is None:
            found = self.entries[start : start + path.width]
            assert len(found) == path.width
            return b"".join(len(one).to_bytes(2, "big") + one for one in found)
        span = 256**path.level
        assert (start + path.width) * span <= self.size
        return b"".join(self.tree.mth(n * span, (n + 1) * span) for n in range(start, start + path.width))

    def records(self, number: int, width: int) -> Iterator[Record]:
        return map(self.record, range(256 * number, 256 * number + width))

    def bundles_with_erased(self, size: int) -> set[int]:
        return {n // 256 for n, record in self._special.items() if record.note is None}

    def texts(self, size: int) -> Iterator[Texts]:
        return (Texts(n, {"memo": self.memo(n)}) for n in range(5, size, 5))
