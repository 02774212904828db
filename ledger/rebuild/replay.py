"""Replay entries into projections, a chunk at a time, in memory that does not grow with the log.

A chunk's rows are loaded by what its events refer to, and evolved, as a batch's are. What the references did not tell
is loaded when it is missed: `evolve` reads all before it puts anything, so it can be tried again. Rows stay in memory
for the chunks after, as most are of accounts that pay again, and are saved when there are many of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.engine import Connection

from ledger.ambient.collector import uncollected
from ledger.core import machine
from ledger.core.keys import KEYRINGS
from ledger.core.machine import EVENT_FORMS, NOUNS, REFERENCES
from ledger.core.state import NotLoaded, Noun, State, made
from ledger.core.words import At, HolderId, InstructionId
from ledger.log import salted
from ledger.store.log import EntryRow
from ledger.store.rows import Rows, quoted, rows_of

CHUNK = 1000  # entries, and
OCTETS = 8 * 1024 * 1024  # of their notes, legs and event lines: a bulk of 4,096 legs alone is a megabyte
HELD = 10_000  # rows in memory, from which on they are saved and forgotten
# What events of a holder come to is written on its keyring.
_NOUNS = {HolderId: KEYRINGS} | {hint: noun for hint, noun in REFERENCES.items() if not noun.read_only}
_REFERENCES: dict[type, tuple[tuple[int, Noun[Any]], ...]] = {
    form.form: tuple((place, _NOUNS[hint]) for place, hint in form.references() if hint in _NOUNS)
    for form in EVENT_FORMS.values()
}


class Happened(NamedTuple):
    """Of an entry, what its replay needs."""

    log_index: int
    id: bytes
    time: int
    event_lines: bytes


E = TypeVar("E", EntryRow, Happened)


def read_entries(connection: Connection, ledger_id: int, start: int, end: int) -> Iterator[list[EntryRow]]:
    """The stored entries of log indexes [start, end), in chunks, in order.

    By the driver, so that a value is what the database has, of whatever type.
    """
    return _read(connection, ledger_id, start, end, EntryRow)


def read_happened(connection: Connection, ledger_id: int, start: int, end: int) -> Iterator[list[Happened]]:
    """Of the same entries, in the same chunks, what their replay needs."""
    return _read(connection, ledger_id, start, end, Happened)


def _read(connection: Connection, ledger_id: int, start: int, end: int, row: type[E]) -> Iterator[list[E]]:
    driver, columns = rows_of(connection, ledger_id).driver, quoted(row._fields)
    for first, last in _chunks(driver, ledger_id, start, end):
        yield [made(row, found) for found in driver.execute(_select(columns, ledger_id, first, last))]


def _chunks(driver: Any, ledger_id: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges of log indexes whose entries are neither too many nor, together, too long."""
    length = 'coalesce(length("note"), 0) + coalesce(length("legs"), 0) + length("event_lines")'
    for first in range(start, end, CHUNK):
        after = min(first + CHUNK, end)
        octets = 0
        for index, size in driver.execute(_select(f'"log_index", {length}', ledger_id, first, after)):
            octets += size
            if octets > OCTETS and index > first:
                yield first, index
                first, octets = index, size
        yield first, after


def _select(columns: str, ledger_id: int, first: int, after: int) -> str:
    return (
        f'SELECT {columns} FROM "entry" WHERE "ledger_id" = {ledger_id} '
        f'AND "log_index" >= {first} AND "log_index" < {after} ORDER BY "log_index"'
    )


def events_of(entry: EntryRow | Happened) -> list[Any]:
    """The events of a stored entry; raises BadForm or Malformed, also for one that this program does not know."""
    return [machine.read_event(salted.text_of(line)) for line in entry.event_lines.split(b"\n")]


def at_of(entry: EntryRow | Happened) -> At:
    """Where and when an entry stands."""
    return At(entry.log_index, entry.time, InstructionId(entry.id))


def references(events: Iterable[Any]) -> Iterator[tuple[Noun[Any], Any]]:
    """The rows that events refer to, as far as their types tell."""
    for event in events:
        for place, noun in _REFERENCES[type(event)]:
            if event[place] is not None:
                yield noun, event[place]


def evolve(rows: Rows, state: State, event: Any, at: At) -> None:
    """Apply an event, loading what it misses."""
    while True:
        try:
            return machine.evolve(state, event, at)
        except NotLoaded as missing:
            state.fill(missing.noun, rows.load(missing.noun, [missing.key]))


class Replay:
    """Brings projections from before some entries to after them, a chunk at a time; `save` ends it."""

    def __init__(self, rows: Rows):
        self._rows, self._state = rows, State(NOUNS)

    def add(self, entries: Sequence[EntryRow | Happened]) -> None:
        """The next chunk."""
        with uncollected():
            self._add(entries)

    def _add(self, entries: Sequence[EntryRow | Happened]) -> None:
        events = [(at_of(entry), event) for entry in entries for event in events_of(entry)]
        self._load(references(event for _, event in events))
        for at, event in events:
            evolve(self._rows, self._state, event, at)
        if self._state.held > HELD:
            self.save()

    def save(self) -> None:
        """Write what has changed, and forget it."""
        self._rows.save(self._state)
        self._state = State(NOUNS)

    def _load(self, wanted: Iterable[tuple[Noun[Any], Any]]) -> None:
        keys: dict[Noun[Any], dict[Any, None]] = {}
        for noun, key in wanted:
            if key not in self._state.rows[noun]:
                keys.setdefault(noun, {})[key] = None
        for noun, named in keys.items():
            self._state.fill(noun, self._rows.load(noun, list(named)))


def replay(rows: Rows, entries: Sequence[EntryRow | Happened]) -> None:
    """Bring the projections from before these entries to after them."""
    chunk = Replay(rows)
    chunk.add(entries)
    chunk.save()
