"""A ledger as one process serves it: its store, its door, its sequencer, its clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from flask import current_app

from ledger.ambient.turns import turns
from ledger.api.answering import Answered, Answering
from ledger.api.problems import Problem
from ledger.followers.news import News
from ledger.intake.submission import Prepared
from ledger.log.policy import Policy
from ledger.sequencer.lines import Line
from ledger.sequencer.sequencer import Logged, Sequencer, Watch
from ledger.service.door import Door, no_trouble
from ledger.service.receipts import Receipts
from ledger.service.witnessed import newest, published
from ledger.store.database import Store
from ledger.store.errors import Unavailable
from ledger.store.log import Head

ANSWER_S = 25.0  # how long a request waits for its outcome before it is answered as unknown
EXTENSION = "comarca"


class Served:
    """One ledger. Make it in the process that serves it: it starts threads. `close` commits what is waiting.

    `writer` makes what takes its instructions: a sequencer behind this door, or a line to the one of another process.
    `policy` is that of the witnesses by which checkpoints are published.
    """

    def __init__(
        self,
        store: Store,
        head: Head,
        writer: Callable[[Door], Sequencer | Line],
        clock: Callable[[], float],
        trouble: Callable[[int], str | None] = no_trouble,
        policy: Policy | None = None,
    ):
        self.store, self.clock = store, clock
        self.ledger_id, self.name, self.origin = head.ledger_id, head.name, head.origin
        self._trouble = trouble
        self.door = Door(store, head.ledger_id, clock, trouble)
        self._writer = writer(self.door)
        self.news = News(store, head.ledger_id, lambda: self.checkpoint()[0])
        self.streams: Counter[bytes] = Counter()  # open now, by holder
        self.receipts = Receipts(store, head.ledger_id, self.door.lookups.keys)
        self._answering = Answering(self.receipts)
        if isinstance(self._writer, Line):
            self._writer.learn, self._writer.finish = self.receipts.nodes.learn, self._answering.of
        self._closed = False
        self._policy = policy

    def close(self) -> None:
        """Commit and sign what is waiting, then stop."""
        self._closed = True
        self.news.end()
        self._writer.close()

    def watch(self, watch: Watch) -> None:
        """Tell this of each batch that is committed here; of others' batches their own process tells."""
        if isinstance(self._writer, Sequencer):
            self._writer.watch = watch

    def answers(self, items: Sequence[Prepared]) -> list[Answered]:
        """Queue verified instructions in this order, and wait for what each comes to. Raises Unavailable where none was
        queued."""
        found: list[Any] = [_outcome(future) for future in self._writer.put(items)]
        left = [n for n, outcome in enumerate(found) if isinstance(outcome, Logged)]  # no line has answered these
        for n, answer in zip(left, self._answering.of([(items[n], found[n]) for n in left]), strict=True):
            found[n] = answer
        return found

    def checkpoint(self) -> tuple[int, bytes]:
        """Size and note of the latest checkpoint, ours or another process's; raises Unavailable before the first."""
        return newest(self.store, self.ledger_id, self._writer.latest)

    def published(self) -> tuple[int, bytes]:
        """Size and note of the checkpoint that is published: with a policy, the latest cosigned by enough witnesses."""
        return published(self.store, self.ledger_id, self._policy, self.checkpoint(), self.clock())

    def covering(self, log_index: int) -> tuple[int, bytes]:
        """Size and note of the checkpoint to prove an entry by: the published one where it reaches that far, else the
        newest, which may not either."""
        latest = self.checkpoint()
        found = published(self.store, self.ledger_id, self._policy, latest, self.clock())
        return found if found[0] > log_index else latest

    def trouble(self, *, ask: bool = False) -> str | None:
        """What keeps this ledger from taking instructions, in words, or None. `ask`: the process that writes is asked,
        too, whether it answers, which takes a moment, or seconds where it does not."""
        if self._closed:
            return "the server is stopping"
        head = self.door.head()
        if head.size == 0:
            return "the genesis is not logged yet"
        if ask and isinstance(self._writer, Line):
            with turns.given_away():
                why = self._writer.ask()
        else:
            why = self._writer.trouble
        if why is not None:
            return f"no checkpoint can be signed: {why}"
        return self._trouble(head.time)


def _outcome(future: "Future[Any]") -> "Logged | Answered":
    """The outcome of a queued instruction, or its answer where that was made with it."""
    try:
        return turns.result(future, ANSWER_S)  # type: ignore[no-any-return]
    except TimeoutError:
        return Unavailable("no answer yet")
    except Unavailable as error:
        return error


def all_served() -> Iterable[Served]:
    """The ledgers of this application, by name."""
    ledgers: dict[str, Served] = current_app.extensions[EXTENSION]
    return [ledgers[name] for name in sorted(ledgers)]


def served(name: str) -> Served:
    """The ledger of this name, or 404."""
    ledgers: dict[str, Served] = current_app.extensions[EXTENSION]
    if name not in ledgers:
        raise Problem("not_found")
    return ledgers[name]
