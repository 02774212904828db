"""The sequencer: callers put verified instructions in a queue and get futures; one thread commits what is waiting.

Two threads, so that a batch is decided while the checkpoint of the one before is signed and flushed:

    queue -> writer (one transaction a batch) -> signing (one checkpoint a batch) -> futures

A future is answered only after the checkpoint that covers its entry is signed. The row of a checkpoint is written
with the next batch, or by itself when nothing has come for a while. What could not be signed is tried again with the
next batch, and by itself: the signer may be back while nobody sends anything.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol

from ledger.intake.submission import Prepared
from ledger.log import checkpoint
from ledger.service.door import Accepted, Door, Outcome
from ledger.signer.signer import SignerRefused
from ledger.store.errors import Unavailable
from ledger.store.log import EntryRow, Head

logger = logging.getLogger(__name__)

Sign = Callable[[Head], bytes]  # a committed head -> a signed checkpoint of it or of a later one


class Logged(NamedTuple):
    """An item's outcome and, where it is in the log, a checkpoint that covers it."""

    outcome: Outcome
    checkpoint: bytes


class Promise(Protocol):
    """Where an item's answer goes; a Future is one."""

    def set_result(self, logged: Logged, /) -> None:
        """The item has been answered."""

    def set_exception(self, error: Exception, /) -> None:
        """Its outcome is unknown."""


class Waiting(NamedTuple):
    """An item in the queue; `first` of those that its caller put there together."""

    item: Prepared
    promise: Promise
    first: bool


class Unsigned(Unavailable):
    """Committed, but no checkpoint could be signed: the same text later gets the receipt."""


class Told(NamedTuple):
    """How it stands when a batch has been answered: the latest checkpoint, why a later one could not be signed, and the
    leaf hashes of the batch's entries, from the log index `first` on."""

    latest: bytes | None
    trouble: str | None
    first: int = 0
    leaves: Sequence[bytes] = ()


Watch = Callable[[int, float], None]  # told of each batch: how many, and the seconds of its transaction
Tell = Callable[[Told], None]
Row = tuple[int, bytes, bytes]  # size, root, note
END = None
# Seconds of silence after which rows are written by themselves: at once, each lone batch would cost as much again.
IDLE_S = 0.05
LINGER_MOST_S = 0.05  # that a batch waits for company
QUIET_S = 0.01  # without anybody coming, after which it waits no more
AGAIN_S = 2.0  # after which, in silence, the signer is asked again for what it has not signed


class Sequencer:
    """Gathers and commits. `most` items go into one batch. Use as a context manager, or call `close`."""

    def __init__(self, door: Door, sign: Sign, most: int = 1000):
        self._door, self._sign, self._most = door, sign, most
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._committed: queue.Queue[tuple[list[Waiting], list[Outcome], Head] | None] = queue.Queue(maxsize=2)
        self.watch: Watch = unwatched
        self._tells: list[Tell] = []
        self._came = self._taken = 0  # callers who have put something in the queue; of these, who are in a batch
        self._expected = 0  # callers in the last batch, and those who came while it was committed
        self._signed: deque[Row] = deque()  # checkpoints whose rows are still to be written
        self.latest: bytes | None = None  # the last checkpoint signed here, before its row can be read
        self.trouble: str | None = None  # why the last one could not be signed
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._write, "comarca-writer"), (self._answer, "comarca-signing"))
        ]
        self._catch_up()
        for thread in self._threads:
            thread.start()

    def _catch_up(self) -> None:
        """Sign what was committed and not signed, by this process or one that did not live to."""
        if self._sign_and_remember(self._door.head()):
            self._flush()

    def put(self, items: Sequence[Prepared]) -> list["Future[Logged]"]:
        """Queue items in this order; one future each. A future raises Unavailable where the outcome is unknown."""
        futures: list[Future[Logged]] = [Future() for _ in items]
        for future in futures:
            future.set_running_or_notify_cancel()  # what is queued is not cancelled: it may be in the log already
        self.enqueue(items, futures)
        return futures

    def enqueue(self, items: Sequence[Prepared], promises: Sequence[Promise]) -> None:
        """Queue items in this order, each with a promise to be kept by a thread of the sequencer's. Raises Unavailable
        once it is closed."""
        with self._lock:
            if self._closed:
                raise Unavailable("the server is stopping; send the same text again in a moment")
            self._came += bool(items)
            for n, (item, promise) in enumerate(zip(items, promises, strict=True)):
                self._waiting.put(Waiting(item, promise, first=n == 0))

    @contextmanager
    def telling(self, tell: Tell) -> Iterator[None]:
        """Meanwhile, say when a batch has been answered; and now, how far the log is signed."""
        self._tells.append(tell)
        tell(self.told())
        try:
            yield
        finally:
            self._tells.remove(tell)

    def told(self) -> Told:
        """How it stands now."""
        return Told(self.latest, self.trouble)

    def close(self) -> None:
        """Commit and sign what is waiting, then stop."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(END)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "Sequencer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the writing thread

    def _write(self) -> None:
        ending = False
        while not ending:
            batch, ending = self._gather()
            if batch:
                self._commit(batch)
        self._settle()
        self._committed.put(END)

    def _gather(self) -> tuple[list[Waiting], bool]:
        """Wait for one item and take what else is there; and whether the end was met."""
        batch: list[Waiting] = []
        item = self._first()
        self._linger()
        while item is not END:
            batch.append(item)
            if len(batch) >= self._most or self._waiting.empty():
                return batch, False
            item = self._waiting.get()
        return batch, True

    def _first(self) -> Waiting | None:
        """The next item; while none comes, the time is used to keep the checkpoints signed so far."""
        try:
            return self._waiting.get(timeout=IDLE_S)
        except queue.Empty:
            self._settle()
        while self.trouble is not None:
            try:
                return self._waiting.get(timeout=AGAIN_S)
            except queue.Empty:
                self._try_again()
        return self._waiting.get()

    def _try_again(self) -> None:
        """In the writing thread, which alone gives the signing thread work: that one is idle now."""
        with suppress(Exception):  # which has been said
            self._catch_up()
        self._tell()

    def _linger(self) -> None:
        """Where several callers came together last time, wait for as many again: a batch costs what it costs, however
        few are in it, and who was answered just now is about to ask for more. Not for long, and not once nobody comes
        any more. Whoever is alone never waits, and neither does a full batch."""
        callers = self._expected
        deadline, came = time.perf_counter() + LINGER_MOST_S, -1
        while 1 < callers > self._came - self._taken and self._waiting.qsize() + 1 < self._most:
            now = time.perf_counter()
            if came != self._came:
                came, quiet = self._came, now + QUIET_S
            if now >= min(quiet, deadline):
                return
            time.sleep(0.001)

    def _settle(self) -> None:
        """Wait until all that is committed is signed, and keep its checkpoints."""
        self._committed.join()
        self._flush()

    def _commit(self, batch: list[Waiting]) -> None:
        callers = sum(waiting.first for waiting in batch)
        self._taken += callers
        rows, began = self._take_rows(), time.perf_counter()
        try:
            outcomes, head = self._door.submit([waiting.item for waiting in batch], rows)
        except Exception as error:
            self._signed.extendleft(reversed(rows))
            self._fail(batch, error)
            return
        self._expected = callers + self._came - self._taken
        self.watch(len(batch), time.perf_counter() - began)
        self._committed.put((batch, outcomes, head))

    def _take_rows(self) -> list[Row]:
        return [self._signed.popleft() for _ in range(len(self._signed))]

    def _flush(self) -> None:
        """Write the rows of checkpoints that no batch has taken along."""
        if rows := self._take_rows():
            try:
                self._door.submit([], rows)
            except Exception as error:  # this thread must live: whoever comes next waits for it
                logger.warning("checkpoints not kept yet: %s", error)
                self._signed.extendleft(reversed(rows))  # with the next batch, then

    # --- the signing thread

    def _answer(self) -> None:
        while (committed := self._committed.get()) is not END:
            batch, outcomes, head = committed
            try:
                note = self._sign_and_remember(head)
            except Exception as error:
                self._fail(batch, Unsigned(f"logged, but no checkpoint could be signed: {error}"))
            else:
                for waiting, outcome in zip(batch, outcomes, strict=True):
                    waiting.promise.set_result(Logged(outcome, note))
                rows = [outcome.row for outcome in outcomes if isinstance(outcome, Accepted) and outcome.row]
                self._tell(rows)
            self._committed.task_done()

    def _fail(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Answer every waiting caller with the error."""
        for waiting in batch:
            waiting.promise.set_exception(error)
        self._tell()

    def _tell(self, made: Sequence[EntryRow] = ()) -> None:
        first, leaves = made[0].log_index if made else 0, [row.leaf_hash for row in made]
        for tell in tuple(self._tells):
            tell(self.told()._replace(first=first, leaves=leaves))

    def _sign_and_remember(self, head: Head) -> bytes:
        """A checkpoint that covers this head; empty for an empty log, which has none (its genesis was refused)."""
        if head.size == 0:
            return b""
        try:
            note = self._sign(head)
        except Exception as error:
            self._say_why(head, error)
            raise
        if self.trouble is not None:
            logger.warning("checkpoints are signed again, of size %d", head.size)
        self.trouble = None
        self._remember(note)
        return note

    def _say_why(self, head: Head, error: Exception) -> None:
        """Say once, and not at each batch, why nothing is signed; a defect with its trace."""
        if self.trouble != str(error):
            logger.error("no checkpoint for size %d: %s", head.size, error,
                         exc_info=not isinstance(error, SignerRefused))  # fmt: skip
        self.trouble = str(error)

    def _remember(self, note: bytes) -> None:
        signed = checkpoint.parse(note)
        self.latest = note
        self._signed.append((signed.size, signed.root, note))


def unwatched(size: int, seconds: float) -> None:
    """Nobody counts."""
