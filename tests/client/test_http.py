"""The HTTP client against a server that misbehaves as told, and against a real one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from werkzeug.serving import make_server

from ledger.client.http import Client, ServerError
from ledger.client.outcomes import Unknown
from ledger.core.words import HolderId
from tests.api.desk import Desk


class Answers:
    """What the server answers, in order, and what it was sent; after the last answer it repeats it."""

    def __init__(self, *answers: tuple[int, dict[str, str], Any]):
        self.left = list(answers)
        self.sent: list[tuple[str, str, bytes]] = []

    def next(self) -> tuple[int, dict[str, str], Any]:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture
def serve() -> Iterator[Any]:
    running: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> tuple[Client, list[float]]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answers.sent.append((self.command, self.path, body))
                status, headers, said = answers.next()
                if status == 0:  # cut the connection
                    self.close_connection = True
                    return
                octets = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(octets))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(octets)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        slept: list[float] = []
        return Client(f"http://127.0.0.1:{server.server_port}", "solana", sleep=slept.append, tries=4,
                      chance=lambda: 0.0), slept  # fmt: skip

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


RECEIPT = {"entry": {"log_index": 7}}
PROBLEM = {"status": 422, "reason": "once_used", "detail": "Used.", "details": {"once": "a"}, "remedy": "Choose."}
BUSY = {"status": 503, "reason": "unavailable", "detail": "Unknown.", "remedy": "Again."}


def text(number: int) -> bytes:
    return f'comarca/instruction@v1 transfer\na/b\n{{"id":"{number}"}}\n'.encode()


def test_the_same_text_goes_again_after_503_when_it_was_told(serve: Any) -> None:
    answers = Answers((503, {"Retry-After": "7"}, BUSY), (503, {}, BUSY), (201, {}, RECEIPT))
    client, slept = serve(answers)
    outcome, receipt = client.submit(text(1))
    assert (outcome.id, outcome.log_index, outcome.repeat, receipt) == ("1", 7, False, RECEIPT)
    assert slept == [7, 1]
    assert [body for _, _, body in answers.sent] == [text(1)] * 3


def test_the_same_text_goes_again_after_a_cut_connection(serve: Any) -> None:
    answers = Answers((0, {}, b""), (200, {}, RECEIPT))
    client, _ = serve(answers)
    outcome, _ = client.submit(text(1))
    assert (outcome.log_index, outcome.repeat) == (7, True)
    assert [body for _, _, body in answers.sent] == [text(1)] * 2


def test_unknown_stays_unknown(serve: Any) -> None:
    client, slept = serve(Answers((503, {"Retry-After": "99999"}, BUSY)))
    with pytest.raises(Unknown, match="no outcome of 1"):
        client.submit(text(1))
    assert slept == [60, 60, 60]


@pytest.mark.parametrize("answer", [(502, {}, b"<html>bad gateway</html>"), (500, {}, b""), (504, {}, {})])
def test_what_a_gateway_says_is_no_outcome(serve: Any, answer: tuple[int, dict[str, str], Any]) -> None:
    client, _ = serve(Answers(answer))
    with pytest.raises(Unknown):
        client.submit(text(1))


def test_a_server_that_is_not_there() -> None:
    client = Client("http://127.0.0.1:9", "solana", tries=2, sleep=lambda _: None)
    with pytest.raises(Unknown, match="does not answer"):
        client.submit(text(1))


def test_a_refusal_is_an_outcome(serve: Any) -> None:
    client, _ = serve(Answers((422, {}, PROBLEM)))
    outcome, problem = client.submit(text(1))
    assert (outcome.log_index, outcome.reason, outcome.details, problem) == (None, "once_used", {"once": "a"}, PROBLEM)


def test_of_many_only_what_is_unknown_and_after_goes_again(serve: Any) -> None:
    def good(index: int) -> dict[str, Any]:
        return {"status": 201, "receipt": {"entry": {"log_index": index}}}

    busy = {"status": 503, "problem": BUSY}
    first = {"outcomes": [good(1), {"status": 422, "problem": PROBLEM}, busy, good(4)]}
    second = {"outcomes": [good(3), {"status": 200, "receipt": {"entry": {"log_index": 4}}}]}
    answers = Answers((200, {}, first), (200, {}, second))
    client, _ = serve(answers)
    outcomes = client.submit_many([text(n) for n in range(4)])
    assert [(one.id, one.log_index, one.repeat) for one in outcomes] == [
        ("0", 1, False), ("1", None, False), ("2", 3, False), ("3", 4, True)]  # fmt: skip
    assert [len(json.loads(body)["instructions"]) for _, _, body in answers.sent] == [4, 2]


def test_many_that_stay_unknown(serve: Any) -> None:
    client, _ = serve(Answers((200, {}, {"outcomes": [{"status": 503, "problem": BUSY}]})))
    with pytest.raises(Unknown, match="no outcome yet of 1 of "):
        client.submit_many([text(1)])


def test_a_problem_of_reading_is_raised(serve: Any) -> None:
    client, _ = serve(Answers((401, {}, {"reason": "token_missing", "detail": "No token.", "remedy": "Log in."})))
    with pytest.raises(ServerError, match=r"No token\. Log in\.") as caught:
        client.account("00")
    assert caught.value.reason == "token_missing"


def test_a_redirect_is_not_followed(serve: Any) -> None:
    client, _ = serve(Answers((302, {"Location": "http://127.0.0.1:9/"}, b"")))
    with pytest.raises(ServerError, match="answered 302"):
        client.describe()


@pytest.mark.parametrize("server", ["", "localhost:8080", "ftp://a", "http://", "http://a?b=c", "file:///etc"])
def test_what_is_no_server(server: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        Client(server)


@pytest.fixture
def real(sqlite_url: str) -> Iterator[tuple[Desk, Client]]:
    desk = Desk(sqlite_url)
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = Client(f"http://127.0.0.1:{server.server_port}/")
    yield desk, client
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()
    desk.close()


def test_against_the_real_thing(real: tuple[Desk, Client]) -> None:
    desk, client = real
    payer, payee = desk.territory.members(2)
    assert (client.ledger, client.origin) == ("solana", desk.territory.origin)
    octets = [desk.territory.transfer(payer, payee, amount) for amount in (1, 2, 10**9)]
    first, second, third = client.submit_many(octets)
    assert (first.log_index, second.log_index, third.reason) == (3, 4, "credit_exceeded")
    assert client.submit(octets[0])[0] == first._replace(repeat=True)
    with pytest.raises(ServerError):
        client.account(payer.hex())
    client.log_in(HolderId(payer), desk.territory.seeds[payer], desk.territory.clock.now)
    assert client.account(payer.hex())["balance"] == -3
    assert [one["amount"] for one in client.movements(payer.hex(), 10)] == [2, 1]
    assert [one["amount"] for one in client.movements(payer.hex(), 1)] == [2]
    assert client.receipt(first.id)["entry"]["log_index"] == 3
    assert client.entry(0)["log_index"] == 0
    assert client.checkpoint().startswith(desk.territory.origin.encode())
