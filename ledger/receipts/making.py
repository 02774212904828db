"""Make a receipt from rows (docs/formats.md, Receipt). Who asks decides what is in it.

A party is a holder who signed the instruction, or whom one of its lines names, by its own id or by an account of its
own. A signer is shown every leg and event of what it signed; another party those that name it. Free texts (a memo,
the reason of a changed limit) are for every party. Nobody else is shown anything.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ledger.log import base64s, entry, salted

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
    path: tuple[bytes, ...]


class KeyEntry(NamedTuple):
    """An entry that made a key live: shown as a whole note, or by the one event line at `event`."""

    proved: Proved
    event: int | None


class Reader(NamedTuple):
    """Who asks: its holder id and the ids of its accounts, as hex."""

    holder: str
    accounts: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Every id that stands for this reader in a line."""
        return self.accounts | {self.holder}


def signer_names(note: bytes) -> list[str]:
    """The holder ids on the signature lines of a stored note, as hex."""
    lines = note.rpartition(b"\n\n")[2].decode().split("\n")[:-1]
    return [line.split(" ")[1][-32:] for line in lines]


def is_party(proved: Proved, reader: Reader) -> bool:
    """Whether the reader signed the instruction, or one of its lines names it."""
    return reader.holder in signer_names(proved.note) or any(
        names_any(line, reader.names) for line in (*proved.legs, *proved.events)
    )


def names_any(line: bytes, names: frozenset[str]) -> bool:
    """Whether the object in a salted line has one of these ids anywhere in it."""
    return any(text in names for text in _strings(json.loads(salted.split(line)[1])))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def make(
    proved: Proved,
    reader: Reader,
    texts: Sequence[tuple[str, bytes]],
    keys: Sequence[KeyEntry],
    checkpoint: bytes,
) -> dict[str, Any] | None:
    """The receipt for this reader, or None where it is no party. `keys` in log order, the genesis first."""
    if not is_party(proved, reader):
        return None
    signed = reader.holder in signer_names(proved.note)
    return {
        "receipt": RECEIPT,
        "checkpoint": checkpoint.decode(),
        "entry": {**_entry(proved), "note": proved.note.decode()},
        "legs": [_line(proved.legs, n) for n in _shown(proved.legs, reader, signed)],
        "texts": [{"field": field, "line": line.decode()} for field, line in sorted(texts)],
        "events": [_line(proved.events, n) for n in _shown(proved.events, reader, signed)],
        "keys": [_key(key) for key in keys],
    }


def _shown(lines: Sequence[bytes], reader: Reader, signed: bool) -> list[int]:
    return [n for n, line in enumerate(lines) if signed or names_any(line, reader.names)]


def _entry(proved: Proved) -> dict[str, Any]:
    octets = entry.encode(proved.time, proved.note_hash, proved.events_root)
    return {"log_index": proved.log_index, "entry": octets.decode(), "path": _path(proved.path)}


def _line(lines: Sequence[bytes], index: int) -> dict[str, Any]:
    path = _path(salted.path(lines, index))
    return {"line": lines[index].decode(), "index": index, "count": len(lines), "path": path}


def _key(key: KeyEntry) -> dict[str, Any]:
    shown = _entry(key.proved)
    if key.event is None:
        return {**shown, "note": key.proved.note.decode()}
    return {**shown, "event": _line(key.proved.events, key.event)}


def _path(hashes: Sequence[bytes]) -> list[str]:
    return [base64s.encode(octets) for octets in hashes]
