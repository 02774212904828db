"""Salted lines: what can be shown, withheld or erased on its own (docs/formats.md).

    base64(16 random octets) SP json

A list of them is hashed as an RFC 6962 tree whose leaves are the lines without LF.

>>> free_text(bytes(16), "rent of May").decode()
'AAAAAAAAAAAAAAAAAAAAAA== "rent of May"'
>>> base64s.encode(root([free_text(bytes(16), "rent of May")]))
'+Q3dV19C5/Oaevx/txpwWaC5e/AveT1WmLhXP0V+FLM='
"""

import json
import re
from binascii import a2b_base64
from collections.abc import Sequence

from ledger.log import base64s, merkle
from ledger.log.malformed import Malformed

SALT = 16  # octets
MOST = 4096  # octets of a line
_SALT_TEXT = 24  # characters of a salt in base64
# Of 16 octets in base64 four bits of the last character are left, and are zero.
_LINE = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]== [^\n]+")
# Controls and surrogates are no text; the escapes are `\"` and `\\` alone.
_STRING = re.compile('"(?:[^"\\\\\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]|\\\\["\\\\])*"')


def line(salt: bytes, text: bytes) -> bytes:
    """A line of a salt and a JSON text."""
    return base64s.encode(salt).encode() + b" " + text


def split(octets: bytes) -> tuple[bytes, bytes]:
    """Salt and JSON text of a line; raises Malformed. The JSON is not looked into."""
    if len(octets) <= MOST and _LINE.fullmatch(octets):
        return a2b_base64(octets[:_SALT_TEXT]), octets[_SALT_TEXT + 1 :]
    return _split_any(octets)


def _split_any(octets: bytes) -> tuple[bytes, bytes]:
    """The same of what is no line: it says why."""
    if len(octets) > MOST:
        raise Malformed(f"a salted line of {len(octets)} octets, where {MOST} are the most")
    if b"\n" in octets:
        raise Malformed("a salted line holds a line end")
    if len(octets) < _SALT_TEXT + 2 or octets[_SALT_TEXT : _SALT_TEXT + 1] != b" " or not octets[:_SALT_TEXT].isascii():
        raise Malformed("a salted line is base64 of 16 octets, a space, a JSON value")
    return base64s.decode(octets[:_SALT_TEXT].decode(), SALT), octets[_SALT_TEXT + 1 :]


def text_of(octets: bytes) -> bytes:
    """The JSON text of a line that is one: of the salt before it nothing is looked at."""
    return octets[_SALT_TEXT + 1 :]


def root(lines: Sequence[bytes]) -> bytes:
    """The tree hash of lines."""
    if len(lines) == 1:  # most entries have one event, and every free text is a tree of one
        return merkle.leaf_hash(lines[0])
    return merkle.root([merkle.leaf_hash(octets) for octets in lines])


def path(lines: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion path of the line at `index` in the tree of all lines (RFC 9162 section 2.1.3.1)."""
    return merkle.path_in([merkle.leaf_hash(octets) for octets in lines], index)


def free_text(salt: bytes, value: str) -> bytes:
    """The line of a free text; raises Malformed on controls and surrogates, and where it gets too long."""
    text = json.dumps(value, ensure_ascii=False)
    if not _STRING.fullmatch(text):
        raise Malformed("a free text holds no control characters and no surrogates")
    octets = line(salt, text.encode())
    split(octets)
    return octets


def parse_free_text(octets: bytes) -> str:
    """The string in a free text's line; raises Malformed."""
    try:
        text = split(octets)[1].decode()
    except UnicodeDecodeError as error:
        raise Malformed("a free text is UTF-8") from error
    if not _STRING.fullmatch(text):
        raise Malformed('a free text is one JSON string without controls, with the escapes \\" and \\\\ alone')
    value: str = json.loads(text)
    return value
