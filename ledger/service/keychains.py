"""Which entries made the keys live that a receipt needs: those of its signers, of whoever signed for these, and the
operator's (docs/formats.md, Receipt). Keys of administrators and the clerk lead back to the genesis by notes, so one
receipt may need several; a member's key is one event line, and of most receipts all there is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ledger.core.machine import BY_KIND, FORMS, MONTH
from ledger.log import instruction, notes
from ledger.receipts.making import signature_lines
from ledger.store.log import EntryRow


class SigningKey(NamedTuple):
    """A key that signed: where it became live, and whether its holder is or was an administrator or the clerk."""

    since: int
    public: bytes
    by_note: bool


class Source(Protocol):
    """What is asked of the log."""

    def signing_key(self, line: notes.SignatureLine) -> SigningKey:
        """The key that made a signature line."""

    def key_row(self, log_index: int) -> EntryRow:
        """An entry that made a key live, or changed who governs."""

    def changes_of_administrators(self) -> list[int]:
        """The log indexes of all of them."""

    def index_of(self, id: bytes) -> int:
        """The log index of an instruction."""


def key_entries(source: Source, log_index: int, note: bytes, operator_since: int) -> list[tuple[int, bytes | None]]:
    """Log index of each entry that the receipt of this entry shows after the genesis, in order, and the key that it is
    shown for by its event line, or None where the whole note is shown."""
    chain = _Chain(source)
    chain.need_signers(note, log_index)
    if operator_since not in (0, log_index):
        chain.need_note(operator_since)
    return sorted(chain.needed.items())


class _Chain:
    def __init__(self, source: Source):
        self._source = source
        self.needed: dict[int, bytes | None] = {}

    def need_signers(self, note: bytes, log_index: int) -> None:
        """What made each key live that signed a note, unless the note itself did."""
        for line in signature_lines(note):
            since, public, by_note = self._source.signing_key(line)
            if since == 0 or since >= log_index:
                continue
            if by_note:
                self.need_note(since)
            else:
                self.needed[since] = public

    def need_note(self, log_index: int) -> None:
        """An entry, shown as a note, with all that shows that its signers could sign it."""
        if log_index in self.needed:
            return
        self.needed[log_index] = None
        row = self._source.key_row(log_index)
        assert row.note is not None
        self.need_signers(row.note, log_index)
        if BY_KIND[row.kind].window == MONTH:  # by authority: who had it then must be shown
            for change in self._source.changes_of_administrators():
                if change < log_index:
                    self.need_note(change)
        if row.kind == "complete_recovery":
            self.need_note(self._source.index_of(asked_of(row).recovery))


def asked_of(row: EntryRow) -> Any:
    """The instruction of an entry that made a key live; the notes of those are never erased."""
    assert row.note is not None
    return FORMS[row.kind].read(instruction.parse(row.note).object)[0]


def changes_back(row_at: Callable[[int], EntryRow], latest: int) -> list[int]:
    """The log indexes of a chain of changes, newest first, of which each names the one before it as `was`."""
    found: list[int] = []
    while latest:
        found.append(latest)
        latest = asked_of(row_at(latest)).was
    return found
