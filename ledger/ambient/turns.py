"""Turns: how many threads of a process run at the same time, however many requests are open.

Python runs one thread at a time in a process. Were sixty requests ready to run, each of their threads would wake two
hundred times a second only to ask for its turn, and whoever hears of outcomes would wait behind all of them. So a few
run, and the others do not even have a thread yet; and whoever waits, for its outcome or for its client, gives its turn
away meanwhile. A turn goes straight to the next in the queue: nobody is woken to wait again.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Lock, local
from typing import TypeVar

T = TypeVar("T")
RUNNING = 2  # threads at the same time
SEARCHING = 6  # and beside them those that search: fewer than there are connections to a database
Start = Callable[[], object]


class Turns:
    """The turns of one process: first come, first served. A thread that has none waits without giving any away."""

    def __init__(self, running: int = RUNNING):
        self._free = running
        self._queue: deque[Start] = deque()
        self._lock = Lock()  # around those two, never for long
        self._thread = _Thread()
        self._searching = BoundedSemaphore(SEARCHING)

    def ask(self, start: Start) -> None:
        """Call `start` once a turn is free, which is then taken: now, or in the thread that gives its own away."""
        with self._lock:
            if not self._free:
                self._queue.append(start)
                return
            self._free -= 1
        start()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """What runs here has a turn, which was asked for, until its end or until it leaves."""
        self._thread.has_turn = True
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Give this thread's turn away for good, if it has one: what it does from now on waits for nobody."""
        if self._thread.has_turn:
            self._thread.has_turn = False
            self._give()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Wait for something without keeping others from running."""
        had_turn = self._thread.has_turn
        self.leave()
        try:
            yield
        finally:
            if had_turn:
                gate = _shut()
                self.ask(gate.release)
                gate.acquire()
                self._thread.has_turn = True

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Have a database look at all that it has, without keeping others from running, or from the database."""
        with self.given_away(), self._searching:
            yield

    def result(self, future: "Future[T]", seconds: float) -> T:
        """What a future comes to, the turn given away meanwhile; raises TimeoutError after so long. Whoever keeps the
        promise asks for the next turn, so that this thread is woken once."""
        if future.done() or not self._thread.has_turn:
            return future.result(seconds)
        gate = _shut()
        asks = [gate.release]

        def ask(_: object) -> None:
            with suppress(IndexError):  # asked already, by whichever came first, outcome or time-out
                self.ask(asks.pop())

        future.add_done_callback(ask)
        self.leave()
        if not gate.acquire(timeout=seconds):
            ask(None)
            gate.acquire()
        self._thread.has_turn = True
        return future.result(0)

    def _give(self) -> None:
        with self._lock:
            if not self._queue:
                self._free += 1
                return
            start = self._queue.popleft()
        start()


class _Thread(local):
    has_turn = False


def _shut() -> Lock:
    """A gate that another thread opens."""
    gate = Lock()
    gate.acquire()
    return gate


turns = Turns()
"""Those of this process."""
