"""The signer: signs a checkpoint only if it provably goes on from what it signed last.

Its state, the last checkpoint, is a file beside the key and not in the database; so a rewritten database, a stale
backup or a second writer gets no signature. Several processes of one machine share the state under a lock.

The state file has two slots of fixed length, written in turn, each `SHA-256 of the rest || number || checkpoint`. The
slot with the higher number counts; a write that a crash tore fails its hash, and the other slot stands.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.log import checkpoint, merkle
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import check_mode, replace_file

SLOT = 1024  # octets
Consistency = Callable[[int, int], list[bytes]]


class SignerRefused(Exception):
    """No signature: the message says what does not fit and what to do."""


class Slot(NamedTuple):
    """One slot's number and checkpoint (None before the first)."""

    number: int
    note: bytes | None


class Signer:
    """The checkpoint key of one ledger, and its state at `path`."""

    def __init__(self, seed: bytes, origin: str, path: Path):
        self._seed, self._origin, self.path = seed, origin, path

    @classmethod
    def create_state(cls, path: Path, trusted: bytes | None = None) -> None:
        """Make the state of a signer that has signed nothing, or, where a state was lost, one that goes on from a
        checkpoint that the operator has verified. Never replaces a state; raises SignerRefused."""
        if path.exists():
            raise SignerRefused(f"{path}: there is a signer's state already")
        replace_file(path, _slot(Slot(0, trusted)) + _slot(Slot(0, trusted)))

    def sign(self, size: int, root: bytes, consistency: Consistency) -> bytes:
        """The signed checkpoint of this log, or a later one that this signer has signed since.

        `consistency(old, new)` gives the proof from the last size signed. Raises SignerRefused. The state is on disk
        before the signature leaves.
        """
        with self._locked() as descriptor:
            last = self._last(descriptor)
            if last.note is not None:
                signed = checkpoint.parse(last.note)
                if size < signed.size:
                    return last.note
                if size == signed.size:
                    return self._same(signed, root, last.note)
                self._check_goes_on(signed, size, root, consistency)
            note = checkpoint.sign(self._seed, self._origin, size, root)
            self._write(descriptor, Slot(last.number + 1, note))
            return note

    def latest(self) -> bytes | None:
        """The last checkpoint signed, or None."""
        with self._locked() as descriptor:
            return self._last(descriptor).note

    def _same(self, signed: checkpoint.Checkpoint, root: bytes, note: bytes) -> bytes:
        if signed.root != root:
            raise SignerRefused(
                f"this signer has signed another log of size {signed.size}: the database was rewritten or is a stale "
                f"copy that went on by itself. Stop, keep both, and compare them with {self.path} and the checkpoints "
                "that others hold"
            )
        return note

    def _check_goes_on(self, signed: checkpoint.Checkpoint, size: int, root: bytes, consistency: Consistency) -> None:
        proof = consistency(signed.size, size)
        if not merkle.verify_consistency(signed.size, size, signed.root, root, proof):
            raise SignerRefused(
                f"the log of size {size} does not go on from the one of size {signed.size} that this signer signed: "
                "its past was changed. Stop, keep the database as it is, and compare it with a copy of the log"
            )

    @contextmanager
    def _locked(self) -> Iterator[int]:
        if not self.path.exists():
            raise SignerRefused(
                f"{self.path}: the signer's state is missing. Bring it back from where it went; if it is lost, verify "
                "a checkpoint that others hold and make a state that goes on from it (Signer.create_state)"
            )
        descriptor = os.open(check_mode(self.path), os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _last(self, descriptor: int) -> Slot:
        slots = [slot for n in (0, 1) if (slot := _parse(os.pread(descriptor, SLOT, n * SLOT))) is not None]
        if not slots:
            raise SignerRefused(f"{self.path}: the signer's state is damaged; treat it as lost")
        return max(slots, key=lambda slot: slot.number)

    def _write(self, descriptor: int, slot: Slot) -> None:
        os.pwrite(descriptor, _slot(slot), slot.number % 2 * SLOT)
        os.fdatasync(descriptor)


def _slot(slot: Slot) -> bytes:
    body = slot.number.to_bytes(8) + (slot.note or b"")
    if len(body) > SLOT - 34:
        raise SignerRefused("the checkpoint is too long for the signer's state")
    return (hashlib.sha256(body).digest() + len(body).to_bytes(2) + body).ljust(SLOT, b"\x00")


def _parse(octets: bytes) -> Slot | None:
    """The slot, or None where its hash says that it was torn."""
    length = int.from_bytes(octets[32:34])
    body = octets[34 : 34 + length]
    if len(octets) != SLOT or hashlib.sha256(body).digest() != octets[:32] or length < 8:
        return None
    note = body[8:] or None
    if note is not None:
        try:
            checkpoint.parse(note)
        except Malformed:
            return None
    return Slot(int.from_bytes(body[:8]), note)
