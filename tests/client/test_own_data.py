"""A holder's own export over HTTP: whole, or not at all."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ledger.client.http import ServerError
from ledger.client.outcomes import Unknown
from ledger.client.own_data import END, export

HOLDER = "0192f3a87c0b7e1a9d2c4b5a69788796"
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == f"/v1/ledgers/solana/holders/{HOLDER}/export"
            assert self.headers["Authorization"] == "Bearer secret"
            self.close_connection = True
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def sends(octets: bytes, status: int = 200, length: int | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(octets) if length is None else length))
        request.end_headers()
        request.wfile.write(octets)

    return answer


def taken(answer: Answer) -> bytes:
    with server(answer) as address:
        return b"".join(export(address, "solana", "secret", HOLDER))


@pytest.mark.parametrize("length", [0, 1, 70_000, 300_000])
def test_a_whole_one(length: int) -> None:
    octets = b'{"entries":[' + b" " * length + b"]," + END
    assert taken(sends(octets)) == octets


@pytest.mark.parametrize("octets", [b"", END[:-1], b'{"entries":[],', END + b"more"])
def test_one_that_does_not_come_to_its_end(octets: bytes) -> None:
    with pytest.raises(Unknown, match="cut off"):
        taken(sends(octets))


def test_one_that_is_cut_off_on_its_way() -> None:
    with pytest.raises(Unknown, match="cut off"):
        taken(sends(END[:-1], length=len(END) + 5))


@pytest.mark.parametrize("body", [json.dumps({"detail": "There is nothing here."}).encode(), b"", b"[]", b"<html>"])
def test_one_that_is_refused(body: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        taken(sends(body, 404))
    assert caught.value.status == 404


def test_nobody_answers() -> None:
    with server(sends(b"")) as address:
        pass
    with pytest.raises(Unknown):
        list(export(address, "solana", "secret", HOLDER))
