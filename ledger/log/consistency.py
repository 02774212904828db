"""Consistency proofs in one text: the body of a C2SP `tlog-witness` add-checkpoint request, to be passed on unchanged.

old 1
V+s1YV1H807HFMrN9f10YIpejhAnJOgLJLKHwMJ7ajE=

ledger.example/solana
2
sTeYX/SE+2ANuTEHx3sDZcgNePW0Kd7Q/Zc2HQd5mes=

— ledger.example/solana 9hZXfN6SdpM6kKbPR960t43ThPJdy+K34lBBiBCCtrLy3owzsL/1kY8pTLDiYH6eT9+L/UP/akiCscPvf/fm/P24LgA=
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ledger.log import base64s, merkle
from ledger.log.checkpoint import SIZE_MOST
from ledger.log.malformed import Malformed

OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


class Consistency(NamedTuple):
    """The smaller size, the path from it, and the signed checkpoint that it leads to."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: bytes


def format(old: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The text of a proof."""
    return "\n".join([f"old {old}", *map(base64s.encode, path), "", ""]).encode() + checkpoint


def parse(octets: bytes) -> Consistency:
    """The parts of a proof; raises Malformed. The checkpoint is not looked into."""
    front, empty, checkpoint = octets.partition(b"\n\n")
    if not empty or not front.isascii() or not checkpoint.endswith(b"\n"):
        raise Malformed("a consistency proof is an old size and a path, an empty line, a checkpoint")
    first, *rest = front.decode().split("\n")
    matched = OLD.fullmatch(first)
    if matched is None or int(matched[1]) > SIZE_MOST or len(rest) > merkle.PATH_MOST:
        raise Malformed(f"a consistency proof begins with an old size, and has at most {merkle.PATH_MOST} hashes")
    return Consistency(int(matched[1]), tuple(base64s.decode(line, merkle.HASH) for line in rest), checkpoint)
