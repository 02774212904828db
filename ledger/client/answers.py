"""What a holder's client answers: receipts that it has verified, refusals, positions, movements.

Times are Unix seconds, amounts minor units, ids 32 hex digits.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ledger.ambient.clock import seconds_of
from ledger.client.admitting import Ledger
from ledger.client.outcomes import Unknown
from ledger.core.accounts import Moved
from ledger.core.transfers import Transfer, TransferMany
from ledger.log import instruction
from ledger.receipts.verifying import ReceiptError, Shown, verify
from ledger.signer.keyfile import replace_file

T = TypeVar("T")


class Receipt(NamedTuple):
    """A verified receipt: `octets` are its file, to be kept for ever, `shown` what it shows; `note` and `checkpoint`
    are the signed notes in it."""

    id: str
    log_index: int
    time: int
    octets: bytes
    shown: Shown
    note: bytes
    checkpoint: bytes

    def save(self, path: Path) -> None:
        """Keep it in a file of mode 0600; raises OSError."""
        replace_file(path, self.octets)


class Refused(Exception):
    """The ledger refused an instruction: nothing was written. `reason` is stable (docs/refusals.md), `details` the
    figures compared, `remedy` what would help. It is final once `not_after` has passed or a cancel is logged."""

    def __init__(self, id: str, problem: Mapping[str, Any]):
        self.id, self.reason = id, str(problem["reason"])
        self.message, self.remedy = str(problem.get("detail", "")), str(problem.get("remedy", ""))
        details = problem.get("details")
        self.details: Mapping[str, Any] = details if isinstance(details, dict) else {}
        super().__init__(f"{self.reason}: {self.message} {self.remedy}".strip())


class Position(NamedTuple):
    """Where an account stands. `available` is what it can still pay."""

    account: str
    status: str
    balance: int
    held: int
    floor: int
    ceiling: int
    available: int


class Preview(NamedTuple):
    """What a payment would come to now: in words, and the account's balance and what it can still pay, after it."""

    words: tuple[str, ...]
    balance: int
    available: int


class Movement(NamedTuple):
    """A movement as its account sees it; `balance` is the account's after it, `number` its place in the instruction."""

    id: str
    number: int
    log_index: int
    time: int
    payer: str
    payee: str
    amount: int
    kind: str
    purpose: str | None
    balance: int


def receipt_of(octets: bytes, ledger: Ledger, id: str, submission: bytes | None = None) -> Receipt:
    """The receipt in an answer, verified: of this id, and where its submission is given of the very same text, whose
    transfers became movements as they were asked for. Raises ReceiptError."""
    shown = verify(octets, ledger.origin, ledger.identity)
    if shown.id.hex() != id:
        raise ReceiptError(f"the receipt of another instruction, {shown.id.hex()}")
    found = json.loads(octets)
    note, checkpoint = found["entry"]["note"].encode(), found["checkpoint"].encode()
    if submission is not None and instruction.parse(note).text != instruction.parse(submission).text:
        raise ReceiptError("the receipt of another text")
    trades = [event[1:4] for event in shown.events if isinstance(event, Moved) and event.kind == "trade"]
    if (wanted := _moves(shown)) and trades != wanted:
        raise ReceiptError("the movements are not those that were asked for")
    return Receipt(id, shown.log_index, shown.time, octets, shown, note, checkpoint)


def _moves(shown: Shown) -> list[tuple[bytes, bytes, int]]:
    """Payer, payee and amount of each transfer in an instruction that is shown whole."""
    asked = shown.asked
    if isinstance(asked, Transfer):
        return [(asked.payer, asked.payee, asked.amount)]
    if isinstance(asked, TransferMany) and len(shown.legs) == asked.legs.number:
        return [(asked.payer, leg.payee, leg.amount) for _, leg in shown.legs]
    return []


def position_of(body: Mapping[str, Any]) -> Position:
    """The position in an answer; raises KeyError, TypeError, ValueError."""
    figures = [int(body[name]) for name in Position._fields[2:]]
    return Position(str(body["id"]), str(body["status"]), *figures)


def preview_of(body: Mapping[str, Any], account: str) -> Preview:
    """The preview in an answer, for one account."""
    (after,) = [one for one in body["accounts"] if one["id"] == account]
    return Preview(tuple(map(str, body["words"])), int(after["balance"]), int(after["available"]))


def movement_of(body: Mapping[str, Any]) -> Movement:
    """A movement in an answer; raises KeyError, TypeError, ValueError."""
    id, number = body["id"]
    return Movement(str(id), int(number), int(body["log_index"]), seconds_of(body["time"]),
                    str(body["payer"]), str(body["payee"]), int(body["amount"]), str(body["kind"]), body["purpose"],
                    int(body["balance"]))  # fmt: skip


def parsed(parse: Callable[[Any], T], body: Any) -> T:
    """What an answer says; raises Unknown where it is not as docs/api.md has it."""
    try:
        return parse(body)
    except (KeyError, TypeError, ValueError) as error:
        raise Unknown(f"an answer that is not as documented: {error!r}") from error
