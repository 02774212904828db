"""Ids and chance: UUIDv7 (RFC 9562 section 5.7) as 16 octets, and salts."""

import os
import threading
import time

_lock = threading.Lock()
_last = 0


def new_id() -> bytes:
    """A fresh id. Ids of one process ascend, which keeps inserts at the end of an index."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 of a fraction (RFC 9562 section 6.2, method 3), as one ascending number
        stamp = time.time_ns() * 4096 // 1_000_000
        _last = stamp = max(stamp, _last + 1)
    chance = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return ((stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | chance).to_bytes(16)


def salts(count: int) -> list[bytes]:
    """This many salts of 16 random octets."""
    octets = os.urandom(16 * count)
    return [octets[n : n + 16] for n in range(0, len(octets), 16)]
