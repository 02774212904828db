"""Make a receipt from rows (docs/formats.md, Receipt). Who asks decides what is in it.

A party is a holder who signed the instruction, or whom one of its lines names, by its own id or by an account of its
own. A signer is shown every leg and event of what it signed, as no event of today's kinds says more than the text;
another party those that name it. Free texts (a memo, the reason of a changed limit) are for every party: no kind with
free texts has more than one member beside those who sign. Nobody else is shown anything.

A line names whom one of its own fields is about, by the field's type: an id that stands in a reference or a `once`
names nobody, and neither does a beneficiary inside a member's facts, which are not the beneficiary's to see.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.core.forms import Form
from ledger.core.machine import EVENT_FORMS, LEGS, read_event
from ledger.core.words import AccountId, HolderId, MemberId
from ledger.log import base64s, entry, instruction, merkle, notes, salted

RECEIPT = "comarca/receipt@v1"


class Proved(NamedTuple):
    """An entry of the log as a receipt needs it: its parts, and its path under the receipt's checkpoint."""

    log_index: int
    time: int
    note: bytes
    note_hash: bytes
    events_root: bytes
    legs: tuple[bytes, ...]
    events: tuple[bytes, ...]
    path: Sequence[str]  # base64


class Reader(NamedTuple):
    """Who asks: its holder id and the ids of its accounts, as hex. `whole`: as an auditor, of whatever entry."""

    holder: str
    accounts: frozenset[str]
    whole: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Every id that stands for this reader in a line."""
        return self.accounts | {self.holder}


@lru_cache(256)  # as what follows, asked several times for each receipt
def signature_lines(note: bytes) -> tuple[notes.SignatureLine, ...]:
    """The signature lines of a stored note."""
    return notes.open_note(note)[1]


@lru_cache(256)
def signer_names(note: bytes) -> frozenset[str]:
    """The holder ids on the signature lines of a stored note, as hex."""
    return frozenset(line.name[-32:] for line in signature_lines(note))


def is_party(proved: Proved, reader: Reader) -> bool:
    """Whether the reader signed the instruction, or one of its lines names it, or it audits."""
    return _sees_all(proved, reader) or bool(_naming_events(proved, reader) or _naming_legs(proved, reader))


def _sees_all(proved: Proved, reader: Reader) -> bool:
    return reader.whole or reader.holder in signer_names(proved.note)


_NAMING = (HolderId, MemberId, AccountId)
_PLACES: dict[type, tuple[int, ...]] = {
    form.form: tuple(place for place, hint in form.references() if hint in _NAMING)
    for form in (*EVENT_FORMS.values(), *LEGS.values())
}


def _naming_events(proved: Proved, reader: Reader) -> list[int]:
    """The places of the event lines that name the reader."""
    lines = _candidates(proved.events, reader)
    return [n for n, text in lines if _names(read_event(text), reader)]


def _naming_legs(proved: Proved, reader: Reader) -> list[int]:
    """The places of the legs that name the reader."""
    lines = list(_candidates(proved.legs, reader))
    if not lines:
        return []
    form: Form[Any] = LEGS[instruction.parse(proved.note).kind]
    return [n for n, text in lines if _names(form.read(text)[0], reader)]


def _candidates(lines: Sequence[bytes], reader: Reader) -> Iterator[tuple[int, bytes]]:
    """Place and JSON of the lines that hold one of the reader's ids somewhere: few of a large bulk's, to be parsed."""
    ids = [name.encode() for name in reader.names]
    for n, line in enumerate(lines):
        if any(id in line for id in ids):
            yield n, salted.split(line)[1]


def _names(value: Any, reader: Reader) -> bool:
    return any(id.hex() in reader.names for id in ids_named(value))


def ids_named(value: Any) -> frozenset[bytes]:
    """The holders, members and accounts that an event or a leg is about, by its fields' types."""
    return frozenset(value[place] for place in _PLACES[type(value)] if value[place] is not None)


def make(
    proved: Proved,
    reader: Reader,
    texts: Sequence[tuple[str, bytes]],
    keys: Sequence[dict[str, Any]],
    checkpoint: bytes,
) -> dict[str, Any] | None:
    """The receipt for this reader, or None where it is no party. `keys` as `key_entry` makes them, in log order, the
    genesis first."""
    if not is_party(proved, reader):
        return None
    all_of_it = _sees_all(proved, reader)
    legs = range(len(proved.legs)) if all_of_it else _naming_legs(proved, reader)
    events = range(len(proved.events)) if all_of_it else _naming_events(proved, reader)
    return {
        "receipt": RECEIPT,
        "checkpoint": checkpoint.decode(),
        "entry": {**_entry(proved), "note": proved.note.decode()},
        "legs": _lines(proved.legs, legs),
        "texts": [{"field": field, "line": line.decode()} for field, line in sorted(texts)],
        "events": _lines(proved.events, events),
        "keys": keys,
    }


def _entry(proved: Proved) -> dict[str, Any]:
    octets = entry.encode(proved.time, proved.note_hash, proved.events_root)
    return {"log_index": proved.log_index, "entry": octets.decode(), "path": proved.path}


def _lines(lines: Sequence[bytes], places: Iterable[int]) -> list[dict[str, Any]]:
    """Some lines of a list with their paths; the list's tree is hashed once for all of them."""
    wanted = list(places)
    paths: Sequence[Sequence[bytes]] = [()] * len(wanted)  # of a line that is alone
    if wanted and len(lines) > 1:
        paths = merkle.batch_paths(merkle.Frontier(), [merkle.leaf_hash(line) for line in lines], wanted)
    return [
        {
            "line": lines[n].decode(),
            "index": n,
            "count": len(lines),
            "path": [base64s.encode(octets) for octets in path],
        }
        for n, path in zip(wanted, paths, strict=True)
    ]


def key_entry(proved: Proved, event: int | None) -> dict[str, Any]:
    """An entry that made a key live: shown as a whole note, or by the one event line at `event`."""
    if event is None:
        return {**_entry(proved), "note": proved.note.decode()}
    return {**_entry(proved), "event": _lines(proved.events, [event])[0]}
