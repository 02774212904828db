"""Turns: few threads at a time, first come, first served, and none lost."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from ledger.ambient.turns import Turns

WAIT_S = 20


class Room:
    """Threads that take turns, and how many of them ran at the same time at most."""

    def __init__(self, running: int = 2):
        self.turns = Turns(running)
        self._pool = ThreadPoolExecutor(64)
        self._lock = threading.Lock()
        self._now = self.most = 0

    def start(self, work: Callable[[], object]) -> "Future[object]":
        """Do this in a thread, in its turn."""
        done: Future[object] = Future()
        self.turns.ask(partial(self._pool.submit, self._run, work, done))
        return done

    def _run(self, work: Callable[[], object], done: "Future[object]") -> None:
        try:
            with self.turns.taken():
                found = work()
        except Exception as error:
            done.set_exception(error)
        else:
            done.set_result(found)

    def work(self) -> None:
        """Be one of those who run."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.002)
        with self._lock:
            self._now -= 1

    def free(self) -> int:
        """How many turns there are, when nobody has one."""
        taken: list[int] = []
        for n in range(64):
            self.turns.ask(partial(taken.append, n))
        return len(taken)


def test_few_run_at_the_same_time() -> None:
    room = Room(3)
    for one in [room.start(room.work) for _ in range(60)]:
        one.result(WAIT_S)
    assert room.most == 3 and room.free() == 3


def test_first_come_first_served() -> None:
    room, order, gate = Room(1), [], threading.Event()
    first = room.start(lambda: gate.wait(WAIT_S))
    others = [room.start(partial(order.append, n)) for n in range(20)]
    gate.set()
    for one in (first, *others):
        one.result(WAIT_S)
    assert order == list(range(20))


def test_whoever_waits_gives_its_turn_away() -> None:
    room, promise = Room(1), Future[str]()

    def wait() -> str:
        found = room.turns.result(promise, WAIT_S)
        room.work()
        return found

    waiting = [room.start(wait) for _ in range(30)]
    room.start(room.work).result(WAIT_S)  # has its turn, while thirty wait
    promise.set_result("kept")
    assert {one.result(WAIT_S) for one in waiting} == {"kept"}
    assert room.most == 1 and room.free() == 1


def test_a_promise_that_is_not_kept_in_time() -> None:
    room, promise = Room(1), Future[str]()

    def wait() -> object:
        with pytest.raises(TimeoutError):
            room.turns.result(promise, 0.05)
        room.work()
        return None

    for one in [room.start(wait) for _ in range(10)]:
        one.result(WAIT_S)
    promise.set_result("late")  # which asks for no turn any more
    assert room.most == 1 and room.free() == 1


def test_a_promise_that_is_broken() -> None:
    room, promise = Room(1), Future[str]()
    waiting = room.start(lambda: room.turns.result(promise, WAIT_S))
    promise.set_exception(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        waiting.result(WAIT_S)
    assert room.free() == 1


def test_whoever_leaves_has_given_its_turn_away_once() -> None:
    room, gate = Room(1), threading.Event()

    def leave() -> None:
        room.turns.leave()
        with room.turns.given_away():
            gate.wait(WAIT_S)
        room.turns.leave()

    left = room.start(leave)
    room.start(room.work).result(WAIT_S)
    gate.set()
    left.result(WAIT_S)
    assert room.free() == 1


def test_a_thread_without_a_turn_waits_as_any() -> None:
    turns, promise = Turns(1), Future[str]()
    with turns.given_away():
        turns.leave()
    with pytest.raises(TimeoutError):
        turns.result(promise, 0.01)
    promise.set_result("kept")
    assert turns.result(promise, 0) == "kept"
