"""What an asker and a signer say to each other over a stream socket; docs/signer.md is for those who write one.

A conversation is one connection and ends within seconds. What is said comes in frames, each its length in four octets,
big-endian, and then UTF-8 text: a first line that says what it is, and what belongs to it.
"""

import socket
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger.log import base64s, checkpoint, keys
from ledger.log.malformed import Malformed

STATUS, SIGN = "comarca/signer@v1 status", "comarca/signer@v1 sign"  # the asker's first words
PROVE, PROOF = "prove", "proof"  # the signer's question, the asker's answer
STANDS, SIGNED, REFUSED, FAILED = "status", "signed", "refused", "failed"  # the signer's last words
WITHIN_S = 5.0  # for a whole conversation
FRAME_MOST = 8192  # octets: a proof of 63 hashes has 2,841, a checkpoint of 16 signatures under 4,096
KEYS_MOST = 8
LINE_MOST = 2000  # characters
HASHES_MOST = 63


class Cut(Exception):
    """The other side hung up or took too long."""


class Talk:
    """One side of a conversation on a connected socket; every wait is within `within` seconds of its beginning."""

    def __init__(self, wire: socket.socket, within: float):
        self._wire, self._deadline = wire, time.monotonic() + within

    def say(self, first: str, rest: bytes = b"") -> None:
        """Send one frame; raises Cut."""
        octets = first.encode() + b"\n" + rest
        if len(octets) > FRAME_MOST:
            raise ValueError(f"a frame of {len(octets)} octets, where {FRAME_MOST} are the most")
        try:
            self._within()
            self._wire.sendall(len(octets).to_bytes(4) + octets)
        except OSError as error:
            raise _cut(error) from error

    def hear(self) -> tuple[str, bytes]:
        """The first line of the next frame and what follows it; raises Cut, Malformed."""
        length = int.from_bytes(self._octets(4))
        if not 1 <= length <= FRAME_MOST:
            raise Malformed(f"a frame of {length} octets, where 1 to {FRAME_MOST} are allowed")
        first, found, rest = self._octets(length).partition(b"\n")
        if not found or not first.isascii():
            raise Malformed("a frame without a first line")
        return first.decode(), rest

    def _octets(self, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            try:
                self._within()
                more = self._wire.recv(count - len(octets))
            except OSError as error:
                raise _cut(error) from error
            if not more:
                raise Cut("it hung up")
            octets += more
        return octets

    def _within(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("time is up")
        self._wire.settimeout(left)


def _cut(error: OSError) -> Cut:
    return Cut("it took too long" if isinstance(error, TimeoutError) else f"it hung up ({error.strerror})")


class Request(NamedTuple):
    """What is to be signed: the first of `by` must, the others where they are at hand."""

    origin: str
    size: int
    root: bytes
    by: tuple[bytes, ...]


class Status(NamedTuple):
    """A signer's public keys, and the last checkpoint that it signed or trusts."""

    keys: tuple[bytes, ...]
    latest: bytes | None


def format_request(request: Request) -> bytes:
    """What follows SIGN: the keys, an empty line, the text of the checkpoint."""
    return _lines(map(keys.encode, request.by)) + b"\n" + checkpoint.body(request.origin, request.size, request.root)


def parse_request(rest: bytes) -> Request:
    """What was to be signed; raises Malformed."""
    by, text = _keys_and_rest(rest)
    return Request(*checkpoint.parse_body(text), by)


def format_status(status: Status) -> bytes:
    """What follows STANDS: the keys, an empty line, the checkpoint if there is one."""
    return _lines(map(keys.encode, status.keys)) + b"\n" + (status.latest or b"")


def parse_status(rest: bytes) -> Status:
    """How a signer stands; raises Malformed."""
    public, latest = _keys_and_rest(rest)
    if latest:
        checkpoint.parse(latest)
    return Status(public, latest or None)


def format_size(size: int) -> bytes:
    """What follows PROVE: the size that a proof must lead from."""
    return f"{size}\n".encode()


def parse_size(rest: bytes) -> int:
    """The size that a proof must lead from; raises Malformed."""
    text = parse_line(rest)
    if not checkpoint.SIZE.fullmatch(text):
        raise Malformed(f"not a log size: {text[:40]!r}")
    return int(text)


def format_proof(hashes: Sequence[bytes]) -> bytes:
    """What follows PROOF: hashes in base64."""
    return _lines(map(base64s.encode, hashes))


def parse_proof(rest: bytes) -> list[bytes]:
    """The hashes of a proof; raises Malformed."""
    return [base64s.decode(text, 32) for text in _texts(rest, 0, HASHES_MOST)]


def format_line(text: str) -> bytes:
    """What follows STATUS, the origin; and REFUSED and FAILED, the reason: in one line."""
    return _lines([" ".join(text.split())[:LINE_MOST]])


def parse_line(rest: bytes) -> str:
    """The one line; raises Malformed."""
    (text,) = _texts(rest, 1, 1)
    return text


def _keys_and_rest(rest: bytes) -> tuple[tuple[bytes, ...], bytes]:
    lines, found, after = rest.partition(b"\n\n")
    if not found:
        raise Malformed("keys, then an empty line")
    return tuple(keys.decode(text) for text in _texts(lines + b"\n", 1, KEYS_MOST)), after


def _lines(texts: Iterable[str]) -> bytes:
    return b"".join(text.encode() + b"\n" for text in texts)


def _texts(octets: bytes, least: int, most: int) -> list[str]:
    """Lines of text, each with LF; raises Malformed."""
    try:
        lines = octets.decode().split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if lines.pop() or not least <= len(lines) <= most:
        raise Malformed(f"{least} to {most} lines belong here, each with LF")
    return lines
