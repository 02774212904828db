"""Checkpoints (C2SP `tlog-checkpoint`): origin, size and root of a log, signed by its operator.

ledger.example/solana
12
Q1P6NUjVzV8EctB+fjRWDDThFByBWfmeLhfcHzr3S80=

— ledger.example/solana uINFEuHBq2BGo/Zyz3Tsl+KwOO3dQ4xMDu13XlArDDuBDkh9FgrWWKa8hxRnIgoX09vG+K+LwNV7cnb2sufnh4yfDww=
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ledger.log import base64s, keys, notes
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine

SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
SIZE_MOST = 2**63 - 1  # entries: what a database's integers and a proof of 63 hashes can hold
LINES_MOST = 16


class Checkpoint(NamedTuple):
    """The parts of a checkpoint; `text` is what is signed."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[SignatureLine, ...]


def body(origin: str, size: int, root: bytes) -> bytes:
    """The signed text."""
    return f"{origin}\n{size}\n{base64s.encode(root)}\n".encode()


def parse_body(text: bytes, extended: bool = False) -> tuple[str, int, bytes]:
    """Origin, size and root of a signed text, which has lines behind them where it may be `extended`, as those of other
    logs may; raises Malformed."""
    notes.check_octets(text)
    *lines, end = text.decode().split("\n")
    if end or len(lines) < 3 or not lines[0] or not all(lines[3:]) or (len(lines) > 3 and not extended):
        raise Malformed("a checkpoint is three lines, each with LF: origin, size, root")
    if not SIZE.fullmatch(lines[1]) or int(lines[1]) > SIZE_MOST:
        raise Malformed(f"not a log size: {lines[1][:40]!r}")
    return lines[0], int(lines[1]), base64s.decode(lines[2], 32)


def parse(note: bytes) -> Checkpoint:
    """The parts of a signed checkpoint; raises Malformed. Lines of unknown keys or types are kept, not judged."""
    text, signatures = notes.open_note(note)
    if len(signatures) > LINES_MOST:
        raise Malformed(f"{len(signatures)} signature lines, where {LINES_MOST} are the most")
    origin, size, root = parse_body(text)
    if size == 0:
        raise Malformed("a checkpoint of an empty log")
    return Checkpoint(origin, size, root, text, signatures)


def sign(seed: bytes, origin: str, size: int, root: bytes, former: Sequence[bytes] = ()) -> bytes:
    """A checkpoint signed by the operator's key, and after it by former ones that still sign too."""
    text = body(origin, size, root)
    return text + b"\n" + b"".join(_line(one, origin, text) for one in (seed, *former))


def _line(seed: bytes, origin: str, text: bytes) -> bytes:
    id = keys.key_id(origin, keys.public_of(seed))
    return notes.format_line(origin, id, keys.sign(seed, text)).encode() + b"\n"


def verify(note: bytes, origin: str, public: bytes) -> Checkpoint:
    """The checkpoint, if the operator's key of this origin signed it; raises Malformed."""
    checkpoint = parse(note)
    if checkpoint.origin != origin:
        raise Malformed(f"a checkpoint of {checkpoint.origin[:100]!r}, where {origin!r} belongs")
    wanted = keys.key_id(origin, public)
    lines = [line for line in checkpoint.signatures if (line.name, line.key_id) == (origin, wanted)]
    if len(lines) != 1 or not keys.verify(public, lines[0].signature, checkpoint.text):
        raise Malformed("the checkpoint is not signed by the operator's key")
    return checkpoint
