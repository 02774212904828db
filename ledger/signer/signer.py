"""The signer: signs a checkpoint only if it provably goes on from what it signed last.

Its state, the last checkpoint, is a file beside the key and not in the database; so a rewritten database, a stale
backup or a second writer gets no signature. Several processes of one machine share the state under a lock.

The state file has two slots of fixed length, written in turn, each `SHA-256 of the rest || number || checkpoint`. The
slot with the higher number counts; a write that a crash tore fails its hash, and the other slot, which lies in another
sector of the disk, stands. So a batch costs one write in place and one flush, an eighth of what a new file, renamed,
costs (measured on ext4).
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.log import checkpoint, keys, merkle
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import KeyFileError, check_mode, create_file

SLOT = 4096  # octets, the largest sector in use, though a checkpoint with one signature takes under 600
Consistency = Callable[[int, int], list[bytes]]


class SignerRefused(Exception):
    """No signature: the message says what does not fit and what to do."""


class Slot(NamedTuple):
    """One slot's number and checkpoint (None before the first)."""

    number: int
    note: bytes | None


class Signer:
    """The checkpoint key of one ledger, and its state at `path`. Threads and processes may share it."""

    def __init__(self, seed: bytes, origin: str, path: Path):
        self._seed, self._origin, self.path = seed, origin, path
        self._public = keys.public_of(seed)
        self._durable = -1  # the number of the slot that is known to be on disk

    @classmethod
    def create_state(cls, path: Path, trusted: bytes | None = None) -> None:
        """Make the state of a signer that has signed nothing; or, where a state was lost, of one that goes on from a
        checkpoint of this ledger that the operator has verified. Never replaces a state; raises SignerRefused."""
        if trusted is not None:
            trusted = _bare(trusted)
        try:
            create_file(path, _slot(Slot(0, trusted)) * 2)
        except FileExistsError as error:
            raise SignerRefused(f"{path}: there is a signer's state already") from error
        except OSError as error:
            raise SignerRefused(f"{path}: the signer's state cannot be made: {error.strerror}") from error

    def sign(self, size: int, root: bytes, consistency: Consistency) -> bytes:
        """The signed checkpoint of this log, or of a later size that the state knows.

        `consistency(old, new)` gives the proof from the last size signed. Raises SignerRefused; OSError where the disk
        fails. The state is on disk before the signature leaves.
        """
        if size < 1:
            raise SignerRefused("the log is empty, and an empty log has no checkpoint")
        with self._locked() as descriptor:
            last = self._last(descriptor)
            if last.note is not None:
                signed = self._parsed(last.note)
                if size > signed.size:
                    self._check_goes_on(signed, size, root, consistency)
                else:
                    self._check_same(signed, size, root)
                    if self._signed_by_us(last.note):
                        return last.note
                    size, root = signed.size, signed.root  # a trusted checkpoint; others signed it
            note = checkpoint.sign(self._seed, self._origin, size, root)
            self._write(descriptor, Slot(last.number + 1, note))
            return note

    def latest(self) -> bytes | None:
        """The last checkpoint signed or trusted, or None."""
        with self._locked() as descriptor:
            return self._last(descriptor).note

    # --- what must fit

    def _parsed(self, note: bytes) -> checkpoint.Checkpoint:
        signed = checkpoint.parse(note)
        if signed.origin != self._origin:
            raise SignerRefused(f"{self.path}: is the state of {signed.origin}'s signer, not of {self._origin}'s")
        return signed

    def _signed_by_us(self, note: bytes) -> bool:
        try:
            checkpoint.verify(note, self._origin, self._public)
        except Malformed:
            return False
        return True

    def _check_same(self, signed: checkpoint.Checkpoint, size: int, root: bytes) -> None:
        if size == signed.size and root != signed.root:
            raise SignerRefused(
                f"this signer has signed another log of size {size}: the database was rewritten, or is a stale copy "
                f"that went on by itself. Stop, keep both, and compare them with {self.path} and the checkpoints that "
                "others hold"
            )

    def _check_goes_on(self, signed: checkpoint.Checkpoint, size: int, root: bytes, consistency: Consistency) -> None:
        proof = consistency(signed.size, size)
        if not merkle.verify_consistency(signed.size, size, signed.root, root, proof):
            raise SignerRefused(
                f"the log of size {size} does not go on from the one of size {signed.size} that this signer signed: "
                "its past was changed. Stop, keep the database as it is, and compare it with a copy of the log"
            )

    # --- the state

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            if self.path.exists():
                return os.open(check_mode(self.path), os.O_RDWR)
        except KeyFileError as error:
            raise SignerRefused(str(error)) from error
        except OSError as error:
            raise SignerRefused(f"{self.path}: {error.strerror}") from error
        raise SignerRefused(
            f"{self.path}: the signer's state is missing. Bring it back from where it went. If it is lost, verify a "
            "checkpoint that others hold, and make a state that goes on from it: without it, nothing would keep this "
            "key from signing a second past"
        )

    def _last(self, descriptor: int) -> Slot:
        """The slot that counts; on disk, even if whoever wrote it was killed before it had flushed it."""
        slots = [slot for n in (0, 1) if (slot := _parse(os.pread(descriptor, SLOT, n * SLOT))) is not None]
        if not slots:
            raise SignerRefused(f"{self.path}: the signer's state is damaged; treat it as lost")
        last = max(slots, key=lambda slot: slot.number)
        if last.number != self._durable:
            self._flush(descriptor, last.number)
        return last

    def _write(self, descriptor: int, slot: Slot) -> None:
        octets = _slot(slot)
        if os.pwrite(descriptor, octets, slot.number % 2 * SLOT) != len(octets):
            raise SignerRefused(f"{self.path}: the signer's state was not written whole; is the disk full?")
        self._flush(descriptor, slot.number)

    def _flush(self, descriptor: int, number: int) -> None:
        os.fdatasync(descriptor)
        self._durable = number


def _bare(note: bytes) -> bytes:
    """A trusted checkpoint without the cosignatures, which are not the signer's to keep; raises SignerRefused."""
    try:
        parsed = checkpoint.parse(note)
    except Malformed as error:
        raise SignerRefused(f"not a checkpoint to go on from: {error}") from error
    lines = note.removeprefix(parsed.text).split(b"\n")
    return parsed.text + b"\n" + lines[1] + b"\n"


def _slot(slot: Slot) -> bytes:
    body = slot.number.to_bytes(8) + (slot.note or b"")
    if len(body) > SLOT - 34:
        raise SignerRefused("the checkpoint is too long for the signer's state")
    return (hashlib.sha256(body).digest() + len(body).to_bytes(2) + body).ljust(SLOT, b"\x00")


def _parse(octets: bytes) -> Slot | None:
    """The slot, or None where its hash says that it was torn."""
    length = int.from_bytes(octets[32:34])
    body = octets[34 : 34 + length]
    if len(octets) != SLOT or length < 8 or hashlib.sha256(body).digest() != octets[:32]:
        return None
    return Slot(int.from_bytes(body[:8]), body[8:] or None)
