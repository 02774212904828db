"""What stands between a client and a ledger in tests: a real server, and a proxy that can lose, garble and redirect."""

import http.client
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.serving import make_server

from ledger.api.application import create_app
from ledger.api.served import Served
from ledger.client.admitting import Ledger
from ledger.client.member import Member
from ledger.log import checkpoint
from ledger.sequencer.sequencer import Sequencer
from ledger.service.door import no_trouble
from ledger.store.database import Store
from ledger.store.log import Head
from tests.territory import Clock, TerritoryOfTests, seed

DROPPED = None  # the answer never comes: the connection is cut
Answer = tuple[int, dict[str, str], bytes]
Spoil = Callable[["Passing"], Answer | None]


class Passing(NamedTuple):
    """A request on its way, and `pass_on`, which lets the ledger answer it."""

    method: str
    path: str
    body: bytes
    pass_on: Callable[[], Answer]


class Upstream:
    """A served database on a port of its own."""

    def __init__(self, url: str, clock: Clock):
        self.store = Store.open(url)
        (head,) = self.store.heads()
        self.served = Served(self.store, head, partial(Sequencer, sign=sign), clock, no_trouble)
        self._server = make_server("127.0.0.1", 0, create_app([self.served]), threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.served.close()
        self.store.close()


def sign(head: Head) -> bytes:
    """A checkpoint by the territory's operator, whatever it has signed before: an operator that cheats."""
    assert head.root is not None
    return checkpoint.sign(seed("operator"), head.origin, head.size, head.root)


class Street:
    """A territory on disk, its server, and the proxy that clients talk to. `spoils` are used up one a request that
    they are for, by its method (logins never) or by method and path; a request none is for passes."""

    def __init__(self, folder: Path, members: int = 3, clock: Clock | None = None):
        self.folder = folder
        self.clock = clock or Clock()
        self.database = folder / "ledger.db"
        self.territory = TerritoryOfTests(f"sqlite:///{self.database}", clock=self.clock)
        self.members = self.territory.members(members)
        self.territory.close()
        self.upstreams = [Upstream(f"sqlite:///{self.database}", self.clock)]
        self.port = self.upstreams[0].port
        self.spoils: list[tuple[str, Spoil]] = []
        self.passed: list[tuple[str, str]] = []
        self.slept: list[float] = []
        self._proxy = self._start()
        self._open: list[Member] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._proxy.server_port}"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.territory.origin, self.territory.identity)

    def member(self, number: int = 0, **more: Any) -> Member:
        """The client of a member; its memory is a file of its own number."""
        holder = self.members[number]
        given = {"tries": 4, "timeout_s": 10, "clock": self.clock, "sleep": self.slept.append,
                 "chance": lambda: 0.0, "memory": self.folder / f"{number}.memory"} | more  # fmt: skip
        memory = given.pop("memory")
        member = Member(self.address, self.ledger, holder, self.territory.seeds[holder], memory, **given)
        self._open.append(member)
        return member

    def copy(self, name: str) -> Path:
        """The database as it stands, for a fork or a stale copy."""
        target = self.folder / name
        source = sqlite3.connect(self.database)
        with sqlite3.connect(target) as copy:
            source.backup(copy)
        source.close()
        copy.close()
        return target

    def serve(self, database: Path) -> Upstream:
        """Serve another database beside the first, and lead every request there."""
        self.upstreams.append(Upstream(f"sqlite:///{database}", self.clock))
        self.port = self.upstreams[-1].port
        return self.upstreams[-1]

    def restart(self) -> None:
        """Stop the server; another one on the same database takes its place."""
        self.upstreams.pop().close()
        self.serve(self.database)

    def spoil(self, method: str, *spoils: Spoil) -> None:
        """Spoil the next requests of this method."""
        self.spoils += [(method, spoil) for spoil in spoils]

    def close(self) -> None:
        for member in self._open:
            member.close()
        self._proxy.shutdown()
        self._proxy.server_close()
        for upstream in self.upstreams:
            upstream.close()

    # --- the proxy

    def _start(self) -> ThreadingHTTPServer:
        street = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = street.answer(self.command, self.path, body, headers)
                if answer is DROPPED:
                    self.close_connection = True
                    return
                status, sent, octets = answer
                self.send_response(status)
                for name, value in {**sent, "Content-Length": str(len(octets))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(octets)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer | None:
        self.passed.append((method, path))

        def pass_on() -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.getheaders() if name in ("Content-Type", "Retry-After")}
                return answer.status, kept, answer.read()
            finally:
                connection.close()

        for n, (wanted, spoil) in enumerate(self.spoils):
            if (wanted == method and not path.endswith("/tokens")) or is_for(wanted, f"{method} {path}"):
                del self.spoils[n]
                return spoil(Passing(method, path, body, pass_on))
        return pass_on()


def is_for(wanted: str, request: str) -> bool:
    """Whether a spoil for an address (or, with a slash at its end, for all below it) is for this request."""
    return request.startswith(wanted) if wanted.endswith("/") else request == wanted


def lose_answer(passing: Passing) -> None:
    """The ledger answers, and the answer is lost."""
    passing.pass_on()


def lose_request(passing: Passing) -> None:
    """The request never arrives."""


def busy(passing: Passing) -> Answer:
    """503, come again in seven seconds; the ledger was not asked."""
    return 503, {"Retry-After": "7"}, b'{"reason":"unavailable","detail":"Unknown."}'


def busy_after(passing: Passing) -> Answer:
    """503, although the ledger has written it."""
    passing.pass_on()
    return busy(passing)
