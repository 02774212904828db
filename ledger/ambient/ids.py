"""Ids and chance: UUIDv7 (RFC 9562 section 5.7) as 16 octets, and salts."""

import os
import threading
import time

FRACTION = 12  # bits, of a millisecond

_lock = threading.Lock()
_last = 0


def new_id() -> bytes:
    """A fresh id. Ids of one process ascend, which keeps inserts at the end of an index, even where the clock does not.

    48 bits of milliseconds and 12 of a fraction are one ascending number (RFC 9562 section 6.2, method 3).
    """
    global _last
    with _lock:
        _last = stamp = max((time.time_ns() << FRACTION) // 1_000_000, _last + 1)
    return _id(stamp)


def new_id_at(milliseconds: int) -> bytes:
    """A fresh id of a given time, in Unix milliseconds: for what happened then, in no order within its millisecond.

    Raises ValueError outside 0 and 2**48 - 1.
    """
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"not a time that an id can hold: {milliseconds} ms")
    return _id(milliseconds << FRACTION | int.from_bytes(os.urandom(2)) & 0xFFF)


def _id(stamp: int) -> bytes:
    chance = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return ((stamp >> FRACTION) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | chance).to_bytes(16)


def salts(count: int) -> list[bytes]:
    """This many salts of 16 random octets."""
    octets = os.urandom(16 * count)
    return [octets[n : n + 16] for n in range(0, len(octets), 16)]
