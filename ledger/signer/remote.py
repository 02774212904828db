"""A signer in another process, perhaps on another machine, asked over its Unix socket (docs/signer.md).

Each question is a connection of its own, so nothing has to be mended after the signer was away, and a process that
forks shares no socket with its parent.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.log import checkpoint
from ledger.log.malformed import Malformed
from ledger.signer import talk
from ledger.signer.signer import Consistency, SignerRefused
from ledger.signer.talk import Cut, Request, Status, Talk


class SignerAway(SignerRefused):
    """No signature now: nobody answers at the socket, or not as a signer does. The same may be signed later."""


class RemoteSigner:
    """The signer that listens at `path` for the ledger of this origin. Threads and processes may share it."""

    def __init__(self, path: Path, origin: str, within: float = talk.WITHIN_S):
        self.path, self._origin, self._within = path, origin, within

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The public keys that it signs with; raises SignerRefused."""
        return self.status().keys

    def latest(self) -> bytes | None:
        """The last checkpoint that it signed or trusts, or None; raises SignerRefused."""
        return self.status().latest

    def status(self) -> Status:
        """Its keys and its last checkpoint; raises SignerRefused."""
        with self._talk() as conversation:
            conversation.say(talk.STATUS, talk.format_line(self._origin))
            return talk.parse_status(self._answer(conversation, talk.STANDS)[1])

    def sign(self, size: int, root: bytes, by: Sequence[bytes], consistency: Consistency) -> bytes:
        """The signed checkpoint of this log, or of a later size that the signer knows; raises SignerRefused."""
        with self._talk() as conversation:
            conversation.say(talk.SIGN, talk.format_request(Request(self._origin, size, root, tuple(by))))
            while True:
                first, rest = self._answer(conversation, talk.PROVE, talk.SIGNED)
                if first == talk.SIGNED:
                    return self._checked(rest, size, root, by[0])
                if not 0 < (old := talk.parse_size(rest)) < size:
                    raise Malformed(f"it wants a proof from size {old} to {size}")
                conversation.say(talk.PROOF, talk.format_proof(consistency(old, size)))

    def _answer(self, conversation: Talk, *expected: str) -> tuple[str, bytes]:
        first, rest = conversation.hear()
        if first == talk.REFUSED:
            raise SignerRefused(talk.parse_line(rest))
        if first == talk.FAILED:
            raise SignerAway(f"{self.path}: the signer could not: {talk.parse_line(rest)}")
        if first not in expected:
            raise Malformed(f"it said {first[:40]!r}")
        return first, rest

    def _checked(self, note: bytes, size: int, root: bytes, public: bytes) -> bytes:
        """The checkpoint that came: never taken unread, whoever wrote the signer."""
        signed = checkpoint.parse(note)
        if signed.size == size:
            checkpoint.verify(note, self._origin, public)
        if signed.origin != self._origin or signed.size < size or (signed.size == size and signed.root != root):
            raise Malformed(f"it signed another checkpoint, of {signed.origin[:100]} at size {signed.size}")
        return note

    @contextmanager
    def _talk(self) -> Iterator[Talk]:
        """A conversation; what goes wrong in it says where, and what to do."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            try:
                wire.settimeout(self._within)
                wire.connect(str(self.path))
            except OSError as error:
                raise SignerAway(f"{self.path}: no signer answers there ({error.strerror or error}): start it where "
                                 "the operator's key is, by `comarca signer --listen`") from error  # fmt: skip
            try:
                yield Talk(wire, self._within)
            except Cut as error:
                raise SignerAway(f"{self.path}: the signer did not answer: {error}") from error
            except Malformed as error:
                raise SignerAway(f"{self.path}: what answers there is no signer: {error}") from error
