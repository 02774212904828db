"""The payments of a bulk as a file: many payees of one payer, to be signed at once.

CSV with the columns payee and amount, and where wanted purpose, ref, once; amounts are decimals of the unit. Or JSON:
an array of objects with the same names, amounts being whole minor units as everywhere in JSON.
"""

import csv
import io
import json
from typing import Any

from ledger.core.forms import BadForm, Form
from ledger.core.transfers import Leg
from ledger.files.amounts import BadAmount, minor_units
from ledger.files.payments import BadFile, columns_of

LEG: Form[Leg] = Form(Leg)
MOST = 4096  # legs of one bulk
NEEDED = ("payee", "amount")
KNOWN = (*NEEDED, "purpose", "ref", "once")


def read_bulk(octets: bytes, scale: int) -> list[Leg]:
    """The legs in a file; raises BadFile, which names the row (the first is 1)."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 at octet {error.start}") from error
    legs = _of_json(text) if text.lstrip().startswith(("[", "{")) else _of_csv(text, scale)
    if not 1 <= len(legs) <= MOST:
        raise BadFile(f"{len(legs)} payments, where a bulk has from 1 to {MOST}")
    return legs


def _of_json(text: str) -> list[Leg]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"not JSON: {error}") from error
    if not isinstance(items, list):
        raise BadFile("not an array of payments")
    return [_leg(number, item) for number, item in enumerate(items, 1)]


def _of_csv(text: str, scale: int) -> list[Leg]:
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        raise BadFile(f"not CSV: {error}") from error
    names = columns_of(header, NEEDED, KNOWN)
    return [_leg(number, row, names, scale) for number, row in enumerate(rows, 1) if row]


def _plain(names: list[str], row: list[str], scale: int) -> dict[str, Any]:
    if len(row) != len(names):
        raise BadForm(f"{len(row)} fields, where the header has {len(names)}")
    plain: dict[str, Any] = {name: value.strip() for name, value in zip(names, row, strict=True) if value.strip()}
    if "amount" in plain:
        plain["amount"] = minor_units(plain["amount"], scale)
    return plain


def _leg(number: int, item: Any, names: list[str] | None = None, scale: int = 0) -> Leg:
    """The leg in a JSON value, or with the names of columns in a row."""
    try:
        return LEG.read_at(item if names is None else _plain(names, item, scale))
    except (BadForm, BadAmount) as error:
        raise BadFile(f"row {number}: {error}") from error
