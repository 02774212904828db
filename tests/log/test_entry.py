"""Entries: four lines, and no other four."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s, entry, merkle
from ledger.log.entry import Entry
from ledger.log.malformed import Malformed

NOTE, EVENTS = bytes(range(32)), bytes(range(32, 64))
OCTETS = entry.encode(1_795_000_256, NOTE, EVENTS)
hashes = st.binary(min_size=32, max_size=32)


def test_the_octets_of_an_entry() -> None:
    lines = OCTETS.decode().split("\n")
    assert lines == ["comarca/entry@v1", "time 1795000256", f"instruction {base64s.encode(NOTE)}",
                     f"events {base64s.encode(EVENTS)}", ""]  # fmt: skip
    assert entry.leaf_hash(OCTETS) == merkle.leaf_hash(OCTETS) == sha256(b"\x00" + OCTETS).digest()


@given(st.integers(0, 10**16 - 1), hashes, hashes)
def test_what_is_written_is_read_back(time: int, instruction: bytes, events: bytes) -> None:
    assert entry.parse(entry.encode(time, instruction, events)) == Entry(time, instruction, events)


def test_each_octet_counts() -> None:
    """A changed entry is refused, or it is another entry, written in its own one way."""
    for n, octet in enumerate(OCTETS):
        for changed in {octet ^ 1, octet ^ 0x20, octet ^ 0x80, 0x0A, 0x20, 0x30} - {octet}:
            other = OCTETS[:n] + bytes([changed]) + OCTETS[n + 1 :]
            try:
                found = entry.parse(other)
            except Malformed:
                continue
            assert entry.encode(*found) == other
            assert entry.leaf_hash(other) != entry.leaf_hash(OCTETS)
        for cut in (OCTETS[:n], OCTETS[:n] + b"\n" + OCTETS[n:]):
            with pytest.raises(Malformed):
                entry.parse(cut)


@pytest.mark.parametrize(
    ("old", "new"),
    [("@v1", "@v2"), ("time ", "time  "), ("time 1", "time 01"), ("time 1", "time +1"), ("time 1", "time -1"),
     ("1795000256", "1_0"), ("1795000256", ""), ("1795000256", "٣"), ("1795000256", "9" * 17), ("\n", "\r\n"), ("=",
     ""),
     ("=", "=="), ("+", "-"), ("instruction", "note"), ("time", "Time"), ("events", "event"), ("comarca", " comarca"),
     ("time", "extra 1\ntime")],
)  # fmt: skip
def test_any_other_spelling_is_refused(old: str, new: str) -> None:
    text = entry.encode(1_795_000_256, b"\xfb" * 32, EVENTS).decode()
    assert old in text
    with pytest.raises(Malformed):
        entry.parse(text.replace(old, new).encode())


@pytest.mark.parametrize("octets", [b"", b"\n", OCTETS + b"\n", OCTETS[:-1], b"\xff" + OCTETS, OCTETS + OCTETS])
def test_more_and_less_are_refused(octets: bytes) -> None:
    with pytest.raises(Malformed):
        entry.parse(octets)


def test_tail_bits_of_a_hash_are_zero() -> None:
    last = OCTETS.rindex(b"=")
    changed = bytes([OCTETS[last - 1] + 1])
    with pytest.raises(Malformed, match="canonical"):
        entry.parse(OCTETS[: last - 1] + changed + OCTETS[last:])
