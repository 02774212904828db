"""A witness over HTTP: POST /add-checkpoint, and at / in words who it is and what it saw last.

One process with threads under gunicorn; the state's own lock orders what they change. Nothing else is asked of whoever
asks: a checkpoint's signature says enough.
"""

import logging
import signal
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from ledger.ambient import output
from ledger.ambient.patience import PatientWorker, address_of, run
from ledger.witness.state import StateError
from ledger.witness.witness import Answer, Witness

logger = logging.getLogger(__name__)
MOST = 128 * 1024  # octets of a request: 63 hashes, and a checkpoint with many long signatures
CONNECTIONS = 500  # open at once
STOP_S = 7  # seconds from the signal until what still runs is ended
SILENT_S = 60  # seconds without a sign of life after which the worker is ended
KEEPALIVE_S = 75  # logs come again, and a connection that is there saves them a round trip


def create_app(witness: Witness) -> Flask:
    """The WSGI application of a witness."""
    app = Flask("comarca-witness", static_folder=None)

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        return _respond(witness.add_checkpoint(_body()))

    @app.get("/")
    def show() -> Response:
        lines = (f"{origin} {latest.size}" for origin, latest in witness.latest())
        return _respond(Answer(200, "\n".join([f"witness {witness.vkey}", *lines, ""])))

    @app.errorhandler(StateError)
    def failed(error: StateError) -> Response:
        logger.error("nothing is cosigned: %s", error)
        response = _respond(Answer(503, "the witness cannot write down what it saw; ask again\n"))
        response.headers["Retry-After"] = "5"
        return response

    @app.errorhandler(HTTPException)
    def wrong(error: HTTPException) -> Response:
        response = _respond(Answer(error.code or 500, f"{error.name}\n"))
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response

    return app


def _body() -> bytes:
    """The octets of the request, MOST at most."""
    request.max_content_length = MOST + 1  # a body without a length is cut there
    try:
        octets = request.get_data(cache=False)
    except (ClientDisconnected, ParseException):
        return b""  # which is malformed
    if len(octets) > MOST:
        raise RequestEntityTooLarge
    return octets if len(octets) >= (request.content_length or 0) else b""  # cut off: what came is no request


def _respond(answer: Answer) -> Response:
    response = Response(answer.text, answer.status, content_type=answer.media_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def serve(witness: Witness, host: str, port: int, announce: Callable[[str], None], log: str = "warning") -> int:
    """Serve until a signal stops it; the exit status (0: stopped as told). `announce` gets the address, such as
    http://127.0.0.1:8081, once requests are answered; port 0 takes a free one."""
    output.to_stderr(log)
    return run(Server(witness, host, port, announce))


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn asks of an application: its settings, and in its worker the WSGI callable."""

    def __init__(self, witness: Witness, host: str, port: int, announce: Callable[[str], None]):
        self._witness, self._announce = witness, announce
        self._bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn goes by."""
        chosen = {
            "bind": self._bind,
            "workers": 1,
            "worker_class": PatientWorker,
            "worker_connections": CONNECTIONS,
            "timeout": SILENT_S,
            "graceful_timeout": STOP_S,
            "keepalive": KEEPALIVE_S,
            "loglevel": "error",
            "proc_name": "comarca-witness",
            "control_socket_disable": True,
            "post_worker_init": self._ready,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application."""
        return create_app(self._witness)

    def _ready(self, worker: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent passes it on
        if worker.age == 1:
            self._announce(address_of(worker))
