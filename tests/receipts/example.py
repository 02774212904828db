"""The worked example's receipt, and the example's log as rows that receipts are made from."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from ledger.log import entry, merkle
from ledger.receipts.making import Proved, key_entry

VECTORS = Path(__file__).parent.parent / "vectors" / "comarca"
ORIGIN = "ledger.example/solana"
IDENTITY = base64.b64decode("TQRfso072he4U1nSqorpZyS0QDoIPcOzl3/4ARpjvtI=")
RECEIPT: bytes = (VECTORS / "receipt.json").read_bytes()
BULK: dict[str, Any] = json.loads((VECTORS / "part-of-a-bulk.json").read_text(encoding="utf-8"))
ENTRIES: list[dict[str, Any]] = json.loads((VECTORS / "entries.json").read_text(encoding="utf-8"))
CHECKPOINT: bytes = json.loads(RECEIPT)["checkpoint"].encode()
PAYER = "01a1ee5661e87aeb9d0e896041ed7786"
PAYEE = "01a1ee5665d0752c8bb5b2eada4c0f17"


def receipt() -> Any:
    """A copy of the example's receipt that a test may change."""
    return json.loads(RECEIPT)


def octets(value: Any) -> bytes:
    """A receipt as a file."""
    return json.dumps(value).encode()


def proved(log_index: int) -> Proved:
    """An entry of the example under its checkpoint."""
    item = ENTRIES[log_index]
    found = entry.parse(item["entry"].encode())
    legs = item["lines"] if item["note"].startswith("comarca/instruction@v1 transfer_many\n") else []
    leaves = [base64.b64decode(one["leaf_hash"]) for one in ENTRIES]
    note = item["note"].encode()
    assert hashlib.sha256(note).digest() == found.instruction
    return Proved(
        log_index, found.time, note, found.instruction, found.events, tuple(line.encode() for line in legs),
        tuple(line.encode() for line in item["event_lines"]),
        [base64.b64encode(octets).decode() for octets in merkle.path_in(leaves, log_index)],
    )  # fmt: skip


def keys_of_payer() -> list[dict[str, Any]]:
    """What made the payer's key live: the genesis as a note, its admission by one event line."""
    return [key_entry(proved(0), None), key_entry(proved(1), 1)]
