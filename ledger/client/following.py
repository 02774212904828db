"""Follow a ledger's log over HTTP: server-sent events (HTML Living Standard, section 9.2), from a log index on.

    for entry in follow("http://127.0.0.1:8080", "solana", token, position=0):
        keep(entry["log_index"] + 1)   # where to go on after a restart

A connection that ends is made again from where the last entry was, so none is missed or doubled.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE_S = 60.0  # of silence, after which a connection is taken for dead: the server says something every 15 s
RETRY_S = 2.0
FINAL = (400, 401, 403, 404)  # what asking again does not mend


class StreamRefused(Exception):
    """The server does not stream to this reader; `status` is that of HTTP, the message its detail."""

    def __init__(self, status: int, said: str):
        super().__init__(said)
        self.status = status


class Message(NamedTuple):
    """One dispatch of the stream: the last id seen, and the data ("" where only the id moved)."""

    id: str
    data: str


def parse(lines: Iterator[bytes]) -> Iterator[Message]:
    """The messages in a stream's lines."""
    id, data = "", list[str]()
    for octets in lines:
        line = octets.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            yield Message(id, "\n".join(data))
            data.clear()
            continue
        name, _, text = line.partition(":")
        text = text.removeprefix(" ")
        if name == "id":
            id = text
        elif name == "data":
            data.append(text)


def follow(
    server: str,
    ledger: str,
    token: Callable[[], str],
    position: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """The entries that the reader may see, from a log index on (None: from now on), for ever.

    `token` is asked for a fresh bearer token at each connection. Raises StreamRefused where asking again is vain.
    """
    last = "" if position is None else str(position - 1) if position else ""
    while True:
        try:
            for message in parse(_lines(server, ledger, token(), position, last)):
                last = message.id or last
                if message.data:
                    yield json.loads(message.data)
        except (OSError, http.client.HTTPException):
            pass  # the server restarts, or the way to it is cut: go on from `last`
        sleep(RETRY_S)


def _lines(server: str, ledger: str, token: str, position: int | None, last: str) -> Iterator[bytes]:
    parts = urlsplit(server)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        query = "" if position is None else f"?from={position}"
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        connection.request("GET", f"{parts.path.rstrip('/')}/v1/ledgers/{ledger}/stream{query}", headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            _refuse(response)
        while line := response.readline():
            yield line
    finally:
        connection.close()


def _refuse(response: http.client.HTTPResponse) -> None:
    """Raise StreamRefused for good, or OSError where the server may answer otherwise in a moment."""
    body = response.read(65_536)
    try:
        said = str(json.loads(body).get("detail", ""))
    except ValueError:
        said = ""
    if response.status in FINAL:
        raise StreamRefused(response.status, said or f"the server answered {response.status}")
    raise ConnectionError(said)
