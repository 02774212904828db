"""What the key entries of a receipt show: who governs the ledger and runs it, and which keys may have signed.

Keys of administrators, operator and clerk are shown by notes, each signed by as many administrators as the authority
shown so far asks; a member's or delegate's by the one event line that made it live (docs/formats.md, Receipt).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.core.keyrings import AddKey, RotateKey
from ledger.core.keys import Signer
from ledger.core.ledgers import LedgerOpened, enough
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import CompleteRecovery, Recover
from ledger.core.refusals import Refused
from ledger.core.words import HolderId
from ledger.log import keys
from ledger.receipts.plain import ReceiptError


class KeyNote(NamedTuple):
    """A key entry that is shown as a note: its index, what it asks, the keys that it registers, those that signed."""

    log_index: int
    kind: str
    asked: Any
    id: bytes
    new: frozenset[Signer]
    signers: frozenset[Signer]


class Known:
    """What key entries have shown so far. Raises ReceiptError where one does not follow from those before it."""

    def __init__(self, genesis: LedgerOpened):
        self.operator = genesis.operator
        self._administrators = {holder for holder, _ in genesis.administrators}
        self._authority = {kind: quorum.k for kind, quorum in genesis.authority}
        self._clerk = genesis.clerk.holder
        holders = (*genesis.administrators, genesis.clerk)
        self._special = {holder for holder, _ in holders}
        self._by_event: set[HolderId] = set()
        self._live = [(Signer(holder, key), 0) for holder, key in holders]
        self._publics = {genesis.operator, *(key for _, key in holders)}
        self._recoveries: dict[bytes, tuple[int, Signer]] = {}
        self._changed = 0  # the last change of administrators
        self.operator_since = 0
        self._shown: set[int] = set()  # the entries beside the genesis, and
        self._used: set[int] = set()  # those without which something would not have been shown

    def key_of(self, holder: bytes, key_id: bytes, name: str, before: int) -> bytes | None:
        """The holder's key with this ID, if an entry before this log index made it live."""
        for signer, since in self._live:
            if signer.holder == holder and since < before and keys.key_id(name, signer.public) == key_id:
                self._used.add(since)
                return signer.public
        return None

    def add_event(self, signer: Signer, since: int, where: str) -> None:
        """A key that an event line makes live."""
        self._by_event.add(signer.holder)
        self._shown.add(since)
        self.add(signer, since, where)

    def add(self, signer: Signer, since: int, where: str) -> None:
        """A key that an entry after the genesis makes live."""
        self._register(signer.public, where)
        self._live.append((signer, since))

    def add_note(self, note: KeyNote, where: str) -> None:
        """What an entry that is shown as a note makes live."""
        if note.kind not in _NOTES:
            raise ReceiptError(f"{where}: a note of the kind {note.kind} makes no key live")
        self._shown.add(note.log_index)
        if not note.new <= note.signers:
            raise ReceiptError(f"{where}: a key that the note names has not signed it")
        _NOTES[note.kind](self, note, where)

    def add_own(self, note: KeyNote, where: str) -> None:
        """The keys that the receipt's own entry makes live, if it was not shown as a key entry already."""
        if note.kind == "set_operator" and note.log_index > self.operator_since:
            self._operator_set(note, where)
        for signer in sorted(note.new):
            if signer.holder in self._special and note.kind not in _NOTES and note.log_index:
                raise ReceiptError(f"{where}: a key of an administrator or the clerk is shown by its note alone")
            if note.log_index and (signer, note.log_index) not in self._live:
                self.add(signer, note.log_index, where)

    def check_end(self) -> None:
        """Raise ReceiptError unless all that was shown was needed, and nobody's key was shown in the wrong way."""
        if self._special & self._by_event:
            raise ReceiptError("keys: a key of an administrator or the clerk is shown by its note alone")
        if superfluous := sorted(self._shown - self._used - {self.operator_since}):
            raise ReceiptError(f"keys: nothing here is signed by the key of entry {superfluous[0]}")

    # --- the kinds of notes

    def _administrators_set(self, note: KeyNote, where: str) -> None:
        asked: SetAdministrators = note.asked
        if asked.was != self._changed:
            raise ReceiptError(f"{where}: the change of administrators before it is not shown")
        authority = {kind: quorum.k for kind, quorum in asked.authority}
        old = self._enough(note, where)
        new = _enough(set(asked.administrators), _asked_of(authority, note.kind), note.signers, where)
        self._only(note, old | new | note.new, where)
        self._used.add(self._changed)
        self._administrators, self._authority, self._changed = set(asked.administrators), authority, note.log_index
        self._special |= self._administrators
        for signer in sorted(note.new):
            self.add(signer, note.log_index, where)

    def _operator_set(self, note: KeyNote, where: str) -> None:
        asked: SetOperator = note.asked
        self._only(note, self._enough(note, where), where)
        self._register(asked.operator, where)
        self.operator, self.operator_since = asked.operator, note.log_index

    def _clerk_set(self, note: KeyNote, where: str) -> None:
        asked: SetClerk = note.asked
        if asked.clerk.holder != self._clerk:
            raise ReceiptError(f"{where}: not the clerk")
        self._only(note, self._enough(note, where) | note.new, where)
        self.add(Signer(*asked.clerk), note.log_index, where)

    def _key_changed(self, note: KeyNote, where: str) -> None:
        asked: AddKey | RotateKey = note.asked
        self._check_special(asked.holder, where)
        own = frozenset(signer for signer in note.signers if signer.holder == asked.holder)
        if not own - note.new:
            raise ReceiptError(f"{where}: no live key of the holder has signed")
        self._only(note, own, where)
        self.add(Signer(asked.holder, asked.key), note.log_index, where)

    def _recovery_started(self, note: KeyNote, where: str) -> None:
        asked: Recover = note.asked
        self._check_special(asked.holder, where)
        self._only(note, self._enough(note, where) | note.new, where)
        self._recoveries[note.id] = note.log_index, Signer(asked.holder, asked.key)

    def _recovery_completed(self, note: KeyNote, where: str) -> None:
        asked: CompleteRecovery = note.asked
        started, signer = self._recoveries.pop(asked.recovery, (0, None))
        if signer != Signer(asked.holder, asked.key):
            raise ReceiptError(f"{where}: the recovery that it completes is not shown")
        self._only(note, note.new, where)
        self._used.add(started)
        self.add(signer, note.log_index, where)

    # --- parts

    def _register(self, public: bytes, where: str) -> None:
        if not keys.registrable(public):
            raise ReceiptError(f"{where}: not a point that a key may be")
        if public in self._publics:
            raise ReceiptError(f"{where}: the key has been registered before")
        self._publics.add(public)

    def _enough(self, note: KeyNote, where: str) -> frozenset[Signer]:
        self._used.add(self._changed)
        return _enough(self._administrators, _asked_of(self._authority, note.kind), note.signers, where)

    def _only(self, note: KeyNote, used: frozenset[Signer], where: str) -> None:
        if not note.signers <= used:
            raise ReceiptError(f"{where}: a signature of somebody who has no part in it")

    def _check_special(self, holder: HolderId, where: str) -> None:
        if holder not in self._special:
            raise ReceiptError(f"{where}: the key of a holder that is no administrator is shown by its event alone")


def _asked_of(authority: dict[str, int], kind: str) -> int:
    k = authority.get(kind) or authority.get("any")
    if k is None:
        raise ReceiptError("keys: an authority without `any`")
    return k


def _enough(administrators: set[HolderId], k: int, signers: frozenset[Signer], where: str) -> frozenset[Signer]:
    try:
        return enough(administrators, k, signers)
    except Refused as refused:
        raise ReceiptError(f"{where}: signed by fewer administrators than {k}") from refused


_NOTES: dict[str, Callable[[Known, KeyNote, str], None]] = {
    "set_administrators": Known._administrators_set,
    "set_operator": Known._operator_set,
    "set_clerk": Known._clerk_set,
    "add_key": Known._key_changed,
    "rotate_key": Known._key_changed,
    "recover": Known._recovery_started,
    "complete_recovery": Known._recovery_completed,
}
