"""The signer: signs a checkpoint only if it provably goes on from what it signed last.

Its state, the last checkpoint, is a file beside the key and not in the database; so a rewritten database, a stale
backup or a second writer gets no signature. Several processes of one machine share the state under a lock.

The state file has two slots of fixed length, written in turn, each `SHA-256 of the rest || number || checkpoint`. The
slot with the higher number counts; a write that a crash tore fails its hash, and the other slot, which lies in another
sector of the disk, stands. So a batch costs one write in place and one flush, an eighth of what a new file, renamed,
costs (measured on ext4).

The signer may hold several keys, as for a while after a change of the operator's key two sign. Which must sign is the
log's to say, so it is part of what is asked; there is one state all the same, as there is one log.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.log import checkpoint, keys, merkle
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import KeyFileError, check_mode, create_file

SLOT = 4096  # octets, the largest sector in use, though a checkpoint with one signature takes under 600
Consistency = Callable[[int, int], list[bytes]]
Proofs = Mapping[int, list[bytes]]  # by the size that each leads from


class SignerRefused(Exception):
    """No signature: the message says what does not fit and what to do."""


class SignsCheckpoints(Protocol):
    """A signer, in this process or in another one; each method raises SignerRefused."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The public keys that it signs with."""

    def latest(self) -> bytes | None:
        """The last checkpoint signed or trusted, or None."""

    def sign(self, size: int, root: bytes, by: Sequence[bytes], consistency: Consistency) -> bytes:
        """The signed checkpoint of this log, or of a later size that the state knows."""


class Slot(NamedTuple):
    """One slot's number and checkpoint (None before the first)."""

    number: int
    note: bytes | None


class _Asked(NamedTuple):
    size: int
    root: bytes
    by: Sequence[bytes]


class Signer:
    """The checkpoint keys of one ledger, and their one state at `path`. Threads and processes may share it."""

    def __init__(self, seeds: Sequence[bytes], origin: str, path: Path):
        self._seeds = {keys.public_of(seed): seed for seed in seeds}
        self.origin, self.path = origin, path
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

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The public keys that this signs with."""
        return tuple(self._seeds)

    def sign(self, size: int, root: bytes, by: Sequence[bytes], consistency: Consistency) -> bytes:
        """The signed checkpoint of this log, or of a later size that the state knows.

        `by` are public keys: the first must sign, the others sign after it where they are at hand. `consistency(old,
        new)` gives the proof from the last size signed; it is asked for outside the lock, as it may come from afar, and
        again where another has signed in the meantime. Raises SignerRefused; OSError where the disk fails. The state is
        on disk before the signature leaves.
        """
        if size < 1:
            raise SignerRefused("the log is empty, and an empty log has no checkpoint")
        asked, proofs = _Asked(size, root, by), dict[int, list[bytes]]()
        while True:
            with self._locked() as descriptor:
                last = self._last(descriptor)
                unproved = self._unproved(last, size, proofs)
                if unproved is None:
                    return self._standing(last, asked, proofs) or self._sign(descriptor, last, asked)
            proofs[unproved] = consistency(unproved, size)

    def latest(self) -> bytes | None:
        """The last checkpoint signed or trusted, or None."""
        with self._locked() as descriptor:
            return self._last(descriptor).note

    # --- what must fit

    def _parsed(self, note: bytes) -> checkpoint.Checkpoint:
        signed = checkpoint.parse(note)
        if signed.origin != self.origin:
            raise SignerRefused(f"{self.path}: is the state of {signed.origin}'s signer, not of {self.origin}'s")
        return signed

    def _unproved(self, last: Slot, size: int, proofs: Proofs) -> int | None:
        """The size that a proof must lead from, if one is needed and not there."""
        if last.note is None or (signed := self._parsed(last.note)).size >= size or signed.size in proofs:
            return None
        return signed.size

    def _standing(self, last: Slot, asked: _Asked, proofs: Proofs) -> bytes | None:
        """The last checkpoint where it is the answer; None where a new one may be signed."""
        if last.note is None:
            return None
        signed = self._parsed(last.note)
        if asked.size > signed.size:
            self._check_goes_on(signed, asked.size, asked.root, proofs[signed.size])
            return None
        self._check_same(signed, asked.size, asked.root)
        if asked.size == signed.size:  # if it was only trusted, or signed by a key that stands no more, anew
            return last.note if self._is_signed(last.note, asked.by[:1]) else None
        if not self._is_signed(last.note, self.keys):
            raise SignerRefused(
                f"the log asked for has {asked.size} entries, fewer than the {signed.size} of the checkpoint that this "
                "signer goes on from: it is an old backup, or another database. Bring the newer one back"
            )
        return last.note

    def _sign(self, descriptor: int, last: Slot, asked: _Asked) -> bytes:
        seed, *former = self._seeds_of(asked.size, asked.by)
        note = checkpoint.sign(seed, self.origin, asked.size, asked.root, former)
        self._write(descriptor, Slot(last.number + 1, note))
        return note

    def _is_signed(self, note: bytes, publics: Sequence[bytes]) -> bool:
        for public in publics:
            try:
                checkpoint.verify(note, self.origin, public)
            except Malformed:
                continue
            return True
        return False

    def _seeds_of(self, size: int, by: Sequence[bytes]) -> list[bytes]:
        """The seeds that sign: the first of `by`, and of the others those that are at hand."""
        if not by or by[0] not in self._seeds:
            raise SignerRefused(missing_key(size, by[0]) if by else "nobody is named who signs")
        publics = {keys.key_id(self.origin, public): public for public in reversed(by) if public in self._seeds}
        return [self._seeds[public] for public in by if public in publics.values()]

    def _check_same(self, signed: checkpoint.Checkpoint, size: int, root: bytes) -> None:
        if size == signed.size and root != signed.root:
            raise SignerRefused(
                f"this signer has signed another log of size {size}: the database was rewritten, or is a stale copy "
                f"that went on by itself. Stop, keep both, and compare them with {self.path} and the checkpoints that "
                "others hold"
            )

    def _check_goes_on(self, signed: checkpoint.Checkpoint, size: int, root: bytes, proof: list[bytes]) -> None:
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
            "checkpoint that others hold, and make a state that goes on from it by `comarca signer --new-state --from "
            "FILE`: without it, nothing would keep this key from signing a second past"
        )

    def _last(self, descriptor: int) -> Slot:
        """The slot that counts; on disk, whatever became of whoever wrote it.

        A flush that failed leaves the page as if it were clean, so that the next flush would say yes without writing
        anything. What is not known to be on disk is therefore written again, in its own place: these are the octets
        that stand there, and the other slot, flushed before this one was first written, is not touched.
        """
        slots = [slot for n in (0, 1) if (slot := _parse(os.pread(descriptor, SLOT, n * SLOT))) is not None]
        if not slots:
            raise SignerRefused(f"{self.path}: the signer's state is damaged; treat it as lost")
        last = max(slots, key=lambda slot: slot.number)
        if last.number != self._durable:
            self._write(descriptor, last)
        return last

    def _write(self, descriptor: int, slot: Slot) -> None:
        octets = _slot(slot)
        if os.pwrite(descriptor, octets, slot.number % 2 * SLOT) != len(octets):
            raise SignerRefused(f"{self.path}: the signer's state was not written whole; is the disk full?")
        os.fdatasync(descriptor)
        self._durable = slot.number


def missing_key(size: int, public: bytes) -> str:
    """What to do where the key is not at hand that signs checkpoints of this size."""
    return (
        f"a checkpoint of size {size} is signed by the operator's key {keys.encode(public)}, which is not here. Name "
        "its file by COMARCA_OPERATOR_KEY, the former key's by COMARCA_OPERATOR_KEY_BEFORE, and start again "
        "(docs/signer.md)"
    )


def origin_of_state(path: Path) -> str | None:
    """The origin of the log whose signer has this state; None before its first checkpoint. Raises SignerRefused."""
    note = Signer([], "", path).latest()
    return checkpoint.parse(note).origin if note else None


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
