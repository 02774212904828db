"""Server-sent events over the log (HTML Living Standard, section 9.2): what a reader may see, in log order.

    id: 1207
    event: entry
    data: {"log_index":1207,"time":1795000256,"id":"01a1...","kind":"transfer","events":[{"event":"moved",...}]}

The id is the log index, so `Last-Event-ID` is all that a client keeps: none is missed or doubled over restarts of
either side. While nothing comes, a comment shows that the stream lives, with the position as an id.
"""

import json
import time
from collections.abc import Callable, Iterator

from ledger.followers.news import News
from ledger.followers.seen import Seen

STILL_S = 15.0  # seconds after which a sign of life is sent, and asked whether the reader may still read
FAR = 1000  # entries that a reader has no part in, after which it is told its position

# The ids that stand for the reader now (its own and its accounts'), or None once it may not read any more.
Names = Callable[[], frozenset[bytes] | None]


def stream(news: News, names: Names, everything: bool, position: int, still_s: float = STILL_S) -> Iterator[bytes]:
    """The stream from this log index on, until the news ends or the reader may not read any more. `everything`: for an
    administrator. Raises Unavailable."""
    mine, asked, told = names(), time.monotonic(), position
    yield b"retry: 2000\n" + _position(position)
    while mine is not None and not news.stopped:
        entries = news.after(position, still_s)
        opened = False
        for entry in entries:
            if shown := entry.shown_to(mine, everything):
                yield _event(entry, shown)
                told = entry.log_index + 1
                opened = opened or any(event["event"] == "account_opened" for event in shown)
        position = entries[-1].log_index + 1 if entries else position
        if not entries or position - told >= FAR:
            yield b": still here\n" + _position(position)
            told = position
        if opened or time.monotonic() - asked >= still_s:
            mine, asked = names(), time.monotonic()


def _event(entry: Seen, shown: list[dict[str, object]]) -> bytes:
    data = {"log_index": entry.log_index, "time": entry.time, "id": entry.id.hex(), "kind": entry.kind, "events": shown}
    return f"id: {entry.log_index}\nevent: entry\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _position(position: int) -> bytes:
    """An id without data: a client remembers it, and dispatches nothing."""
    return f"id: {position - 1}\n\n".encode() if position else b"\n"
