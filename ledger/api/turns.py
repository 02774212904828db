"""Turns: how many requests of one process run at the same time, however many are open.

Python runs one thread at a time. Were sixty requests ready to run, the thread that commits would wait behind all of
them each time it comes back from the database or the disk, a dozen times a batch. So a few run, the others wait for
their turn; and whoever waits for its outcome gives its turn away meanwhile. A short body, which is mostly there with
its head, is read before a turn is taken: giving turns away costs a switch of threads each time.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from threading import Semaphore
from typing import Any

from flask import Flask, current_app, request

RUNNING = 2  # requests at the same time
SHORT = 65_536  # octets
EXTENSION = "comarca_turns"


class Turns:
    """The application between requests and itself."""

    def __init__(self, app: Any, running: int = RUNNING):
        self._app, self._turns = app, Semaphore(running)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request in its turn. What is streamed afterwards waits for nobody."""
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and len(length) <= 5 and int(length) <= SHORT:
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length)))
        with self._turns:
            answered: Iterable[bytes] = self._app(environ, start_response)
            return answered

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Wait for something without keeping others from running."""
        self._turns.release()
        try:
            yield
        finally:
            self._turns.acquire()


def register(app: Flask) -> None:
    """Put turns around an application."""
    app.extensions[EXTENSION] = turns = Turns(app.wsgi_app)
    app.wsgi_app = turns  # type: ignore[method-assign]


def waiting() -> AbstractContextManager[None]:
    """Around what a request waits for."""
    turns: Turns = current_app.extensions[EXTENSION]
    return turns.given_away()


def waiting_for_body() -> AbstractContextManager[None]:
    """Around reading a body, which a client may send as slowly as it likes, unless it has been read."""
    return nullcontext() if isinstance(request.environ["wsgi.input"], BytesIO) else waiting()
