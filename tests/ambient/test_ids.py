"""Ids are UUIDv7 and ascend; salts are chance."""

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from ledger.ambient import ids

ID_PATTERN = "[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}"  # docs/formats.md


def milliseconds(octets: bytes) -> int:
    return int.from_bytes(octets[:6])


def test_an_id_is_a_uuid_of_version_7_and_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.new_id()
    uuid = UUID(bytes=made)
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert re.fullmatch(ID_PATTERN, made.hex())
    # ids made faster than the clock's fraction run ahead of it, by less than a tick each
    assert before <= milliseconds(made) <= time.time_ns() // 1_000_000 + 1000


def test_ids_of_one_thread_ascend() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert all(one < next for one, next in itertools.pairwise(made))


def test_ids_of_many_threads_differ_in_their_time_already() -> None:
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [ids.new_id()[:8] for _ in range(2000)], range(8)))
    assert len({stamp for batch in batches for stamp in batch}) == 16_000
    assert all(batch == sorted(batch) for batch in batches)


def test_a_clock_set_back_makes_no_lesser_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_id()
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    assert before < ids.new_id() < ids.new_id()
