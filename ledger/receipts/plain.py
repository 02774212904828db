"""Strict JSON of receipts: every object has exactly the names it should have, and numbers are whole numbers."""

import json
from collections.abc import Sequence
from typing import Any

from ledger.log import base64s, merkle

MOST = 64 * 1024 * 1024  # octets of a receipt's file
DIGITS = 18


class ReceiptError(Exception):
    """The receipt proves nothing as it is; the message says at which part and why."""


def parse(octets: bytes) -> Any:
    """The JSON value of a receipt's octets: no floats, no name twice, nothing that is not UTF-8."""
    if len(octets) > MOST:
        raise ReceiptError(f"a receipt of {len(octets)} octets")
    try:
        return json.loads(octets.decode(), object_pairs_hook=_without_repeats, parse_int=_whole, parse_float=_no_float,
                          parse_constant=_no_float)  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise ReceiptError(f"not a JSON text: {error}") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _whole(written: str) -> int:
    if len(written) > DIGITS or not written.isdecimal():
        raise ValueError(f"{written[:20]} is no place, count or log index")
    return int(written)


def _no_float(written: str) -> Any:
    raise ValueError(f"{written[:20]} is no integer")


def record(value: Any, where: str, *names: str) -> dict[str, Any]:
    """An object that has exactly these names."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise ReceiptError(f"{where}: an object of {', '.join(names)}")
    return value


def array(value: Any, where: str) -> Sequence[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ReceiptError(f"{where}: a list")
    return value


def text(value: Any, where: str) -> bytes:
    """The octets of a string."""
    if not isinstance(value, str):
        raise ReceiptError(f"{where}: a string")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ReceiptError(f"{where}: a lone surrogate") from error


def integer(value: Any, where: str) -> int:
    """A whole number; true is none."""
    if type(value) is not int:
        raise ReceiptError(f"{where}: a whole number")
    return value


def hashes(value: Any, where: str) -> list[bytes]:
    """A path: at most 63 hashes of 32 octets."""
    written = array(value, where)
    if len(written) > merkle.PATH_MOST:
        raise ReceiptError(f"{where}: longer than any path")
    return [base64s.decode(text(one, where).decode(), merkle.HASH) for one in written]
