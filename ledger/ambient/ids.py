"""Ids: UUIDv7 (RFC 9562 section 5.7) as 16 octets."""

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


def _id(stamp: int) -> bytes:
    chance = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return ((stamp >> FRACTION) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | chance).to_bytes(16)
