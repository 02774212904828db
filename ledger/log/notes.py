r"""Signed notes (C2SP `signed-note`): a text, an empty line, signature lines.

— <key name> <base64 of key ID and signature>

>>> open_note("No more is said.\n\n— registrar.example AQIDBAU=\n".encode())
(b'No more is said.\n', (SignatureLine(name='registrar.example', key_id=b'\x01\x02\x03\x04', signature=b'\x05'),))
"""

import re
from typing import NamedTuple

from ledger.log import base64s
from ledger.log.malformed import Malformed

DASH = "— "  # an em dash and a space
NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
MOST = 1_000_000  # octets of a note of any kind
LINES_MOST = 100  # signature lines of a note of any kind


class SignatureLine(NamedTuple):
    """Whose name stands on the line, the four octets of its key ID, and the signature."""

    name: str
    key_id: bytes
    signature: bytes


def format_line(name: str, key_id: bytes, signature: bytes) -> str:
    """A signature line, without its line end."""
    return f"{DASH}{name} {base64s.encode(key_id + signature)}"


def parse_line(line: str) -> SignatureLine:
    """The parts of a signature line without its line end; raises Malformed."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH[0] or not NAME.fullmatch(parts[1]):
        raise Malformed(f"not a signature line: {line[:40]!r}")
    octets = base64s.decode(parts[2])
    if len(octets) < 5:
        raise Malformed("a signature line holds a key ID of 4 octets and a signature")
    return SignatureLine(parts[1], octets[:4], octets[4:])


def open_note(note: bytes) -> tuple[bytes, tuple[SignatureLine, ...]]:
    """The text of a note, with its last LF, and its signature lines, of any type; raises Malformed."""
    check_octets(note)
    text, empty, lines = note.rpartition(b"\n\n")
    if not empty or not lines.endswith(b"\n") or len(note) > MOST:
        raise Malformed("a note is a text, an empty line, signature lines, each with LF")
    count = lines.count(b"\n")
    if count > LINES_MOST:
        raise Malformed(f"{count} signature lines, where {LINES_MOST} are the most")
    return text + b"\n", tuple(parse_line(line) for line in lines.decode().split("\n")[:-1])


def check_octets(octets: bytes) -> None:
    """Raise Malformed on octets below 0x20 other than LF, and on what is not UTF-8."""
    if len(octets.translate(None, CONTROLS)) != len(octets):
        raise Malformed("an octet below 0x20 other than LF")
    if not octets.isascii():
        try:
            octets.decode()
        except UnicodeDecodeError as error:
            raise Malformed("not UTF-8") from error


CONTROLS = bytes(octet for octet in range(0x20) if octet != 0x0A)
