"""In the order of the log: each instruction decided again at its log index and time, its events compared, evolved.

The state is a scratch database that holds what the log before the entry comes to, and nothing of the audited tables.
Rows stay in memory from chunk to chunk, and are saved when there are many of them.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from ledger.ambient.collector import uncollected
from ledger.audit.evidence import Evidence
from ledger.audit.fault import Fault, at_entry
from ledger.audit.tree import Tree
from ledger.core import cancels, machine
from ledger.core.accounts import ACCOUNTS, Moved
from ledger.core.forms import BadForm
from ledger.core.keys import KEYS, LOGGED, NAMED, Logged
from ledger.core.ledgers import LedgerOpened, PolicySet
from ledger.core.machine import NOUNS, Repeat, Verified
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, Noun, State, made
from ledger.core.words import Anchor, At
from ledger.log import salted
from ledger.rebuild.replay import HELD, at_of, evolve
from ledger.store.errors import StoreError, Unbalanced
from ledger.store.log import EntryRow
from ledger.store.rows import LostUpdate, Rows, rows_of

ASKED_ONCE = (LOGGED, NAMED, cancels.CANCELLED)  # the nouns that an instruction is looked up in by its own id


class Again:
    """Replays one ledger. `replayed` are the rows of the scratch database, `connection` is the audited one's."""

    def __init__(self, replayed: Rows, connection: Connection, tree: Tree):
        self._replayed, self._tree = replayed, tree
        self._audited = rows_of(connection, replayed.ledger_id)
        self._state = State(NOUNS)
        self._saved = self._next = 0  # the log indexes before which all is saved, and all is replayed

    def replay(self, rows: Sequence[EntryRow], evidence: Sequence[Evidence]) -> None:
        """Bring the state, and the tree, from before these entries to after them; raises Fault."""
        if rows:
            with uncollected():
                self._replay(rows, evidence)

    def _replay(self, rows: Sequence[EntryRow], evidence: Sequence[Evidence]) -> None:
        start = rows[0].log_index
        self._fill(start, evidence)
        for row, found in zip(rows, evidence, strict=True):
            self._enter(row, found, start)
        self._next = rows[-1].log_index + 1
        if self._state.before[KEYS] or self._state.held > HELD:  # keys are read by whoever looks ahead
            self.save()

    def save(self) -> None:
        """Bring the scratch database to where the state is, and forget that; raises Fault."""
        try:
            self._replayed.save(self._state)
        except (Unbalanced, LostUpdate, IntegrityError, sqlite3.IntegrityError) as error:
            where = f"entries {self._saved} to {self._next - 1}"
            raise Fault(where, f"break a rule of every state: {error}") from error
        self._state, self._saved = State(NOUNS), self._next

    def _fill(self, start: int, evidence: Sequence[Evidence]) -> None:
        wanted = machine.footprints(found.instruction for found in evidence if found.instruction is not None)
        for noun in ASKED_ONCE:
            self._state.forget(noun)
        for noun, keys in wanted.items():
            known = self._state.rows[noun]
            if unknown := [key for key in keys if key not in known]:
                known.update(self._load(noun, unknown, start))

    def _enter(self, row: EntryRow, found: Evidence, start: int) -> None:
        state, at = self._state, at_of(row)
        if found.instruction is None:
            events = _logged_events(row)
        else:
            instruction = self._answered(found.instruction, found.anchor)
            events = _compared(self._decide(instruction, at, start), row)
        for event in events:
            evolve(self._replayed, state, event, at)
        check_limits(state, events, at)
        state.rows[LOGGED][at.id] = made(Logged, (at.id, at.log_index, row.text_hash, row.kind, row.time))
        self._tree.grow(row.leaf_hash)

    def _answered(self, instruction: Verified, anchor: Anchor | None) -> Verified:
        """The instruction with what the log before the entry says to its anchor."""
        if anchor is None or (root := self._tree.root_at(anchor.size)) == anchor.root:
            return instruction
        return instruction._replace(anchor="ahead" if root is None else "wrong")

    def _decide(self, instruction: Verified, at: At, start: int) -> machine.Outcome:
        while True:
            try:
                return machine.decide(self._state, instruction, at)
            except NotLoaded as missing:
                self._state.fill(missing.noun, self._load(missing.noun, [missing.key], start))

    def _load(self, noun: Noun[Any], keys: list[Any], start: int) -> dict[Any, Any]:
        return self._logged_before(start, keys) if noun is LOGGED else self._replayed.load(noun, keys)

    def _logged_before(self, start: int, wanted: list[Any]) -> dict[Any, Any]:
        """The ids in the log before a chunk: entries whose columns have been compared with their notes.

        Where an id stands twice, the one that came first counts; of what comes later not even the types are known.
        """
        found: dict[Any, Any] = dict.fromkeys(wanted)
        rows = map(Logged._make, self._audited.select(LOGGED, wanted))
        found.update((row.id, row) for row in rows if type(row.log_index) is int and row.log_index < start)
        return found


def _compared(outcome: machine.Outcome, row: EntryRow) -> list[Any]:
    """The events that were decided again, if they are to the octet those that stand in the log; raises Fault."""
    if isinstance(outcome, list) and [machine.write_event(event).encode() for event in outcome] == _texts(row):
        return outcome
    logged = _logged_events(row)
    if isinstance(outcome, Repeat):
        raise at_entry(row.log_index, f"its id is in the log already, at {outcome.log_index}")
    if not isinstance(outcome, Refusal):
        raise at_entry(row.log_index, "its events are not those that its instruction comes to")
    if (rules := _unknown_rules(logged)) is not None:
        raise StoreError(f"entry {row.log_index}: {machine.UnknownRules(rules)}")
    raise at_entry(row.log_index, f"decided again, it is refused: {outcome.reason} {dict(outcome.details)}")


def _texts(row: EntryRow) -> list[bytes]:
    """The JSON of each event line; that they are salted lines has been seen."""
    return [salted.text_of(line) for line in row.event_lines.split(b"\n")]


def _logged_events(row: EntryRow) -> list[Any]:
    try:
        return [machine.read_event(octets) for octets in _texts(row)]
    except BadForm as error:
        raise at_entry(row.log_index, f"an event line is not one: {error}") from error


def _unknown_rules(events: Iterable[Any]) -> str | None:
    """The number of rules that events set and this release does not know: it cannot tell whether they are right."""
    for event in events:
        if isinstance(event, LedgerOpened) and str(event.rules) not in machine.BY_RULES:
            return str(event.rules)
        if isinstance(event, PolicySet) and event.feature == "rules" and event.body not in machine.BY_RULES:
            return event.body
    return None


def check_limits(state: State, events: Iterable[Any], at: At) -> None:
    """The limits of every account whose position the entry worsened, once more and not by the rules' own code."""
    net: dict[Any, int] = {}
    for event in events:
        if isinstance(event, Moved):
            net[event.payer] = net.get(event.payer, 0) - event.amount
            net[event.payee] = net.get(event.payee, 0) + event.amount
    for id, change in net.items():
        account = state.row(ACCOUNTS, id)
        if change < 0 and account.balance - account.held < account.floor:
            raise at_entry(at.log_index, f"account {id.hex()} is below its floor: {account.balance}")
        if change > 0 and account.balance > account.ceiling:
            raise at_entry(at.log_index, f"account {id.hex()} is above its ceiling: {account.balance}")
