"""Inclusion proofs for anyone (C2SP `tlog-proof`): index, path, checkpoint, in one text.

c2sp.org/tlog-proof@v1
index 6
tFyCtewRNnu9HYcnVKlGEP2KhO41HKRVNsYEmWG5bmE=
2GNWul9WyGTW7UHqxpj9FgLNYLGn6iQZlrL+c/lAa+o=
lcR9HydTTK+Z+6PvaBY82+b7k7dVgIqjgnTxsU1Ati4=
Ov0BhTNcfDtG538WdQTxr7BxGmtkPUVZv8Fr+sji1Aw=

ledger.example/solana
12
Q1P6NUjVzV8EctB+fjRWDDThFByBWfmeLhfcHzr3S80=

— ledger.example/solana uINFEuHBq2BGo/Zyz3Tsl+KwOO3dQ4xMDu13XlArDDuBDkh9FgrWWKa8hxRnIgoX09vG+K+LwNV7cnb2sufnh4yfDww=
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ledger.log import base64s, merkle
from ledger.log.malformed import Malformed

HEADER = "c2sp.org/tlog-proof@v1"
INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
INDEX_MOST = 2**63 - 2  # of the last leaf of the largest log


class Proof(NamedTuple):
    """Log index, inclusion path, and the signed checkpoint that it leads to."""

    log_index: int
    path: tuple[bytes, ...]
    checkpoint: bytes


def format(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The text of a proof."""
    lines = [HEADER, f"index {index}", *map(base64s.encode, path), "", ""]
    return "\n".join(lines).encode() + checkpoint


def parse(octets: bytes) -> Proof:
    """The parts of a proof; raises Malformed. The checkpoint is not looked into; an `extra` line, which is not of
    ours, is refused."""
    front, empty, checkpoint = octets.partition(b"\n\n")
    if not empty or not front.isascii() or not checkpoint.endswith(b"\n"):
        raise Malformed("a proof is header, index and path, an empty line, a checkpoint")
    header, *rest = front.decode().split("\n")
    matched = INDEX.fullmatch(rest[0]) if rest else None
    if header != HEADER or matched is None or int(matched[1]) > INDEX_MOST or len(rest) - 1 > merkle.PATH_MOST:
        raise Malformed(f"a proof begins with {HEADER!r} and an index, and has at most {merkle.PATH_MOST} hashes")
    return Proof(int(matched[1]), tuple(base64s.decode(line, merkle.HASH) for line in rest[1:]), checkpoint)
