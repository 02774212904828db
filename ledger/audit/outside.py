"""An audit from outside: the public log in a folder, and what one member holds of it. No database, no secret.

What a member holds are receipts, or its own export (`comarca member export`), which has receipts and beside them the
balances and movements that it was shown. Each receipt is verified by itself; its entry must stand in the log, and its
checkpoint be a beginning of it: so the log that everyone is shown is the one that the member was promised. Of a balance
that was shown, the movements listed must add up to it, and those with a receipt must be listed as the receipt has them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.audit.fault import Fault
from ledger.checking.checking import Checked
from ledger.checking.files import Site
from ledger.core.accounts import Moved
from ledger.log import merkle, tiles
from ledger.receipts.verifying import ReceiptError, Shown, verify

OWN = "comarca/member@v1"
MOVED = ("payer", "payee", "amount", "kind")

Place = tuple[int, str, int]  # of a movement: log index, and its id: that of the instruction, and its number in it


class Unreadable(Exception):
    """A file that is neither a receipt nor a holder's own export."""


class Held(NamedTuple):
    """What a file holds: receipts (octets, after where they stand), accounts and movements as they were shown, and how
    many entries were erased before, of which no receipt can be had."""

    receipts: list[tuple[str, bytes]]
    accounts: list[dict[str, Any]]
    movements: list[dict[str, Any]]
    size: int
    erased: int


class Balance(NamedTuple):
    """A balance that was shown and added up: from so many movements, of which so many are proved by receipts."""

    account: str
    balance: int
    movements: int
    proved: int


class Proved(NamedTuple):
    """What was proved: receipts verified; of their checkpoints how many are beginnings of the log, and how many newer
    than it; balances that add up; entries that were erased before a receipt was asked for."""

    receipts: int
    beginnings: int
    newer: int
    balances: list[Balance]
    erased: int


def read_held(file: Path) -> Held:
    """What a file holds; raises Unreadable."""
    try:
        octets = file.read_bytes()
        found = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{file}: neither a receipt nor a member's export: {error}") from error
    if isinstance(found, dict) and "receipt" in found:
        return Held([(str(file), octets)], [], [], 0, 0)
    if not isinstance(found, dict) or found.get("export") != OWN or found.get("complete") is not True:
        raise Unreadable(f"{file}: neither a receipt nor a member's export, whole as `comarca member export` writes it")
    try:
        entries = found["entries"]
        receipts = [(f"{file}: entries.{n}", json.dumps(one).encode())
                    for n, one in enumerate(entries) if "receipt" in one]  # fmt: skip
        return Held(receipts, found["accounts"], found["movements"], found["ledger"]["log_size"],
                    len(entries) - len(receipts))  # fmt: skip
    except (KeyError, TypeError) as error:
        raise Unreadable(f"{file}: a member's export without {error}") from error


def audit_held(site: Site, checked: Checked, held: Sequence[Held]) -> Proved:
    """Compare what is held with a public log that has been checked; raises Fault, WrongFile, Unreadable."""
    log = _Log(site, checked)
    shown = [log.find(where, octets) for one in held for where, octets in one.receipts]
    moved = {(one.log_index, event.id.id.hex(), event.id.n): event
             for one in shown for event in one.events if isinstance(event, Moved)}  # fmt: skip
    try:
        balances = [balance for one in held for balance in _balances(one, moved)]
    except (KeyError, TypeError) as error:
        raise Unreadable(f"a member's export in which something is missing: {error!r}") from error
    sizes = {one.checkpoint.size for one in shown}
    newer = sum(size > checked.size for size in sizes)
    return Proved(len(shown), len(sizes) - newer, newer, balances, sum(one.erased for one in held))


class _Log:
    """The checked log, in which receipts are looked for."""

    def __init__(self, site: Site, checked: Checked):
        self._site, self._checked = site, checked
        self._nodes = tiles.TileNodes(site.tile, checked.size)
        self._roots: dict[int, bytes] = {checked.size: checked.root}

    def find(self, where: str, octets: bytes) -> Shown:
        """A receipt that is right by itself, whose entry is in the log and whose checkpoint is a beginning of it."""
        try:
            shown = verify(octets, self._checked.origin, self._checked.identity)
        except ReceiptError as error:
            raise Fault(where, f"not verified: {error}") from error
        size, root = shown.checkpoint.size, shown.checkpoint.root
        if size <= self._checked.size and self._root(size) != root:
            raise Fault(where, f"its checkpoint of {size} entries is not a beginning of this log: these are two logs. "
                               "Keep both, and show them to the ledger's auditor")  # fmt: skip
        if shown.log_index < self._checked.size and self._entry(shown.log_index) != _entry_of(octets):
            raise Fault(where, f"entry {shown.log_index} of this log is another one")
        return shown

    def _root(self, size: int) -> bytes:
        if size not in self._roots:
            self._roots[size] = merkle.root_from_nodes(size, self._nodes)
        return self._roots[size]

    def _entry(self, log_index: int) -> bytes:
        number, place = divmod(log_index, tiles.WIDTH)
        return self._site.bundle(number, tiles.width_at(None, number, self._checked.size))[place]


def _entry_of(receipt: bytes) -> bytes:
    """The entry of a receipt that has been verified."""
    octets: str = json.loads(receipt)["entry"]["entry"]
    return octets.encode()


# --- balances


def _balances(held: Held, moved: Mapping[Place, Moved]) -> Iterator[Balance]:
    """The accounts of an export, each added up; raises Fault."""
    for account in held.accounts:
        id, listed = account["id"], [one for one in held.movements if one["account"] == account["id"]]
        places = {_place(one): one for one in listed}
        for place, event in moved.items():
            if id in (event.payer.hex(), event.payee.hex()) and place[0] < held.size:
                _compare(f"account {id}", places.get(place), place, event)
        _add_up(f"account {id}", account["balance"], [places[place] for place in sorted(places)], held.size)
        yield Balance(id, account["balance"], len(places), sum(place in moved for place in places))


def _place(movement: Mapping[str, Any]) -> Place:
    return movement["log_index"], movement["id"], movement["n"]


def _compare(where: str, listed: Mapping[str, Any] | None, place: Place, event: Moved) -> None:
    """A movement that a receipt proves is listed as it is."""
    if listed is None:
        raise Fault(where, f"the movement of entry {place[0]}, of which there is a receipt, is not listed")
    proved = {"payer": event.payer.hex(), "payee": event.payee.hex(), "amount": event.amount, "kind": event.kind}
    for name in MOVED:
        if listed[name] != proved[name]:
            raise Fault(where, f"the movement of entry {place[0]}: {name} is listed as {listed[name]}, and its receipt "
                               f"says {proved[name]}")  # fmt: skip


def _add_up(where: str, balance: int, movements: Sequence[Mapping[str, Any]], size: int) -> None:
    """Each balance follows from the one before it, and the account's is that of its last movement. Those that came
    while the export was being written, beyond its `size`, may be listed already, or not yet in the balance."""
    sums, total = [0], 0
    for one in movements:
        total += one["amount"] * ((one["payee"] == one["account"]) - (one["payer"] == one["account"]))
        if one["balance"] != total:
            raise Fault(where, f"after entry {one['log_index']} the balance is shown as {one['balance']}, and the "
                               f"movements listed come to {total}")  # fmt: skip
        sums = [total] if one["log_index"] < size else [*sums, total]
    if balance not in sums:
        raise Fault(where, f"its balance is shown as {balance}, and the movements listed come to {total}")
