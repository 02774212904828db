"""What the till in Node signs and believes: nothing that it did not ask for, nothing that is not proved.

The Python client writes its texts itself; what it believes is tested in tests/client.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.street import Answer, Passing
from tests.examples.programs import Programs


def change(find: str, put: str) -> Callable[[dict[str, Any]], None]:
    """A prepared text with something changed."""

    def changed(draft: dict[str, Any]) -> None:
        assert find in draft["text"], draft["text"]
        draft["text"] = draft["text"].replace(find, put)

    return changed


def other_memo(draft: dict[str, Any]) -> None:
    draft["salted"][0] = draft["salted"][0].replace("bread", "wine!")


def another_salt(draft: dict[str, Any]) -> None:
    draft["salted"][0] = "A" * 22 + draft["salted"][0][22:]


def no_memo(draft: dict[str, Any]) -> None:
    draft["salted"] = []


@pytest.mark.parametrize(
    "lie",
    [change("transfer\n", "transfer_many\n"), change("ledger.example/solana", "ledger.example/other"),
     change('"amount":700', '"amount":70000'), change('"payer"', '"once":"a","payer"'), change("{", "{ "),
     change('"not_after":', '"not_after":9'), other_memo, another_salt, no_memo,
     change("}\n", "}\n\n— ledger.example/solana AAAA\n")],
    ids=["kind", "origin", "amount", "once", "spaces", "time", "memo", "salt", "no memo", "lines"],
)  # fmt: skip
def test_a_text_that_was_not_asked_for_is_not_signed(programs: Programs, lie: Any) -> None:
    def lying(passing: Passing) -> Answer:
        status, headers, octets = passing.pass_on()
        draft = json.loads(octets)
        lie(draft)
        return status, headers, json.dumps(draft).encode()

    programs.street.spoils.append(("POST /v1/ledgers/solana/instructions/prepare", lying))
    run = programs.till("till.mjs", "7.00 bread")
    assert (run.returncode, programs.open()) == (3, []) and "STOP" in run.stderr
    assert not any(path.endswith("/instructions") for _, path in programs.street.passed)


def test_a_server_that_lies_about_the_genesis(programs: Programs) -> None:
    def lying(passing: Passing) -> Answer:
        status, headers, octets = passing.pass_on()
        found = json.loads(octets)
        found["note"] = found["note"].replace('"scale":2', '"scale":0')
        return status, headers, json.dumps(found).encode()

    programs.street.spoils.append(("GET /v1/ledgers/solana/entries/0", lying))
    run = programs.till("till.mjs", "7.00")
    assert run.returncode == 3 and "genesis" in run.stderr


def replace(find: bytes, put: bytes) -> Callable[[bytes], bytes]:
    """A receipt with something changed."""

    def replaced(octets: bytes) -> bytes:
        assert find in octets
        return octets.replace(find, put)

    return replaced


def another_root(octets: bytes) -> bytes:
    receipt = json.loads(octets)
    lines = receipt["checkpoint"].split("\n")
    lines[2] = "A" * 43 + "="
    return json.dumps(receipt | {"checkpoint": "\n".join(lines)}).encode()


def another_path(octets: bytes) -> bytes:
    receipt = json.loads(octets)
    receipt["entry"]["path"] = receipt["entry"]["path"][1:]
    return json.dumps(receipt).encode()


@pytest.mark.parametrize(
    "garble", [another_root, another_path, replace(b"time 1", b"time 2"), replace(b'"log_index":4', b'"log_index":3'),
               replace(b'\\"amount\\":700', b'\\"amount\\":100')],
    ids=["root", "path", "entry", "place", "note"],
)  # fmt: skip
def test_a_receipt_that_proves_nothing_is_not_taken(programs: Programs, garble: Callable[[bytes], bytes]) -> None:
    def garbled(passing: Passing) -> Answer:
        status, headers, octets = passing.pass_on()
        return status, headers, garble(octets)

    programs.street.spoils.append(("POST /v1/ledgers/solana/instructions", garbled))
    run = programs.till("till.mjs", "7.00")
    assert run.returncode == 3 and "STOP" in run.stderr, run.stderr
    assert len(programs.open()) == 1 and programs.receipts() == []
