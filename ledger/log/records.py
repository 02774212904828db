"""Records: what a ledger is refilled from, beside the public log, and no part of it. Members' instructions stand here,
so these files are never published.

A file of records goes with an entry bundle. Its first line says whose it is; then one line an entry:

    {"first":256,"origin":"ledger.example/solana","records":"comarca/records@v1"}
    {"events":["<salted line>"],"legs":["<salted line>"],"log_index":256,"note":"comarca/instruction@v1 ..."}

`legs` is there where the instruction has some. Of an erased note `erased` stands in its place: [id, kind, base64 of the
text's SHA-256]. Free texts and profiles are personal data, may be left out, and have one file of their own:

    {"origin":"ledger.example/solana","personal":"comarca/personal@v1"}
    {"log_index":256,"texts":{"memo":"<salted line>"}}

Each line is JSON in one spelling: names in order, no spaces, nothing escaped that need not be; so no octet of it can be
changed without that being seen.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ledger.log import base64s, tiles
from ledger.log.instruction import ID, KIND
from ledger.log.malformed import Malformed

RECORDS, PERSONAL = "comarca/records@v1", "comarca/personal@v1"
PERSONAL_FILE = "personal.jsonl"
_ENTRIES = "tile/entries/"


class Erased(NamedTuple):
    """What is kept of an instruction whose note was erased: id in hex, kind, SHA-256 of the signed text."""

    id: str
    kind: str
    text_hash: bytes


class Record(NamedTuple):
    """One entry's note (None: erased), legs (None: it has none) and event lines."""

    log_index: int
    note: bytes | None
    legs: tuple[bytes, ...] | None
    events: tuple[bytes, ...]
    erased: Erased | None = None


class Texts(NamedTuple):
    """One entry's free texts that are kept, by field."""

    log_index: int
    lines: Mapping[str, bytes]


def records_path(number: int, width: int = tiles.WIDTH) -> str:
    """Where the records of a bundle stand.

    >>> records_path(1_234_067, 112)
    'records/x001/x234/067.p/112.jsonl'
    """
    return f"records/{tiles.tile_path(None, number, width).removeprefix(_ENTRIES)}.jsonl"


# --- writing


def write_records(origin: str, first: int, records: Iterable[Record]) -> Iterator[bytes]:
    """The lines of a file of records, each with its LF."""
    yield _line({"records": RECORDS, "origin": origin, "first": first})
    for record in records:
        said: dict[str, Any] = {"log_index": record.log_index, "events": _texts(record.events)}
        if record.legs is not None:
            said["legs"] = _texts(record.legs)
        if record.note is not None:
            said["note"] = record.note.decode()
        elif record.erased is not None:
            said["erased"] = [*record.erased[:2], base64s.encode(record.erased.text_hash)]
        yield _line(said)


def write_personal(origin: str, texts: Iterable[Texts]) -> Iterator[bytes]:
    """The lines of the file of personal data, each with its LF."""
    yield _line({"personal": PERSONAL, "origin": origin})
    for one in texts:
        yield _line({"log_index": one.log_index, "texts": {name: line.decode() for name, line in one.lines.items()}})


def _texts(lines: Iterable[bytes]) -> list[str]:
    return [line.decode() for line in lines]


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


# --- reading


def read_records(lines: Iterable[bytes], origin: str, first: int, count: int) -> Iterator[Record]:
    """The records in a file's lines, of `count` entries from `first` on; raises Malformed. They are not compared with
    their entries."""
    found = iter(lines)
    _check_header(found, {"records": RECORDS, "origin": origin, "first": first})
    for log_index in range(first, first + count):
        line = next(found, None)
        if line is None:
            raise Malformed(f"it ends before entry {log_index}")
        yield _record(line, log_index)
    if next(found, None) is not None:
        raise Malformed(f"it goes on after entry {first + count - 1}")


def read_personal(lines: Iterable[bytes], origin: str) -> Iterator[Texts]:
    """The free texts in a file's lines, in the order of the log; raises Malformed."""
    found, last = iter(lines), -1
    _check_header(found, {"personal": PERSONAL, "origin": origin})
    for line in found:
        said = _parsed(line, "a line of texts", {"log_index", "texts"})
        log_index, texts = said["log_index"], said["texts"]
        if type(log_index) is not int or log_index <= last or not isinstance(texts, dict) or not texts:
            raise Malformed(f"after entry {last}: a line that is out of its order or has no texts")
        last = log_index
        yield Texts(log_index, {name: _octets(text, f"entry {log_index}: {name}") for name, text in texts.items()})


def _check_header(lines: Iterator[bytes], wanted: Mapping[str, Any]) -> None:
    if next(lines, None) != _line(wanted):
        raise Malformed(f"its first line is not {_line(wanted).decode().strip()}")


def _record(line: bytes, log_index: int) -> Record:
    where = f"entry {log_index}"
    said = _parsed(line, where, {"events", "log_index"}, {"erased", "legs", "note"})
    if said["log_index"] != log_index or type(said["log_index"]) is not int:
        raise Malformed(f"{where}: the line says that it is of another")
    if ("note" in said) == ("erased" in said):
        raise Malformed(f"{where}: a note, or else what is left of one, belongs there")
    note = _octets(said["note"], f"{where}: note") if "note" in said else None
    legs = _lines(said["legs"], f"{where}: legs") if "legs" in said else None
    erased = None if note is not None else _erased(said["erased"], where)
    return Record(log_index, note, legs, _lines(said["events"], f"{where}: events"), erased)


def _erased(said: Any, where: str) -> Erased:
    if not isinstance(said, list) or len(said) != 3 or not all(isinstance(one, str) for one in said):
        raise Malformed(f"{where}: erased is not [id, kind, hash]")
    id, kind, text_hash = said
    if not ID.fullmatch(id) or not KIND.fullmatch(kind):
        raise Malformed(f"{where}: erased: not an id and a kind")
    return Erased(id, kind, base64s.decode(text_hash, 32))


def _parsed(line: bytes, where: str, names: set[str], more: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    """The object of a line, in the one spelling that it may have."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{where}: not a line of JSON") from error
    if not isinstance(said, dict) or not names <= set(said) <= names | more:
        raise Malformed(f"{where}: not an object of {', '.join(sorted(names | more))}")
    try:
        if _line(said) != line:
            raise Malformed(f"{where}: not in the one spelling of its JSON")
    except (UnicodeEncodeError, RecursionError) as error:
        raise Malformed(f"{where}: not UTF-8") from error
    return said


def _lines(said: Any, where: str) -> tuple[bytes, ...]:
    if not isinstance(said, list) or not said:
        raise Malformed(f"{where}: not a list of lines")
    return tuple(_octets(line, where) for line in said)


def _octets(said: Any, where: str) -> bytes:
    if not isinstance(said, str):
        raise Malformed(f"{where}: not a text")
    return said.encode()
