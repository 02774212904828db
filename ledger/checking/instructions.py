"""Records compared with the entries that they are of: every octet of a note, a leg or an event line is hashed there."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from ledger.checking.files import Instructions, WrongFile
from ledger.log import base64s, instruction, keys, salted
from ledger.log.entry import Entry
from ledger.log.malformed import Malformed
from ledger.log.records import PERSONAL_FILE, Erased, Record, Texts

_PROFILE = b'"profile":"'
_ERASED = b'"event":"erased"'
_OPERATOR_SET = b'"event":"operator_set"'  # no string in a canonical object holds a quotation mark


class Operator:
    """The keys that sign checkpoints, by the log index of the entry that named each; `first` is there at the start."""

    def __init__(self, first: bytes):
        self._known = [(-1, first)]

    def add(self, since: int, public: bytes) -> None:
        """The key that counts from this entry on."""
        self._known.append((since, public))

    def at(self, size: int) -> bytes:
        """The key that signs the checkpoint of this size, which is from 1 on."""
        return next(public for since, public in reversed(self._known) if since < size)


class Against:
    """Compares the records of a log with its entries, in order, and the free texts with the notes."""

    def __init__(self, folder: Instructions, origin: str, size: int, operator: Operator):
        self._folder, self._origin, self._operator = folder, origin, operator
        self._records, self._texts = folder.records(0, size), folder.texts()
        self._text = next(self._texts, None)
        self.texts = 0  # entries whose free texts have been compared
        self._gaps: dict[int, Erased] = {}  # records without a note that no erasure has named yet

    def compare(self, entry: Entry) -> None:
        """The record of the next entry; raises WrongFile."""
        name, record = next(self._records)
        where = f"entry {record.log_index}"
        try:
            signed = _signed_object(record, entry, self._origin)
            for public in operators_of(record):
                self._operator.add(record.log_index, public)
            self._fill_gaps(record)
        except Malformed as error:
            raise WrongFile(self._folder.shown(name), f"{where}: {error}") from error
        if self._text is not None and self._text.log_index == record.log_index:
            self._compare_texts(self._text, signed)
            self._text = next(self._texts, None)

    def _fill_gaps(self, record: Record) -> None:
        """A note may be missing only where a later entry's event names it, and must be where one does."""
        if record.erased is not None:
            self._gaps[record.log_index] = record.erased
        for log_index, left in erased_by(record):
            if self._gaps.pop(log_index, None) != left:
                raise Malformed(f"it erases entry {log_index}, of which the record says otherwise")

    def _compare_texts(self, text: Texts, signed: dict[str, Any]) -> None:
        for field, line in text.lines.items():
            try:
                salted.parse_free_text(line)
            except Malformed as error:
                raise WrongFile(self._folder.shown(PERSONAL_FILE), f"entry {text.log_index}: {error}") from error
            if signed.get(field) != base64s.encode(salted.root([line])):
                raise WrongFile(self._folder.shown(PERSONAL_FILE), f"entry {text.log_index}: {field} is not the one "
                                "whose hash was signed")  # fmt: skip
        self.texts += 1

    def end(self) -> None:
        """Read what is behind the last entry; raises WrongFile where there is anything, or a note too few."""
        if self._gaps:
            raise WrongFile(self._folder.shown("records"), f"entry {min(self._gaps)}: its note is missing, and no "
                            "erasure names it")  # fmt: skip
        if next(self._records, None) is not None or self._text is not None:
            raise WrongFile(self._folder.shown(PERSONAL_FILE), "has texts of an entry that the log does not have")


def _signed_object(record: Record, entry: Entry, origin: str) -> dict[str, Any]:
    """The signed object of a record whose every octet is the entry's; raises Malformed. Where it was erased, what its
    events say of it: the hash of a profile."""
    if salted.root(record.events) != entry.events:
        raise Malformed("the event lines are not those that were logged")
    if record.note is None:
        if record.legs is not None:
            raise Malformed("legs of a note that was erased")
        return _left_of(record)
    if hashlib.sha256(record.note).digest() != entry.instruction:
        raise Malformed("the note is not the one that was logged")
    signed = object_of(record.note, origin)
    legs = signed.get("legs")
    written = [len(record.legs), base64s.encode(salted.root(record.legs))] if record.legs is not None else None
    if legs != written:
        raise Malformed("the legs are not those that were signed")
    return signed


def _left_of(record: Record) -> dict[str, Any]:
    for line in record.events:
        if _PROFILE in line:
            try:
                return {"profile": json.loads(salted.split(line)[1])["profile"]}
            except (ValueError, KeyError, TypeError) as error:
                raise Malformed("an event line that is no object") from error
    return {}


def object_of(note: bytes, origin: str) -> dict[str, Any]:
    """The signed object of a note of this ledger's; raises Malformed."""
    sent = instruction.parse(note)
    if sent.note != note or sent.origin != origin:
        raise Malformed(f"the note is not one of {origin}")
    try:
        signed = json.loads(sent.object)
    except (ValueError, RecursionError) as error:
        raise Malformed("the note holds no object") from error
    if not isinstance(signed, dict):
        raise Malformed("the note holds no object")
    return signed


def operator_of_genesis(note: bytes, origin: str) -> bytes:
    """The key that a genesis names to sign checkpoints; raises Malformed."""
    operator = object_of(note, origin).get("operator")
    if instruction.parse(note).kind != "genesis" or not isinstance(operator, str):
        raise Malformed("the note is no genesis")
    return keys.decode(operator)


def operators_of(record: Record) -> Iterator[bytes]:
    """The operator's keys that a compared record's events name, other than a genesis; raises Malformed."""
    for line in record.events:
        if _OPERATOR_SET in line:
            try:
                yield keys.decode(json.loads(salted.split(line)[1])["operator"])
            except (ValueError, KeyError, TypeError) as error:
                raise Malformed("an event line that names no operator's key") from error


def erased_by(record: Record) -> Iterator[tuple[int, Erased]]:
    """Log index and what is left of each entry that a compared record's events erase; raises Malformed."""
    for line in record.events:
        if _ERASED in line:
            try:
                said = json.loads(salted.split(line)[1])
                yield said["entry"], Erased(said["id"], said["kind"], base64s.decode(said["text_hash"], 32))
            except (ValueError, KeyError, TypeError) as error:
                raise Malformed("an event line that names no erased entry") from error
