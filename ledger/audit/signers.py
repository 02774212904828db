"""Whose keys the signatures of a chunk are verified with, while the chunks before it are still to be replayed."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ledger.audit.evidence import Operator, signer_ids
from ledger.core import machine
from ledger.core.forms import BadForm
from ledger.core.keyrings import KeyRotated
from ledger.core.keys import KEYS, KeyAdded
from ledger.core.ledgers import LedgerOpened
from ledger.core.offices import ClerkSet, OperatorSet
from ledger.core.recoveries import RecoveryStarted
from ledger.log import salted
from ledger.store.log import EntryRow
from ledger.store.rows import Rows

REMEMBERED = 20_000  # holders
REGISTERING = (KeyAdded, KeyRotated, RecoveryStarted, ClerkSet)  # the events that give a holder a key


class Signers:
    """The public keys of holders: replayed ones, and those of entries that are still to be replayed.

    Whether a key was live at its entry is decided by the replay. A replayed chunk that registers keys is in the
    scratch database at once, whatever else of it is still in memory (ledger/audit/again.py).
    """

    def __init__(self, replayed: Rows):
        self._replayed = replayed
        self._remembered: dict[bytes, list[bytes]] = {}  # what the scratch database has of those who signed lately
        self._unsettled: deque[dict[bytes, list[bytes]]] = deque()  # what chunks still to be replayed register
        self.operators: list[Operator] = []

    def expect(self, rows: Iterable[EntryRow]) -> None:
        """A chunk is about to be verified, and replayed later."""
        self._unsettled.append({})
        for row in rows:
            for event in _registering(row):
                if isinstance(event, REGISTERING):
                    self._unsettled[-1].setdefault(event.holder, []).append(event.key)
                elif isinstance(event, (LedgerOpened, OperatorSet)):
                    self.operators.append((row.log_index, event.operator))

    def settle(self) -> None:
        """The first of the chunks that were expected has been replayed."""
        for holder in self._unsettled.popleft():
            self._remembered.pop(holder, None)

    def publics(self, rows: Iterable[EntryRow]) -> dict[bytes, list[bytes]]:
        """The keys of those who signed these entries, which have been expected."""
        holders = {holder for row in rows for holder in signer_ids(row)}
        if len(self._remembered) > REMEMBERED:
            self._remembered = {}
        self._remember([holder for holder in holders if holder not in self._remembered])
        more = [keys for keys in self._unsettled if keys]
        return {holder: self._remembered[holder] + [key for keys in more for key in keys.get(holder, ())]
                for holder in holders}  # fmt: skip

    def _remember(self, holders: Sequence[bytes]) -> None:
        if not holders:
            return
        self._remembered |= {holder: [] for holder in holders}
        marks = ",".join("?" * len(holders))
        sql = (f'SELECT "holder", "public" FROM "{KEYS.name}" '
               f'WHERE "ledger_id" = {self._replayed.ledger_id} AND "holder" IN ({marks})')  # fmt: skip
        for holder, public in self._replayed.driver.execute(sql, holders):
            self._remembered[holder].append(public)


def _registering(row: EntryRow) -> Iterator[Any]:
    """The events of an entry that may register a key; what cannot be read is found elsewhere."""
    if b'"key":"' not in row.event_lines and b'"operator":"' not in row.event_lines:
        return
    for line in row.event_lines.split(b"\n"):
        if b'"key":"' in line or b'"operator":"' in line:
            try:
                yield machine.read_event(salted.text_of(line))
            except BadForm:
                continue
