"""The door: `submit(batch) -> outcomes`, one database transaction a batch.

An instruction sees the effect of those before it in the batch; a refusal left nothing to undo. A defect (an
unexpected exception, a CHECK that fires) fails its item alone: the batch is rolled back, halved and tried again.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.ambient.collector import uncollected
from ledger.core import keys, machine
from ledger.core.machine import Repeat, Verified
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, State
from ledger.core.words import At
from ledger.intake.submission import Prepared, verify
from ledger.service.entries import Salts, entry_row
from ledger.service.lookups import Lookups
from ledger.store.database import Store, Transaction
from ledger.store.errors import Unavailable
from ledger.store.log import EntryRow, Head, read_head, save_profiles, save_texts

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Accepted:
    """The instruction is in the log, at this index, since now; `row` is its entry, so that nobody need read it."""

    log_index: int
    row: EntryRow | None = field(default=None, compare=False, repr=False)


class Defect(NamedTuple):
    """This program failed at this item, and wrote nothing of it. Never a judgement on the instruction."""

    what: str


Outcome = Accepted | Repeat | Refusal | Defect


class ClockTrouble(Unavailable):
    """The clock cannot be trusted, so nothing is written; the message says why."""


def no_trouble(last: int) -> str | None:
    """The guard of tests and replays: the clock is right."""
    return None


class Door:
    """The one way in to a ledger's log.

    `clock` gives Unix seconds; `trouble` answers in words why it must not be believed, given the last entry's time.
    """

    def __init__(
        self,
        store: Store,
        ledger_id: int,
        clock: Callable[[], float],
        trouble: Callable[[int], str | None] = no_trouble,
    ):
        self.store, self.ledger_id, self._clock, self._trouble = store, ledger_id, clock, trouble
        self.origin = self.head().origin
        self.lookups = Lookups(store, ledger_id, self.origin)
        self._salts = Salts()

    def head(self) -> Head:
        """Where the log stands."""
        with self.store.read() as connection:
            return read_head(connection, self.ledger_id)

    def verify(self, octets: bytes) -> Prepared | Refusal:
        """Checks 1 and 2, in the caller's thread, outside every lock."""
        return verify(octets, self.origin, self.lookups.key_of, self.lookups.root_at)

    def submit(
        self, batch: Sequence[Prepared], checkpoints: Sequence[tuple[int, bytes, bytes]] = ()
    ) -> tuple[list[Outcome], Head]:
        """Decide and log a batch in order; each item's own outcome, and the head after it.

        `checkpoints` (size, root, note) signed since are kept by the same transaction. Raises Unavailable where the
        database or the clock is in trouble: then ask for the outcomes by id, or submit the same again.
        """
        try:
            with self.store.write(self.ledger_id) as transaction, uncollected():
                transaction.keep(checkpoints)
                return self._submit(transaction, batch), transaction.head
        except Unavailable:
            raise
        except Exception as error:
            if not batch:
                raise
            return self._isolate(batch, checkpoints, error)

    def _isolate(
        self, batch: Sequence[Prepared], checkpoints: Sequence[tuple[int, bytes, bytes]], error: Exception
    ) -> tuple[list[Outcome], Head]:
        """Find the item that this program fails at by halves; the others go on."""
        if len(batch) == 1:
            logger.exception("defect at instruction %s", batch[0].instruction.id.hex(), exc_info=error)
            return [Defect(type(error).__name__)], self.submit([], checkpoints)[1]
        half = len(batch) // 2
        first, _ = self.submit(batch[:half], checkpoints)
        second, head = self.submit(batch[half:])
        return first + second, head

    def _submit(self, transaction: Transaction, batch: Sequence[Prepared]) -> list[Outcome]:
        if not batch:
            return []
        head = transaction.head
        time = max(head.time, self._now(head.time))
        state = transaction.state(machine.footprints(item.instruction for item in batch))
        outcomes: list[Outcome] = []
        entries: list[EntryRow] = []
        with_texts: list[tuple[int, Prepared]] = []
        log_index = head.size
        for item in batch:
            instruction = item.instruction
            at = At(log_index, time, instruction.id)
            events = decide(transaction, state, instruction, at)
            if not isinstance(events, list):
                outcomes.append(events)
                continue
            evolve(state, events, instruction, at)
            row = entry_row(self.ledger_id, item, events, at, self._salts)
            entries.append(row)
            outcomes.append(Accepted(log_index, row))
            if item.texts:
                with_texts.append((log_index, item))
            log_index += 1
        if entries:
            transaction.append(entries)
            transaction.save(state)
            self._save_texts(transaction, with_texts)
        return outcomes

    def _now(self, last: int) -> int:
        if why := self._trouble(last):
            raise ClockTrouble(why)
        return int(self._clock())

    def _save_texts(self, transaction: Transaction, accepted: list[tuple[int, Prepared]]) -> None:
        texts = [(index, name, line) for index, item in accepted for name, line in item.texts]
        save_texts(transaction.rows, (text for text in texts if text[1] != "profile"))
        save_profiles(transaction.connection, self.ledger_id, profiles(accepted))


def profiles(accepted: list[tuple[int, Prepared]]) -> Iterator[tuple[bytes, int, bytes]]:
    """Member, log index and line of each profile that came with an instruction."""
    for index, item in accepted:
        for name, line in item.texts:
            if name == "profile":
                yield getattr(item.instruction.asked, "member", item.instruction.id), index, line


def decide(transaction: Transaction, state: State, instruction: Verified, at: At) -> Any:
    """`machine.decide`, loading what its footprint did not tell: correctness never depends on a footprint."""
    while True:
        try:
            return machine.decide(state, instruction, at)
        except NotLoaded as missing:
            state.fill(missing.noun, transaction.rows.load(missing.noun, [missing.key]))
        except machine.UnknownRules as error:  # set by a newer release on the same database
            raise Unavailable(str(error)) from error


def evolve(state: State, events: list[Any], instruction: Verified, at: At) -> None:
    """Apply an accepted instruction's events, and let the next in the batch see its id."""
    for event in events:
        machine.evolve(state, event, at)
    logged = keys.Logged(at.id, at.log_index, instruction.text_hash, instruction.kind, at.time)
    state.rows[keys.LOGGED][at.id] = logged
