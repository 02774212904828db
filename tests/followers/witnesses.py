"""Witnesses on real sockets, in threads of the test: ours, and bad ones."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from werkzeug.serving import make_server

from ledger.log import keys
from ledger.log.keys import COSIGNER
from ledger.log.policy import Log
from ledger.log.policy import Witness as Named
from ledger.witness.serving import create_app
from ledger.witness.state import State
from ledger.witness.witness import Witness
from tests.signer.logs import ORIGIN, SEED
from tests.territory import seed

Answering = Callable[[BaseHTTPRequestHandler, bytes], None]


def named(name: str, url: str) -> Named:
    """The witness of this name as a policy has it."""
    return Named(name, f"witness.example/{name}", keys.public_of(seed(name)), url)


@contextmanager
def witness(folder: Path, name: str, log: Log | None = None, port: int = 0) -> Iterator[Named]:
    """A witness of ours; its state outlives it."""
    path, key_name = folder / f"{name}.state", f"witness.example/{name}"
    vkey = keys.vkey(key_name, keys.public_of(seed(name)), COSIGNER)
    if not path.exists():
        State.create(path, vkey)
    logs = [log or Log(ORIGIN, keys.public_of(SEED), "")]
    app = create_app(Witness(key_name, seed(name), logs, State(path, vkey), lambda: 1_795_000_000))
    server = make_server("127.0.0.1", port, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield named(name, f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@contextmanager
def answering(answer: Answering) -> Iterator[str]:
    """Something that answers each POST so; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            """Not on the test's stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def say(status: int, body: bytes) -> Answering:
    """Always this answer."""

    def answer(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer
