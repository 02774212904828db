"""Verify a receipt offline, from its octets, the ledger's origin and its identity alone (docs/formats.md, Receipt).

In this order: the genesis, whose leaf hash is the identity; each key entry in log order; every path, all under the one
checkpoint; the checkpoint, by the operator's key; the note's signatures, its salted lines, the entry. It shows what was
signed and logged; that no entry between ended a key, and that there is no second log, is for witnesses and audits.
"""

import hashlib
from typing import Any, NamedTuple

from ledger.core.forms import BadForm
from ledger.core.keyrings import KeyRotated
from ledger.core.keys import KeyAdded, Signer
from ledger.core.machine import BY_KIND, FORMS, LEGS, read_event
from ledger.core.recoveries import RecoveryCompleted
from ledger.core.words import HolderId
from ledger.log import checkpoint, entry, instruction, keys, merkle, salted
from ledger.log.malformed import Malformed
from ledger.receipts.known import KeyNote, Known
from ledger.receipts.making import RECEIPT
from ledger.receipts.plain import ReceiptError, array, hashes, integer, parse, record, text

__all__ = ["ReceiptError", "Shown", "verify"]

ENTRY_NAMES = ("log_index", "entry", "path")
KEY_EVENTS = (KeyAdded, KeyRotated, RecoveryCompleted)  # which make a key of a member's or delegate's live


class Shown(NamedTuple):
    """What a verified receipt shows. `asked` is the instruction, its legs those that the receipt has, by place;
    `operator` the log index that named the key which signs its checkpoint, and that key."""

    log_index: int
    time: int
    kind: str
    asked: Any
    id: bytes
    signers: tuple[Signer, ...]
    legs: tuple[tuple[int, Any], ...]
    texts: tuple[tuple[str, str], ...]
    events: tuple[Any, ...]
    checkpoint: checkpoint.Checkpoint
    operator: tuple[int, bytes]


def verify(octets: bytes, origin: str, identity: bytes) -> Shown:
    """What the receipt shows; raises ReceiptError."""
    try:
        return _Verifier(parse(octets), origin, identity).shown()
    except (Malformed, BadForm, RecursionError) as error:
        raise ReceiptError(str(error)) from error


class _Verifier:
    def __init__(self, receipt: dict[str, Any], origin: str, identity: bytes):
        self.origin, self.identity = origin, identity
        names = ("receipt", "checkpoint", "entry", "legs", "texts", "events", "keys")
        self.receipt = record(receipt, "receipt", *names)
        if self.receipt["receipt"] != RECEIPT:
            raise ReceiptError(f"receipt: not {RECEIPT!r}")
        self.note = text(self.receipt["checkpoint"], "checkpoint")
        self.claimed = checkpoint.parse(self.note)

    def shown(self) -> Shown:
        known = self._keys()
        main = self._main(known)
        known.check_end()
        checkpoint.verify(self.note, self.origin, known.operator)
        return main

    # --- what made the keys live

    def _keys(self) -> Known:
        entries = array(self.receipt["keys"], "keys")
        if not entries:
            raise ReceiptError("keys: the genesis is missing")
        known = self._genesis(entries[0])
        last = 0
        for n, given in enumerate(entries[1:], 1):
            where = f"keys.{n}"
            by_note = isinstance(given, dict) and "note" in given
            index = self._key_note(known, given, where) if by_note else self._key_event(known, given, where)
            if index <= last:
                raise ReceiptError(f"{where}: not in log order, or repeated")
            last = index
        return known

    def _genesis(self, given: Any) -> Known:
        where = "keys.0"
        index, found = self._entry(record(given, where, *ENTRY_NAMES, "note"), where)
        if index != 0 or found.leaf != self.identity:
            raise ReceiptError(f"{where}: its leaf hash is not the ledger's identity")
        sent = self._note(text(given["note"], where), found.entry, where)
        if sent.kind != "genesis":
            raise ReceiptError(f"{where}: the note is no genesis")
        asked, envelope = FORMS["genesis"].read(sent.object)
        if asked.origin != self.origin:
            raise ReceiptError(f"{where}: a genesis of another origin")
        known, needed = Known(asked), BY_KIND["genesis"].registers(asked, envelope.id)
        if not needed <= self._signatures(sent, known, 0, needed, where):
            raise ReceiptError(f"{where}: an administrator or the clerk has not signed")
        return known

    def _key_event(self, known: Known, given: Any, where: str) -> int:
        index, found = self._entry(record(given, where, *ENTRY_NAMES, "event"), where)
        line = self._line(given["event"], found.entry.events, where)
        event = read_event(salted.split(line)[1])
        if not isinstance(event, KEY_EVENTS):
            raise ReceiptError(f"{where}: the event makes no key live")
        known.add_event(Signer(event.holder, event.key), index, where)
        return index

    def _key_note(self, known: Known, given: Any, where: str) -> int:
        index, found = self._entry(record(given, where, *ENTRY_NAMES, "note"), where)
        sent = self._note(text(given["note"], where), found.entry, where)
        known.add_note(self._signed(sent, known, index, where)[1], where)
        return index

    def _signed(self, sent: instruction.Submission, known: Known, index: int, where: str) -> tuple[Any, KeyNote]:
        """The envelope of a note, and what it asks and who signed it, as far as keys are concerned."""
        if sent.kind not in FORMS:
            raise ReceiptError(f"{where}: a kind {sent.kind!r} that this program does not know")
        asked, envelope = FORMS[sent.kind].read(sent.object)
        new = frozenset(BY_KIND[sent.kind].registers(asked, envelope.id))
        signers = self._signatures(sent, known, index, new, where)
        return envelope, KeyNote(index, sent.kind, asked, envelope.id, new, signers)

    # --- the entry itself

    def _main(self, known: Known) -> Shown:
        given = record(self.receipt["entry"], "entry", *ENTRY_NAMES, "note")
        index, found = self._entry(given, "entry")
        sent = self._note(text(given["note"], "entry.note"), found.entry, "entry")
        if (sent.kind == "genesis") != (index == 0):
            raise ReceiptError("entry: a genesis is the first entry, and the only one")
        envelope, note = self._signed(sent, known, index, "entry")
        known.add_own(note, "entry")
        return Shown(
            index,
            found.entry.time,
            sent.kind,
            note.asked,
            envelope.id,
            tuple(sorted(note.signers)),
            self._legs(sent.kind, note.asked),
            self._texts(sent.kind, note.asked),
            self._events(found.entry.events),
            self.claimed,
            (known.operator_since, known.operator),
        )

    def _legs(self, kind: str, asked: Any) -> tuple[tuple[int, Any], ...]:
        legs, last = [], -1
        for n, given in enumerate(array(self.receipt["legs"], "legs")):
            where = f"legs.{n}"
            if kind not in LEGS:
                raise ReceiptError(f"{where}: an instruction of this kind has no legs")
            line = self._line(given, asked.legs.root, where, asked.legs.number)
            if given["index"] <= last:
                raise ReceiptError(f"{where}: not in order, or repeated")
            last = given["index"]
            legs.append((last, LEGS[kind].read(salted.split(line)[1])[0]))
        return tuple(legs)

    def _texts(self, kind: str, asked: Any) -> tuple[tuple[str, str], ...]:
        roots = {name: asked[place] for name, place in FORMS[kind].texts()}
        texts: dict[str, str] = {}
        last = ""
        for n, given in enumerate(array(self.receipt["texts"], "texts")):
            field = record(given, f"texts.{n}", "field", "line")["field"]
            octets = text(given["line"], f"texts.{n}")
            if not isinstance(field, str) or roots.get(field) != salted.root([octets]):
                raise ReceiptError(f"texts.{n}: not a free text that the note names")
            if field <= last:
                raise ReceiptError(f"texts.{n}: not in order, or repeated")
            texts[field], last = salted.parse_free_text(octets), field
        return tuple(texts.items())

    def _events(self, root: bytes) -> tuple[Any, ...]:
        events, last, counts = [], -1, set()
        for n, given in enumerate(array(self.receipt["events"], "events")):
            line = self._line(given, root, f"events.{n}")
            if given["index"] <= last:
                raise ReceiptError(f"events.{n}: not in order, or repeated")
            last = given["index"]
            counts.add(given["count"])
            events.append(read_event(salted.split(line)[1]))
        if len(counts) > 1:
            raise ReceiptError("events: lines of one entry with two counts")
        return tuple(events)

    # --- parts

    def _entry(self, given: dict[str, Any], where: str) -> tuple[int, "_Found"]:
        """Log index, entry and leaf hash, its path led to the checkpoint."""
        octets = text(given["entry"], f"{where}.entry")
        parsed, leaf = entry.parse(octets), entry.leaf_hash(octets)
        index = integer(given["log_index"], f"{where}.log_index")
        path = hashes(given["path"], f"{where}.path")
        if not merkle.verify_inclusion(leaf, index, self.claimed.size, path, self.claimed.root):
            raise ReceiptError(f"{where}: the path does not lead to the checkpoint's root")
        return index, _Found(parsed, leaf)

    def _note(self, note: bytes, logged: entry.Entry, where: str) -> instruction.Submission:
        if hashlib.sha256(note).digest() != logged.instruction:
            raise ReceiptError(f"{where}: the note is not the one whose hash stands in the entry")
        sent = instruction.parse(note)
        if sent.note != note or sent.origin != self.origin:
            raise ReceiptError(f"{where}: not a note of this ledger's")
        return sent

    def _line(self, given: Any, root: bytes, where: str, count: int | None = None) -> bytes:
        """A salted line, its path led to the root of its list."""
        record(given, where, "line", "index", "count", "path")
        line = text(given["line"], f"{where}.line")
        index, size = integer(given["index"], f"{where}.index"), integer(given["count"], f"{where}.count")
        if count is not None and size != count:
            raise ReceiptError(f"{where}: a list of {size} lines, where the text has {count}")
        path = hashes(given["path"], f"{where}.path")
        if not merkle.verify_inclusion(merkle.leaf_hash(line), index, size, path, root):
            raise ReceiptError(f"{where}: the path does not lead to the root of its list")
        return line

    def _signatures(
        self, sent: instruction.Submission, known: Known, index: int, new: frozenset[Signer], where: str
    ) -> frozenset[Signer]:
        signers = set()
        for line in sent.signatures:
            holder = HolderId(bytes.fromhex(line.name[-32:]))
            public = _key_in_text(line, holder, new) or known.key_of(holder, line.key_id, line.name, index)
            if public is None:
                raise ReceiptError(f"{where}: nothing shows that the key of {line.name} was live")
            if not keys.registrable(public) or not keys.verify(public, line.signature, sent.text):
                raise ReceiptError(f"{where}: the signature of {line.name} does not verify")
            signers.add(Signer(holder, public))
        return frozenset(signers)


class _Found(NamedTuple):
    entry: entry.Entry
    leaf: bytes


def _key_in_text(line: Any, holder: HolderId, new: frozenset[Signer]) -> bytes | None:
    for signer in new:
        if signer.holder == holder and keys.key_id(line.name, signer.public) == line.key_id:
            return signer.public
    return None
