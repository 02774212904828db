"""Threads for requests: one for each, made as it is needed, and never a queue before them."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Threads(Executor):
    """A thread for all that is submitted, at once: made where none is idle, and kept. Raises RuntimeError where the
    system gives no more, and then nothing waits for one; Python's own pool would keep it, with its turn."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, do: Callable[..., T], /, *arguments: Any, **named: Any) -> "Future[T]":
        """Do this in a thread; what it comes to."""
        promise: Future[T] = Future()
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._run, name="comarca-request", daemon=True).start()
        self._work.put(partial(_keep, promise, partial(do, *arguments, **named)))
        return promise

    def _run(self) -> None:
        while True:
            self._work.get()()
            with self._lock:
                self._idle += 1


def _keep(promise: "Future[T]", do: Callable[[], T]) -> None:
    try:
        found = do()
    except BaseException as error:
        promise.set_exception(error)
    else:
        promise.set_result(found)
