"""A door without a database: the same submissions, verified, decided and evolved over rows in dictionaries.

It shares with the real door intake, core and entries, and nothing of the store, so scenarios that run through both
compare two implementations of everything below.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ledger.core import machine
from ledger.core.keys import KEYS, LOGGED, Logged
from ledger.core.machine import NOUNS
from ledger.core.refusals import Refusal
from ledger.core.state import Noun
from ledger.core.words import At, HolderId
from ledger.intake.submission import Prepared, verify
from ledger.log import keys, merkle, salted
from ledger.service.door import Accepted, Outcome
from ledger.service.entries import Salts, entry_row
from ledger.store.log import EntryRow, Head
from tests.core.book import WholeState

Rows = dict[str, list[Any]]  # noun -> its rows, sorted


class MemoryDoor:
    """`verify`, `submit` and `head` as the real door has them."""

    def __init__(self, origin: str, clock: Callable[[], float]):
        self.origin, self._clock = origin, clock
        self.state = WholeState(NOUNS)
        self.entries: list[EntryRow] = []
        self._salts = Salts()

    def head(self) -> Head:
        roots = merkle.Frontier.parse(0, b"").extend([row.leaf_hash for row in self.entries])
        identity = self.entries[0].leaf_hash if self.entries else None
        time = self.entries[-1].time if self.entries else 0
        root = roots.root() if self.entries else None
        return Head(1, "memory", self.origin, identity, len(self.entries), roots.octets(), root, time, "", 0)

    def verify(self, octets: bytes) -> Prepared | Refusal:
        return verify(octets, self.origin, self._key_of, self._root_at)

    def _key_of(self, holder: HolderId, key_id: bytes) -> bytes | None:
        name = f"{self.origin}/{holder.hex()}"
        publics = [key.public for key in self.state.rows[KEYS].values() if key.holder == holder]
        return next((public for public in publics if keys.key_id(name, public) == key_id), None)

    def _root_at(self, size: int) -> bytes | None:
        if not 0 < size <= len(self.entries):
            return None
        return merkle.root([row.leaf_hash for row in self.entries[:size]])

    def submit(self, batch: Sequence[Prepared], checkpoints: Any = ()) -> tuple[list[Outcome], Head]:
        time = max(self.entries[-1].time if self.entries else 0, int(self._clock()))
        return [self._enter(item, time) for item in batch], self.head()

    def _enter(self, item: Prepared, time: int) -> Outcome:
        at = At(len(self.entries), time, item.instruction.id)
        events = machine.decide(self.state, item.instruction, at)
        if not isinstance(events, list):
            return events
        for event in events:
            machine.evolve(self.state, event, at)
        logged = Logged(at.id, at.log_index, item.instruction.text_hash, item.instruction.kind, at.time)
        self.state.rows[LOGGED][logged.id] = logged
        self.entries.append(entry_row(1, item, events, at, self._salts))
        return Accepted(at.log_index)

    def rows(self) -> Rows:
        """Every projected row."""
        return rows_of_state(self.state)


def rows_of_state(state: WholeState) -> Rows:
    """The rows of a whole state by their nouns' names."""
    return {noun.name: sorted(state.rows[noun].values(), key=by_key(noun)) for noun in NOUNS if not noun.read_only}


def by_key(noun: Noun[Any]) -> Callable[[Any], Any]:
    """How rows of a noun are sorted: by what names them."""
    return lambda row: tuple(row[: noun.keys])


def replay(entries: Iterable[EntryRow]) -> WholeState:
    """The state that the event lines of a log make, by evolve alone, in one pass."""
    state = WholeState(NOUNS)
    for row in entries:
        at = At(row.log_index, row.time, row.id)  # type: ignore[arg-type]
        for line in bytes(row.event_lines).split(b"\n"):
            machine.evolve(state, machine.read_event(salted.split(line)[1]), at)
    return state
