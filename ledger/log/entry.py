"""Entries, the Merkle leaves: four lines, public, that say nothing about anyone (docs/formats.md, Entry).

comarca/entry@v1
time 1795000298
instruction /tOkhqQhRZXJ8XH1YkTNuw4eYQv/qObrXyWzz2+CaJI=
events yhbsjz41/V4gNdpu+eI8XU68ImNuA9KBjIziNZk3iF4=
"""

import re
from binascii import b2a_base64
from typing import NamedTuple

from ledger.log import base64s
from ledger.log.malformed import Malformed
from ledger.log.merkle import leaf_hash

__all__ = ["Entry", "encode", "leaf_hash", "parse"]
_LINES = re.compile(
    r"comarca/entry@v1\ntime (0|[1-9][0-9]{0,15})\ninstruction ([^\n]{44})\nevents ([^\n]{44})\n", re.ASCII
)


class Entry(NamedTuple):
    """Time in Unix seconds, SHA-256 of the note, tree hash of the event lines."""

    time: int
    instruction: bytes
    events: bytes


def encode(time: int, instruction: bytes, events: bytes) -> bytes:
    """The octets of an entry."""
    return b"comarca/entry@v1\ntime %d\ninstruction %bevents %b" % (time, b2a_base64(instruction), b2a_base64(events))


def parse(octets: bytes) -> Entry:
    """The parts of an entry; raises Malformed."""
    try:
        matched = _LINES.fullmatch(octets.decode("ascii"))
    except UnicodeDecodeError as error:
        raise Malformed("an entry is ASCII") from error
    if matched is None:
        raise Malformed("an entry is four lines: comarca/entry@v1, time, instruction, events")
    time, instruction, events = matched.groups()
    return Entry(int(time), base64s.decode(instruction, 32), base64s.decode(events, 32))
