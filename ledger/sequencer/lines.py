"""Lines between processes: one commits and signs, others talk with clients and hand over what they have verified.

    Line.put -> socket -> Lines -> Sequencer -> one message a batch -> socket -> futures

A server's processes are one program of one user; what goes over a line are pickles of its own values. So the socket
stands in a folder that nobody else can enter, and no octet of a client's is ever read as a pickle.
"""

import itertools
import logging
import os
import pickle
import queue
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from ledger.intake.submission import Prepared
from ledger.sequencer.sequencer import Logged, Sequencer, Told
from ledger.store.errors import Unavailable

logger = logging.getLogger(__name__)

BACKLOG = 64  # lines that wait to be answered
SILENT_S = 3.0  # without an answer, after which the process that writes is taken for stuck
END = None
Finish = Callable[[Sequence[tuple[Prepared, Logged]]], Sequence[Any]]  # what callers get of a batch's outcomes
Learn = Callable[[int, Sequence[bytes]], None]  # told the leaf hashes of new entries, from a log index on
Answered = list[tuple[int, "Logged | Exception"]]  # number on the line, outcome
_Waiting = dict[int, tuple[Prepared, "Future[Any]"]]  # by number on the line


def listen(path: Path) -> Listener:
    """A socket at this path, whose folder must be for this user alone."""
    return Listener(str(path), "AF_UNIX", backlog=BACKLOG)


class Line:
    """A sequencer in another process, for one ledger. Threads may share it."""

    def __init__(self, path: Path, ledger: str):
        self._path, self._ledger = path, ledger
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: _Waiting = {}
        self._link: Connection[Any, Any] | None = None
        self.latest: bytes | None = None
        self._trouble: str | None = None
        self._heard = threading.Event()
        self.learn: Learn = unlearned
        self.finish: Finish = unfinished

    @property
    def trouble(self) -> str | None:
        """Why no checkpoint can be signed there, as far as it is known here."""
        try:
            with self._lock:
                self._link = self._link or self._open()
        except Unavailable as error:
            return str(error)
        return self._trouble

    def ask(self) -> str | None:
        """As `trouble`, asked for now: also that nobody answers there."""
        self._heard.clear()
        try:
            self._send({})
        except Unavailable as error:
            return str(error)
        return self._trouble if self._heard.wait(SILENT_S) else "the process that writes does not answer"

    def put(self, items: Sequence[Prepared]) -> list["Future[Any]"]:
        """Queue items in this order; one future each, of what `finish` makes of its outcome, which raises Unavailable
        where that is unknown."""
        if not items:
            return []
        waiting = {next(self._numbers): (item, Future[Any]()) for item in items}
        self._send(waiting)
        return [future for _, future in waiting.values()]

    def _send(self, waiting: _Waiting) -> None:
        octets = pickle.dumps([(number, item) for number, (item, _) in waiting.items()], pickle.HIGHEST_PROTOCOL)
        with self._lock:
            link = self._link or self._open()
            self._waiting.update(waiting)  # at this line, and no other: whoever meets its end answers them
            try:
                link.send_bytes(octets)
            except OSError:  # the thread that reads meets the end of the line, and answers all who wait
                _hang_up(link)

    def close(self) -> None:
        """Hand over nothing more; what waits is answered as unknown."""
        with self._lock:
            if self._link is not None:
                _hang_up(self._link)

    def _open(self) -> "Connection[Any, Any]":
        try:
            link: Connection[Any, Any] = Client(str(self._path), "AF_UNIX")
            _wait_at_most(link, SILENT_S)
            link.send_bytes(self._ledger.encode())
        except OSError as error:
            raise Unavailable("the process that writes is not there; send the same text again in a moment") from error
        self._link = link
        threading.Thread(target=self._read, args=(link,), name="comarca-line", daemon=True).start()
        return link

    def _read(self, link: "Connection[Any, Any]") -> None:
        try:
            with suppress(OSError, EOFError):
                while True:
                    answered, told = pickle.loads(link.recv_bytes())
                    self.latest, self._trouble = told.latest, told.trouble
                    self._heard.set()
                    self.learn(told.first, told.leaves)
                    self._answer(answered)
        finally:  # also where this program fails: the next to hand something over gets a new line
            self._end(link)

    def _answer(self, answered: Answered) -> None:
        waiting = [(*self._waiting.pop(number), outcome) for number, outcome in answered]
        finished = iter(self._finished([(item, one) for item, _, one in waiting if isinstance(one, Logged)]))
        for _, future, outcome in waiting:
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(next(finished))

    def _finished(self, logged: Sequence[tuple[Prepared, Logged]]) -> Sequence[Any]:
        try:
            return self.finish(logged) if logged else []
        except Exception:  # this thread must live; whoever waits gets the outcome as it is
            logger.exception("outcomes could not be finished")
            return unfinished(logged)

    def _end(self, link: "Connection[Any, Any]") -> None:
        """The line is cut: nobody here knows what became of what was handed over."""
        with self._lock:
            link.close()
            self._link = None
            left = list(self._waiting)
        self._answer([(number, Unavailable("the process that writes has ended before it answered")) for number in left])


def unfinished(logged: Sequence[tuple[Prepared, Logged]]) -> Sequence[Any]:
    """Outcomes as they are."""
    return [outcome for _, outcome in logged]


def unlearned(first: int, leaves: Sequence[bytes]) -> None:
    """Nobody wants to know."""


def _wait_at_most(link: "Connection[Any, Any]", seconds: float) -> None:
    """Let a send fail where the other end does not read: whoever sends keeps all others from sending."""
    with socket.socket(fileno=os.dup(link.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))


def _hang_up(link: "Connection[Any, Any]") -> None:
    """End a line that another thread reads from: closing it under that thread could have it read from another file."""
    with socket.socket(fileno=os.dup(link.fileno())) as end, suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


class Lines:
    """Answers the lines to these sequencers, each in threads of its own, until its process ends."""

    def __init__(self, listener: Listener, sequencers: Mapping[str, Sequencer]):
        self._listener, self._sequencers = listener, sequencers
        threading.Thread(target=self._accept, name="comarca-lines", daemon=True).start()

    def _accept(self) -> None:
        while True:
            link = self._listener.accept()
            threading.Thread(target=self._serve, args=(link,), name="comarca-line", daemon=True).start()

    def _serve(self, link: "Connection[Any, Any]") -> None:
        """Read from a line until its other end is gone; what it has handed over goes on."""
        answers = _Answers(link)
        with suppress(OSError, EOFError):
            sequencer = self._sequencers[link.recv_bytes().decode()]
            with sequencer.telling(answers.tell):
                while True:
                    _enqueue(sequencer, answers, pickle.loads(link.recv_bytes()))
        answers.end()


def _enqueue(sequencer: Sequencer, answers: "_Answers", numbered: list[tuple[int, Prepared]]) -> None:
    if not numbered:  # somebody asks how it stands
        answers.tell(sequencer.told())
        return
    tickets = [_Ticket(answers, number) for number, _ in numbered]
    try:
        sequencer.enqueue([item for _, item in numbered], tickets)
    except Unavailable as error:
        for ticket in tickets:
            ticket.set_exception(error)
        answers.tell(sequencer.told())


class _Answers:
    """What is to go back over one line: gathered while a batch is answered, sent by a thread of its own, so that a
    process that does not read keeps nobody waiting."""

    def __init__(self, link: "Connection[Any, Any]"):
        self._link = link
        self._gathered: Answered = []
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Answered, Told] | None] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="comarca-answers", daemon=True).start()

    def add(self, number: int, outcome: "Logged | Exception") -> None:
        """An outcome, to be sent when the batch has been answered."""
        with self._lock:
            self._gathered.append((number, outcome))

    def tell(self, told: Told) -> None:
        """A batch has been answered."""
        with self._lock:
            gathered, self._gathered = self._gathered, []
        self._queue.put((gathered, told))

    def end(self) -> None:
        """Nobody reads any more."""
        self._queue.put(END)

    def _send(self) -> None:
        while (message := self._queue.get()) is not END:
            with suppress(OSError):  # whoever reads from the line meets its end, too
                self._link.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
        self._link.close()


class _Ticket:
    """Stands for a future that waits at the other end of a line."""

    def __init__(self, answers: _Answers, number: int):
        self._add = partial(answers.add, number)

    def set_result(self, logged: Logged) -> None:
        """The item has been answered."""
        self._add(logged)

    def set_exception(self, error: Exception) -> None:
        """The item was not decided; only what says so in this program's own words is sure to be read there."""
        self._add(error if isinstance(error, Unavailable) else RuntimeError(f"{type(error).__name__}: {error}"))
