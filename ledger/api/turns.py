"""Turns: how many requests of one process run at the same time, however many are open.

Python runs one thread at a time. Were sixty requests ready to run, the thread that commits would wait behind all of
them each time it comes back from the database or the disk, a dozen times a batch. So a few run, the others wait for
their turn; and whoever waits for its outcome gives its turn away meanwhile. A short body, which is mostly there with
its head, is read before a turn is taken: giving turns away costs a switch of threads each time.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from io import BytesIO
from threading import Lock
from typing import Any, TypeVar

from flask import Flask, current_app, request

T = TypeVar("T")
RUNNING = 2  # requests at the same time
SHORT = 65_536  # octets
EXTENSION = "comarca_turns"


class Turns:
    """The application between requests and itself. First come, first served."""

    def __init__(self, app: Any, running: int = RUNNING):
        self._app, self._free = app, running
        self._lock = Lock()  # around the two that follow, never for long
        self._gates: deque[Any] = deque()  # of those who wait for a turn: a locked lock each

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request in its turn. What is streamed afterwards waits for nobody."""
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and len(length) <= 5 and int(length) <= SHORT:
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length)))
        self._take()
        try:
            answered: Iterable[bytes] = self._app(environ, start_response)
            return answered
        finally:
            self._give()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Wait for something without keeping others from running."""
        self._give()
        try:
            yield
        finally:
            self._take()

    def result(self, future: "Future[T]", seconds: float) -> T:
        """What a future comes to, its turn given away meanwhile; raises TimeoutError after so long. Whoever keeps the
        promise finds the next turn, too: a thread that was woken to wait again would cost as much as one that works."""
        gate = _shut()
        asks = [gate]

        def ask(_: object) -> None:
            with suppress(IndexError):  # asked already, by whichever came first, outcome or time-out
                self._ask(asks.pop())

        future.add_done_callback(ask)
        self._give()
        if not gate.acquire(timeout=seconds):
            ask(None)
            gate.acquire()
        return future.result(0)

    def _take(self) -> None:
        gate = _shut()
        self._ask(gate)
        gate.acquire()

    def _ask(self, gate: Any) -> None:
        """Open a gate when it is its turn."""
        with self._lock:
            if not self._free:
                self._gates.append(gate)
                return
            self._free -= 1
        gate.release()

    def _give(self) -> None:
        with self._lock:
            if not self._gates:
                self._free += 1
                return
            gate = self._gates.popleft()
        gate.release()


def _shut() -> Any:
    gate = Lock()
    gate.acquire()
    return gate


def register(app: Flask) -> None:
    """Put turns around an application."""
    app.extensions[EXTENSION] = turns = Turns(app.wsgi_app)
    app.wsgi_app = turns  # type: ignore[method-assign]


def result(future: "Future[T]", seconds: float) -> T:
    """What a request waits for; raises TimeoutError after so long."""
    return _turns().result(future, seconds) if not future.done() else future.result(0)


def waiting() -> AbstractContextManager[None]:
    """Around what a request waits for."""
    return _turns().given_away()


def waiting_for_body() -> AbstractContextManager[None]:
    """Around reading a body, which a client may send as slowly as it likes, unless it has been read."""
    return nullcontext() if isinstance(request.environ["wsgi.input"], BytesIO) else waiting()


def _turns() -> Turns:
    turns: Turns = current_app.extensions[EXTENSION]
    return turns
