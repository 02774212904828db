"""Instructions: three signed lines, signature lines, salted lines (docs/formats.md, Instruction).

    comarca/instruction@v1 transfer
    ledger.example/solana
    {"amount":3430,...}

    — ledger.example/solana/0192f3a8... MsI+YzwoUao+gVAN...

    <salted line>

`parse` does what needs neither state nor knowledge of kinds; the object's own form is the core's to read.
"""

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ledger.log import notes, salted
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine

INSTRUCTION = "comarca/instruction@v1"
LOGIN = "comarca/login@v1"
ORIGIN = re.compile(r"[a-z0-9.-]+(:[0-9]+)?/[a-z0-9][a-z0-9-]{0,62}")
ORIGIN_MOST = 100  # octets
RESERVED = ("v1", "health", "metrics", "docs", "static")  # names that addresses need for themselves
KIND = re.compile(r"[a-z][a-z_]{0,31}")
ID = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
NOTE_MOST = 60_000  # octets
SUBMISSION_MOST = 20 * 1024 * 1024  # octets
SIGNATURES_MOST = 16
SALTED_MOST = 4096 + 4  # lines: legs, and the free texts that an instruction can have
SIGNATURE = 64  # octets
# What most submissions are: a text, signature lines of holders of this ledger, and no salted line. A signature and its
# key ID are 68 octets, so that of the last character of their base64 two bits are zero.
_PLAIN = re.compile(
    rb"comarca/instruction@v1 ([a-z][a-z_]{0,31})\n([a-z0-9.:/-]+)\n(\{[ -\x7f]*)\n\n"
    rb"((?:\xe2\x80\x94 \2/[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15} [A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=\n)+)"
)
SIGNATURE_LINE = b"\n\xe2\x80\x94 "  # how a signature line begins, after the end of the one above


class Signed(Malformed):
    """What was to be unsigned has a signature line."""


class Submission(NamedTuple):
    """The parts of a submission. `text` is what is signed, `note` what is stored, `object` the third line."""

    note: bytes
    text: bytes
    kind: str
    origin: str
    object: bytes
    signatures: tuple[SignatureLine, ...]
    salted: tuple[bytes, ...]


def check_origin(origin: str) -> None:
    """Raise Malformed unless this can be a ledger's origin."""
    name = origin.rpartition("/")[2]
    if len(origin) > ORIGIN_MOST or not origin.isascii() or not ORIGIN.fullmatch(origin):
        raise Malformed(f"an origin is host[:port]/name in lower case, at most {ORIGIN_MOST} octets: {origin[:40]!r}")
    if name in RESERVED or ID.fullmatch(name):
        raise Malformed(f"{name!r} cannot be a ledger's name")


_check_origin = lru_cache(64)(check_origin)  # most submissions name the one ledger; what is refused is not kept


def text(kind: str, origin: str, object: bytes) -> bytes:
    """The signed text."""
    return f"{INSTRUCTION} {kind}\n{origin}\n".encode() + object + b"\n"


def login_text(origin: str, object: bytes) -> bytes:
    """The signed text of a login."""
    return f"{LOGIN}\n{origin}\n".encode() + object + b"\n"


def note(text: bytes, lines: Iterable[str]) -> bytes:
    """A text with its signature lines, in their order."""
    return text + b"\n" + b"".join(line + b"\n" for line in sorted(line.encode() for line in lines))


def submission(note: bytes, lines: Sequence[bytes]) -> bytes:
    """A note with its salted lines."""
    return note + b"\n" + b"\n".join(lines) + b"\n" if lines else note


def salted_count(octets: bytes) -> int:
    """How many salted lines a submission has, whatever else is wrong with it."""
    parts = octets.split(b"\n\n", 2)
    return parts[2].count(b"\n") if len(parts) == 3 else 0


def parse(octets: bytes) -> Submission:
    """The parts of a submission; raises Malformed."""
    return _parse_plain(octets) or parse_any(octets)


def _parse_plain(octets: bytes) -> Submission | None:
    """What `parse_any` makes of a submission as most are, in a third of the time; None of every other."""
    found = _PLAIN.fullmatch(octets)
    if found is None or len(octets) > NOTE_MOST:
        return None
    kind, origin = found[1].decode(), found[2].decode()
    _check_origin(origin)
    lines = found[4].split(b"\n")[:-1]
    _check_order(lines)
    signatures = tuple([_plain_line(line) for line in lines])
    _check_keys(signatures)
    return Submission(octets, octets[: found.end(3) + 1], kind, origin, found[3], signatures, ())


def _plain_line(line: bytes) -> SignatureLine:
    signed = a2b_base64(line[1 - _SIGNED :])
    return SignatureLine(line[_DASH:-_SIGNED].decode(), signed[:4], signed[4:])


def parse_any(octets: bytes) -> Submission:
    """As `parse`, a part after the other, and so able to say what is wrong."""
    parts = _parts(octets)
    kind, origin, object = _instruction(parts[0])
    return _submission(parts, kind, origin, object, _salted_lines(parts[2]) if len(parts) == 3 else ())


def unsigned(text: bytes, lines: Sequence[bytes]) -> bytes:
    """A text that nobody has signed yet, with its salted lines."""
    return text + b"\n" + b"\n".join(lines) + b"\n" if lines else text


def parse_unsigned(octets: bytes) -> Submission:
    """The parts of a submission whose signature lines are left out (`text [LF salted-lines]`), its note empty; raises
    Malformed, and Signed where there is a signature line anywhere."""
    if SIGNATURE_LINE in octets:
        raise Signed("signature lines are not taken here")
    _check_outside(octets)
    text, *rest = octets[:-1].split(b"\n\n", 1)
    if len(text) > NOTE_MOST:
        raise Malformed(f"a text of {len(text)} octets, where {NOTE_MOST} are the most of a note")
    kind, origin, object = _instruction(text)
    return Submission(b"", text + b"\n", kind, origin, object, (), _salted_lines(rest[0]) if rest else ())


def parse_login(octets: bytes) -> Submission:
    """The parts of a login, its kind empty; raises Malformed."""
    parts = _parts(octets)
    first, origin, object = _three_lines(parts[0])
    if first != LOGIN or len(parts) != 2:
        raise Malformed(f"a login is a note whose first line is {LOGIN!r}")
    return _submission(parts, "", origin, object, ())


def _parts(octets: bytes) -> list[bytes]:
    """Text, signature lines and salted lines, each without its last LF."""
    _check_outside(octets)
    parts = octets[:-1].split(b"\n\n", 3)  # one more than there may be
    if len(parts) not in (2, 3):
        raise Malformed("a submission is a text, an empty line, signature lines, and salted lines after another")
    return parts


def _check_outside(octets: bytes) -> None:
    """What is asked of all octets alike."""
    if len(octets) > SUBMISSION_MOST:
        raise Malformed(f"a submission of {len(octets)} octets, where {SUBMISSION_MOST} are the most")
    notes.check_octets(octets)
    if not octets.endswith(b"\n"):
        raise Malformed("the last line has no LF")


def _instruction(text: bytes) -> tuple[str, str, bytes]:
    """Kind, origin and object of a text."""
    first, origin, object = _three_lines(text)
    context, space, kind = first.partition(" ")
    if context != INSTRUCTION or not space or not KIND.fullmatch(kind):
        raise Malformed(f"the first line is {INSTRUCTION!r}, a space and a kind")
    return kind, origin, object


def _three_lines(text: bytes) -> tuple[str, str, bytes]:
    lines = text.split(b"\n")
    if len(lines) != 3 or not text.isascii():
        raise Malformed("the text is three lines of ASCII: context and kind, origin, object")
    if not lines[2].startswith(b"{"):
        raise Malformed("the third line is an object")
    origin = lines[1].decode()
    _check_origin(origin)
    return lines[0].decode(), origin, lines[2]


def _salted_lines(octets: bytes) -> tuple[bytes, ...]:
    if octets.count(b"\n") >= SALTED_MOST:
        raise Malformed(f"more than {SALTED_MOST} salted lines")
    lines = tuple(octets.split(b"\n"))
    for line in lines:
        salted.split(line)
    return lines


def _submission(parts: list[bytes], kind: str, origin: str, object: bytes, lines: tuple[bytes, ...]) -> Submission:
    note = parts[0] + b"\n\n" + parts[1] + b"\n"
    if len(note) > NOTE_MOST:
        raise Malformed(f"a note of {len(note)} octets, where {NOTE_MOST} are the most")
    return Submission(note, parts[0] + b"\n", kind, origin, object, _signatures(parts[1], origin), lines)


def _signatures(octets: bytes, origin: str) -> tuple[SignatureLine, ...]:
    lines = octets.split(b"\n")
    _check_order(lines)
    parsed = tuple([_plain_signature(line, origin) or _signature(line.decode(), origin) for line in lines])
    _check_keys(parsed)
    return parsed


def _check_order(lines: Sequence[bytes]) -> None:
    if len(lines) > SIGNATURES_MOST:
        raise Malformed(f"{len(lines)} signature lines, where {SIGNATURES_MOST} are the most")
    if any(first >= second for first, second in pairwise(lines)):
        raise Malformed("signature lines ascend as octets, and none is there twice")


def _check_keys(lines: Sequence[SignatureLine]) -> None:
    if len(lines) > 1 and len({(line.name, line.key_id) for line in lines}) != len(lines):
        raise Malformed("two signature lines of one key")


DASH = notes.DASH.encode()
_DASH, _SIGNED, _SPACE = len(DASH), 1 + 92, 0x20  # octets of a dash; of a space and a signature's base64


def _plain_signature(line: bytes, origin: str) -> SignatureLine | None:
    """What `_signature` makes of a line that is as it should be, in a third of the time; else None."""
    name, base64 = line[_DASH:-_SIGNED].decode("utf-8", "replace"), line[1 - _SIGNED :]
    if not line.startswith(DASH) or name[:-33] != origin or name[-33:-32] != "/" or not ID.fullmatch(name[-32:]):
        return None
    try:
        octets = a2b_base64(base64)
    except Error:
        return None
    if line[-_SIGNED] != _SPACE or len(octets) != 4 + SIGNATURE or b2a_base64(octets, newline=False) != base64:
        return None
    return SignatureLine(name, octets[:4], octets[4:])


def _signature(line: str, origin: str) -> SignatureLine:
    parsed = notes.parse_line(line)
    if parsed.name[:-33] != origin or parsed.name[-33:-32] != "/" or not ID.fullmatch(parsed.name[-32:]):
        raise Malformed("a signature line is named origin, slash, holder id")
    if len(parsed.signature) != SIGNATURE:
        raise Malformed(f"a signature of {len(parsed.signature)} octets, where {SIGNATURE} belong")
    return parsed
