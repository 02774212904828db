r"""Entry bundles (C2SP `tlog-tiles`): the entries of a tile of level 0, each after its length in two octets.

>>> encode([b"one", b"three"])
b'\x00\x03one\x00\x05three'
>>> split(encode([b"one", b"three"]))
[b'one', b'three']
"""

from collections.abc import Iterable

from ledger.log.malformed import Malformed

LENGTH = 2  # octets before each entry, big-endian


def encode(entries: Iterable[bytes]) -> bytes:
    """The bundle of entries, each shorter than 65,536 octets; OverflowError for a longer one."""
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(LENGTH), entry))


def split(octets: bytes) -> list[bytes]:
    """The entries of a bundle; raises Malformed where it ends within one."""
    entries: list[bytes] = []
    at = 0
    while at < len(octets):
        start = at + LENGTH
        end = start + int.from_bytes(octets[at:start])
        if start > len(octets) or end > len(octets):
            raise Malformed(f"the bundle ends within its entry {len(entries)}")
        entries.append(octets[start:end])
        at = end
    return entries
