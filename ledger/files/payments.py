"""CSV of payments that happened elsewhere: who paid whom how much.

    date,payer,payee,category,amount,currency
    2019-01-03,BRADFORD COUNCIL,06 CARE LIMITED,Assessment & Support,980.28,GBP

`payer`, `payee` and `amount` must be there, the others may; columns stand in any order. Text is UTF-8, quoting that of
RFC 4180. A row is named by its number, the first after the header being 1; every row is answered, as a payment or as a
bad row with the reason.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from ledger.files.amounts import BadAmount, minor_units

NEEDED = ("payer", "payee", "amount")
KNOWN = (*NEEDED, "date", "category", "currency")
MOST = 10**15  # minor units of one payment, as in signed text
NAME_MOST = 500  # characters
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


class BadFile(ValueError):
    """The file as a whole cannot be read as payments; the message says why."""


class Payment(NamedTuple):
    """A row: amounts in minor units, `memo` what the row says beside names and amount (may be empty)."""

    row: int
    payer: str
    payee: str
    amount: int
    memo: str


class BadRow(NamedTuple):
    """A row that is no payment, and why."""

    row: int
    reason: str


class Payments(NamedTuple):
    """A file: the SHA-256 of its octets in hex, its payments and its other rows, in the order of the file."""

    digest: str
    payments: tuple[Payment, ...]
    bad: tuple[BadRow, ...]

    def once(self, row: int) -> str:
        """The word that makes this row payable one time: the first 16 hex digits of the digest, a slash, the row."""
        return f"{self.digest[:16]}/{row}"


def read_payments(octets: bytes, scale: int, currency: str | None = None) -> Payments:
    """The payments of a CSV file, amounts at this scale; raises BadFile. With a currency, rows of another are bad;
    without one, the first row that names a currency sets it."""
    reader = _Reader(octets, scale, currency)
    payments, bad = [], []
    for number, values in enumerate(reader.rows(), 1):
        try:
            payments.append(reader.payment(number, values))
        except (_Wrong, BadAmount) as error:
            bad.append(BadRow(number, str(error)))
    if not payments and not bad:
        raise BadFile("no rows after the header")
    return Payments(hashlib.sha256(octets).hexdigest(), tuple(payments), tuple(bad))


def columns_of(header: Sequence[str], needed: Sequence[str], known: Sequence[str]) -> list[str]:
    """The names of the columns in a first row; raises BadFile."""
    columns = [name.strip().lower() for name in header]
    for name in needed:
        if name not in columns:  # of a spreadsheet that writes semicolons, too: the whole row is one name
            what = f"{', '.join(needed)}, with commas between them"
            raise BadFile(f"no column {name!r} in the first row; needed are {what}")
    for name in columns:
        if name not in known:
            raise BadFile(f"unknown column {name[:40]!r}; known are {', '.join(known)}")
        if columns.count(name) > 1:
            raise BadFile(f"the column {name!r} is there twice")
    return columns


class _Wrong(ValueError):
    """What is wrong with a row."""


class _Reader:
    def __init__(self, octets: bytes, scale: int, currency: str | None):
        self._scale, self._currency = scale, currency
        try:
            text = octets.decode("utf-8-sig")  # spreadsheets begin a file with a byte order mark
        except UnicodeDecodeError as error:
            raise BadFile(f"not UTF-8 at octet {error.start}") from error
        self._lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        self._columns = self._header()

    def _header(self) -> list[str]:
        return columns_of(self._next() or [], NEEDED, KNOWN)

    def _next(self) -> list[str] | None:
        try:
            return next(self._lines, None)
        except csv.Error as error:  # what follows broken quoting cannot be told apart any more
            raise BadFile(f"line {self._lines.line_num}: {error}") from error

    def rows(self) -> list[Sequence[str]]:
        """Every row after the header, empty last lines apart."""
        rows: list[Sequence[str]] = []
        while (values := self._next()) is not None:
            rows.append(values)
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def payment(self, number: int, values: Sequence[str]) -> Payment:
        """The payment of a row; raises _Wrong or BadAmount."""
        if len(values) != len(self._columns):
            raise _Wrong(f"{len(values)} fields, where the header has {len(self._columns)}")
        row = dict(zip(self._columns, values, strict=True))
        payer, payee = (_name(row[column], column) for column in ("payer", "payee"))
        if payer == payee:
            raise _Wrong("payer and payee are the same")
        amount = self._amount(row["amount"].strip())
        self._check_currency(row.get("currency", "").strip())
        return Payment(number, payer, payee, amount, _memo(row))

    def _amount(self, text: str) -> int:
        amount = minor_units(text, self._scale)
        if amount == 0:
            raise _Wrong("the amount is zero")
        if amount < 0:
            raise _Wrong(f"the amount is negative ({text}): a refund is the payee's to sign")
        if amount > MOST:
            raise _Wrong(f"the amount is over {MOST} minor units")
        return amount

    def _check_currency(self, currency: str) -> None:
        if not currency:
            return
        if not re.fullmatch(r"[A-Z]{3}", currency, re.ASCII):
            raise _Wrong(f"not a currency: {currency[:40]!r}")
        self._currency = self._currency or currency
        if currency != self._currency:
            raise _Wrong(f"the currency is {currency}, not {self._currency}")


def _name(text: str, column: str) -> str:
    name = text.strip()
    if not name:
        raise _Wrong(f"no {column}")
    _check_text(name, column)
    return name


def _check_text(text: str, column: str) -> None:
    if len(text) > NAME_MOST:
        raise _Wrong(f"the {column} is longer than {NAME_MOST} characters")
    if CONTROL.search(text):
        raise _Wrong(f"a control character in the {column}")


def _memo(row: dict[str, str]) -> str:
    day, category = row.get("date", "").strip(), row.get("category", "").strip()
    if day:
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError as error:
            raise _Wrong(f"not a date like 2019-01-03: {day[:40]!r}") from error
    _check_text(category, "category")
    return " ".join(part for part in (day, category) if part)
