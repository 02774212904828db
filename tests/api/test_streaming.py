"""The stream: what each reader is shown, in order, none missed or doubled over restarts, many at once, a clean stop."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from ledger.client.following import Message, StreamRefused, follow, parse
from ledger.client.writing import signature_line
from ledger.core.transfers import Leg
from ledger.core.words import AccountId, HolderId
from ledger.followers.news import News
from ledger.followers.stream import stream
from ledger.log import instruction
from tests.api.desk import BASE, Desk, check_problem
from tests.api.test_serving import House, Server, house, serving

__all__ = ["house"]  # the fixture


def read(news: News, names: frozenset[bytes], everything: bool = False, position: int = 0) -> list[dict[str, Any]]:
    """All that a stream shows now."""
    asked = itertools.count()

    def until_idle() -> frozenset[bytes] | None:
        return names if next(asked) == 0 else None

    lines = b"".join(stream(news, until_idle, everything, position, still_s=0.0)).splitlines(keepends=True)
    return [json.loads(message.data) for message in parse(iter(lines)) if message.data]


@pytest.fixture
def news(desk: Desk) -> Iterator[News]:
    news = News(desk.territory.store, desk.territory.ledger_id, lambda: desk.territory.door.head().size)
    news.start()
    yield news
    news.end()


def test_each_reader_is_shown_its_own_lines(desk: Desk, news: News) -> None:
    territory = desk.territory
    payer, first, second, stranger = territory.members(4)
    territory.send(territory.transfer_many(payer, [Leg(AccountId(first), 100), Leg(AccountId(second), 250)]))
    size = territory.door.head().size
    while news.size < size:
        time.sleep(0.01)
    bulk = size - 1
    shown = {who: read(news, frozenset((who,)), position=bulk) for who in (payer, first, second, stranger)}
    assert [event["amount"] for event in shown[payer][0]["events"]] == [100, 250]
    assert [event["amount"] for event in shown[first][0]["events"]] == [100]
    assert [event["amount"] for event in shown[second][0]["events"]] == [250]
    assert shown[stranger] == []
    everything = read(news, frozenset(), everything=True)
    assert [entry["log_index"] for entry in everything] == list(range(size))


def test_a_reader_far_behind_is_read_to_from_the_database(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.followers.news.WINDOW", 8)
    monkeypatch.setattr("ledger.followers.news.CHUNK", 3)
    territory = desk.territory
    payer, payee = territory.members(2)
    for amount in range(1, 30):
        territory.send(territory.transfer(payer, payee, amount))
    news = News(territory.store, territory.ledger_id, lambda: territory.door.head().size)
    news.start()
    position, amounts = 3, []
    while entries := news.after(position, 0):
        amounts += [line.event["amount"] for entry in entries for line in entry.lines]
        position = entries[-1].log_index + 1
    assert amounts == list(range(1, 30))
    news.end()
    assert news.after(0, 60) == []


def test_long_entries_are_read_a_few_at_a_time_and_kept_by_their_lines(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.followers.news.LINES", 20)
    monkeypatch.setattr("ledger.rebuild.replay.OCTETS", 5000)
    territory = desk.territory
    payer, payee = territory.members(2)
    before = territory.door.head().size
    for _ in range(9):
        territory.send(territory.transfer_many(payer, [Leg(AccountId(payee), 1)] * 6))
    size = territory.door.head().size
    news = News(territory.store, territory.ledger_id, lambda: size)
    assert 0 < len(news._read(before, size)) < 9
    news._size = before
    news._look()
    assert [one.log_index for one in news._window] == [size - 3, size - 2, size - 1]
    assert news._lines == 18
    news._keep(news._read(before, before + 1))
    assert news._lines == 18 and len(news._window) == 3
    monkeypatch.setattr("ledger.followers.news.LINES", 3)
    news._keep([])
    assert [one.log_index for one in news._window] == [before]
    position, seen = before, 0
    news._window.clear()
    while position < size:
        entries = news.after(position, 0)
        seen, position = seen + len(entries), entries[-1].log_index + 1
    assert seen == 9


def test_lines_of_a_stream() -> None:
    octets = b"retry: 2000\nid: 4\n\nid: 7\nevent: entry\ndata: {}\n\n: still here\nid: 9\n\n"
    messages = list(parse(iter(octets.splitlines(keepends=True))))
    assert messages == [Message("4", ""), Message("7", "{}"), Message("9", "")]


def test_a_stream_needs_a_token_and_a_position_that_there_is(desk: Desk) -> None:
    check_problem(desk.get("stream"), 401, "token_missing")
    token = desk.token(desk.territory.members(1)[0])
    desk.served.news.start()
    check_problem(desk.get("stream?from=99", token), 400, "query_invalid")
    check_problem(desk.get("stream?from=-1", token), 400, "query_invalid")
    check_problem(desk.get("stream?surprise=1", token), 400, "query_invalid")
    for bad in ("x", "-1", "1e3", "9" * 40):
        check_problem(desk.get("stream", token, headers={"Last-Event-ID": bad}), 400, "query_invalid")


def test_more_streams_than_the_server_keeps(desk: Desk) -> None:
    token = desk.token(desk.territory.members(1)[0])
    desk.app.config["COMARCA_STREAMS_MOST"] = 1
    open_one = desk.get("stream", token)
    check_problem(desk.get("stream", token), 503, "too_many_streams")
    open_one.close()
    assert not desk.served.streams
    desk.get("stream", token).close()


def test_what_never_begins_to_stream_keeps_no_place(desk: Desk) -> None:
    token = desk.token(desk.territory.members(1)[0])
    for _ in range(3):
        assert desk.client.head(f"{BASE}/stream", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert not desk.served.streams
    with desk.app.test_request_context(f"{BASE}/stream", headers={"Authorization": f"Bearer {token}"}):
        unread = desk.app.full_dispatch_request()
    assert desk.served.streams.total() == 1
    unread.close()  # the client went before its first octet
    assert not desk.served.streams


def test_one_holder_leaves_places_for_others(desk: Desk) -> None:
    first, second = (desk.token(member) for member in desk.territory.members(2))
    desk.app.config["COMARCA_STREAMS_MOST"] = 32
    opened = [desk.get("stream", first) for _ in range(30)]
    check_problem(desk.get("stream", first), 503, "too_many_streams")
    opened.append(desk.get("stream", second))
    assert all(response.status_code == 200 for response in opened)
    for response in opened:
        response.close()
    assert not desk.served.streams


# --- a real server


def token_of(house: House, server: Server, holder: bytes) -> str:
    territory = house.territory
    object = f'{{"nonce":"stream-{time.monotonic_ns():020}","not_after":{int(time.time()) + 60}}}'.encode()
    text = instruction.login_text(territory.origin, object)
    note = instruction.note(text, [signature_line(text, HolderId(holder), territory.seeds[holder])])
    status, body = server.request("POST", "/v1/ledgers/solana/tokens", note, Content_Type="text/plain")
    assert status == 201, body
    token: str = json.loads(body)["token"]
    return token


def amounts(entry: dict[str, Any]) -> list[int]:
    return [event["amount"] for event in entry["events"] if event["event"] == "moved"]


def test_none_is_missed_or_doubled_over_restarts_of_the_server(house: House) -> None:
    payer, payee, *_ = house.members
    address: list[Server] = []
    got: list[int] = []
    start = house.territory.door.head().size

    def reads() -> None:
        entries = follow_current(house, address, payee, start)
        while len(got) < 30:
            got.extend(amounts(next(entries)))

    reader = threading.Thread(target=reads, daemon=True)
    for part in range(3):
        with serving(house) as server:
            address[:] = [server]
            if part == 0:
                reader.start()
            for n in range(10):
                assert server.submit(house.territory.transfer(payer, payee, part * 10 + n + 1))[0] == 201
            if part == 2:
                reader.join(30)
            else:
                assert server.stop() == 0
    assert got == list(range(1, 31))


def follow_current(house: House, address: list[Server], holder: bytes, position: int) -> Iterator[dict[str, Any]]:
    """Follow whichever server runs now: each has a port of its own."""
    while True:
        try:
            current = address[0]
            for entry in follow(current.address, "solana", partial(token_of, house, current, holder), position,
                                sleep=partial(_gone, current, address)):  # fmt: skip
                position = entry["log_index"] + 1
                yield entry
        except (OSError, StopIteration, _Moved):
            time.sleep(0.05)


class _Moved(Exception):
    pass


def _gone(current: Server, address: list[Server], _: float) -> None:
    if address[0] is not current or current.process.poll() is not None:
        raise _Moved
    time.sleep(0.05)


def test_150_streams_beside_traffic_and_a_clean_stop(house: House) -> None:
    payer, payee, *_ = house.members
    with serving(house) as server:
        token = token_of(house, server, payee)
        start = house.territory.door.head().size
        opened = [follow(server.address, "solana", lambda: token, start) for _ in range(150)]
        with ThreadPoolExecutor(150) as pool:
            first = [pool.submit(next, entries) for entries in opened]
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and not all(future.running() for future in first):
                time.sleep(0.05)
            for n in range(20):
                assert server.submit(house.territory.transfer(payer, payee, n + 1))[0] == 201
            assert [amounts(future.result(20)) for future in first] == [[1]] * 150
            second = [pool.submit(next, entries) for entries in opened]
            assert [amounts(future.result(20)) for future in second] == [[2]] * 150
        assert server.stop() == 0


def test_a_stranger_to_the_server_is_told_once(house: House) -> None:
    with serving(house) as server, pytest.raises(StreamRefused) as refused:
        next(follow(server.address, "solana", lambda: "nobody's", 0))
    assert refused.value.status == 401
