"""Verify a receipt offline, from its octets, the ledger's origin and its identity alone (docs/formats.md, Receipt).

In this order: the genesis, whose leaf hash is the identity; each key entry in log order; every path, all under the one
checkpoint; the checkpoint, by the operator's key; the note's signatures, its salted lines, the entry. It shows what was
signed and logged; that no entry between ended a key, and that there is no second log, is for witnesses and audits.
"""

import hashlib
from typing import Any, NamedTuple

from ledger.core.forms import BadForm
from ledger.core.keys import KeyAdded, Signer
from ledger.core.ledgers import LedgerOpened
from ledger.core.machine import BY_KIND, FORMS, LEGS, read_event
from ledger.core.words import HolderId
from ledger.log import checkpoint, entry, instruction, keys, merkle, salted
from ledger.log.malformed import Malformed
from ledger.receipts.making import RECEIPT
from ledger.receipts.plain import ReceiptError, array, hashes, integer, parse, record, text

__all__ = ["ReceiptError", "Shown", "verify"]

ENTRY_NAMES = ("log_index", "entry", "path")


class Shown(NamedTuple):
    """What a verified receipt shows. `asked` is the instruction, its legs those that the receipt has, by place."""

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


class _Known:
    """What the key entries have shown so far: who may sign, with which key, from which log index on."""

    def __init__(self, genesis: LedgerOpened):
        self.operator = genesis.operator
        holders = (*genesis.administrators, genesis.clerk)
        self.special = {holder for holder, _ in holders}
        self.live = [(Signer(holder, key), 0) for holder, key in holders]
        self.publics = {genesis.operator, *(key for _, key in holders)}

    def key_of(self, holder: bytes, key_id: bytes, name: str, before: int) -> bytes | None:
        """The holder's key with this ID, if an entry before this log index made it live."""
        for signer, since in self.live:
            if signer.holder == holder and since < before and keys.key_id(name, signer.public) == key_id:
                return signer.public
        return None

    def add(self, signer: Signer, since: int, where: str) -> None:
        """A key that an entry after the genesis makes live; raises ReceiptError where it cannot have."""
        if signer.holder in self.special:
            raise ReceiptError(f"{where}: a key of an administrator or the clerk is shown by its note alone")
        if not keys.registrable(signer.public):
            raise ReceiptError(f"{where}: not a point that a key may be")
        if signer.public in self.publics:
            raise ReceiptError(f"{where}: the key has been registered before")
        self.publics.add(signer.public)
        self.live.append((signer, since))

    def check_needed(self, signers: frozenset[Signer], log_index: int) -> None:
        """Raise ReceiptError unless each key entry after the genesis lies before the entry, and is what made a key
        of its signers live."""
        for signer, since in self.live:
            if since >= max(log_index, 1):
                raise ReceiptError(f"keys: entry {since} does not lie before entry {log_index}, whose keys these are")
            if since and signer not in signers:
                raise ReceiptError(f"keys: nothing here is signed by the key of entry {since}")


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
        signed = checkpoint.verify(self.note, self.origin, known.operator)
        return self._main(known, signed)

    # --- what made the keys live

    def _keys(self) -> _Known:
        entries = array(self.receipt["keys"], "keys")
        if not entries:
            raise ReceiptError("keys: the genesis is missing")
        known = self._genesis(entries[0])
        last = 0
        for n, given in enumerate(entries[1:], 1):
            where = f"keys.{n}"
            index = self._key_event(known, given, where)
            if index <= last:
                raise ReceiptError(f"{where}: not in log order, or repeated")
            last = index
        return known

    def _genesis(self, given: Any) -> _Known:
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
        needed = BY_KIND["genesis"].registers(asked, envelope.id)
        signers = self._signatures(sent, _Known(asked), 0, needed, where)
        if not {signer for signer in needed if signer.holder is not None} <= signers:
            raise ReceiptError(f"{where}: an administrator or the clerk has not signed")
        return _Known(asked)

    def _key_event(self, known: _Known, given: Any, where: str) -> int:
        index, found = self._entry(record(given, where, *ENTRY_NAMES, "event"), where)
        line = self._line(given["event"], found.entry.events, where)
        event = read_event(salted.split(line)[1])
        if not isinstance(event, KeyAdded):
            raise ReceiptError(f"{where}: the event makes no key live")
        known.add(Signer(event.holder, event.key), index, where)
        return index

    # --- the entry itself

    def _main(self, known: _Known, signed: checkpoint.Checkpoint) -> Shown:
        given = record(self.receipt["entry"], "entry", *ENTRY_NAMES, "note")
        index, found = self._entry(given, "entry")
        sent = self._note(text(given["note"], "entry.note"), found.entry, "entry")
        if sent.kind not in FORMS:
            raise ReceiptError(f"entry: a kind {sent.kind!r} that this program does not know")
        asked, envelope = FORMS[sent.kind].read(sent.object)
        new = BY_KIND[sent.kind].registers(asked, envelope.id)
        signers = self._signatures(sent, known, index, new, "entry")
        known.check_needed(signers, index)
        self._check_new(known, sent.kind, new, index)
        return Shown(
            index,
            found.entry.time,
            sent.kind,
            asked,
            envelope.id,
            tuple(sorted(signers)),
            self._legs(sent.kind, asked),
            self._texts(sent.kind, asked),
            self._events(found.entry.events),
            signed,
        )

    def _check_new(self, known: _Known, kind: str, new: frozenset[Signer], index: int) -> None:
        """The keys that the entry itself makes live: as of any key entry, and of a genesis only those of this one."""
        if (kind == "genesis") != (index == 0):
            raise ReceiptError("entry: a genesis is the first entry, and the only one")
        for signer in new if index else ():
            known.add(signer, index, "entry")

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
        for n, given in enumerate(array(self.receipt["texts"], "texts")):
            field = record(given, f"texts.{n}", "field", "line")["field"]
            octets = text(given["line"], f"texts.{n}")
            if not isinstance(field, str) or field in texts or roots.get(field) != salted.root([octets]):
                raise ReceiptError(f"texts.{n}: not a free text that the note names")
            texts[field] = salted.parse_free_text(octets)
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
        self, sent: instruction.Submission, known: _Known, index: int, new: frozenset[Signer], where: str
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
