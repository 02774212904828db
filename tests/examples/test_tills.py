"""The two tills, in Python and in Node, held to the same behaviour: paid, refused, cut off, lied to."""

import json
from typing import Any

import pytest

from ledger.log import base64s
from ledger.receipts.verifying import verify
from tests.client.street import Answer, Passing, busy, lose_answer, lose_request
from tests.examples.programs import Programs

TILLS = ("till.py", "till.mjs")
pytestmark = pytest.mark.parametrize("till", TILLS)


def test_amounts_as_arguments(programs: Programs, till: str) -> None:
    run = programs.till(till, "34.30", "12", "0.01")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("paid ") == 3 and "34.30 SOL" in run.stdout and programs.farm in run.stdout
    assert "available: 4953.69 SOL" in run.stdout
    assert (programs.balance(), programs.balance(1)) == (-4631, 4631)
    assert programs.open() == []
    ledger = programs.street.ledger
    shown = [verify(path.read_bytes(), ledger.origin, ledger.identity) for path in programs.receipts()]
    assert [one.asked.amount for one in shown] == [3430, 1200, 1]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in programs.receipts())


def test_amounts_from_the_input(programs: Programs, till: str) -> None:
    run = programs.till(till, said='5.00 bread, "the dark one"\n\n2.50\n')
    assert (run.returncode, run.stderr) == (0, "")
    assert programs.balance() == -750
    first, second = (json.loads(path.read_text()) for path in programs.receipts())
    assert json.loads(first["texts"][0]["line"].split(" ", 1)[1]) == 'bread, "the dark one"' and second["texts"] == []


def test_a_refusal_is_shown_and_the_rest_is_paid(programs: Programs, till: str) -> None:
    run = programs.till(till, "9000", "nine", "1.234", "1.00")
    assert run.returncode == 1 and programs.balance() == -100
    assert "credit_exceeded" in run.stderr and "short_by" in run.stderr and "limit" in run.stderr
    assert run.stderr.count("not an amount") + run.stderr.count("more than 2 decimals") == 2
    assert programs.open() == [] and len(programs.receipts()) == 1


@pytest.mark.parametrize("spoil", [lose_answer, lose_request], ids=["answer", "request"])
def test_a_cut_connection_pays_once(programs: Programs, till: str, spoil: Any) -> None:
    programs.street.spoils.append(("POST /v1/ledgers/solana/instructions", spoil))
    run = programs.till(till, "7.00")
    assert run.returncode == 0, run.stderr
    assert programs.balance() == -700 and len(programs.receipts()) == 1
    paths = [path for _, path in programs.street.passed]
    sent = paths.index("/v1/ledgers/solana/instructions")
    asked = [path for path in paths[sent + 1 :] if not path.endswith("/tokens")]
    assert asked[0] == f"/v1/ledgers/solana/instructions/{programs.receipts()[0].stem}"


def test_what_was_open_is_settled_at_the_next_start(programs: Programs, till: str) -> None:
    """The till is stopped by a receipt that it cannot believe; the payment is kept, and settled once."""

    def garbled(passing: Passing) -> Answer:
        status, headers, octets = passing.pass_on()
        return status, headers, octets.replace(b'"log_index":4', b'"log_index":3')

    programs.street.spoils += [("POST /v1/ledgers/solana/instructions", garbled),
                               ("GET /v1/ledgers/solana/instructions/", garbled)]  # fmt: skip
    assert programs.till(till, "7.00").returncode != 0
    assert len(programs.open()) == 1 and programs.receipts() == []
    programs.street.spoils.clear()
    run = programs.till(till, "1.00")
    assert run.returncode == 0 and "open since last time" in run.stdout, run.stderr
    assert programs.balance() == -800 and len(programs.receipts()) == 2 and programs.open() == []


def test_503_is_waited_out(programs: Programs, till: str) -> None:
    def soon(passing: Passing) -> Answer:
        return 503, {"Retry-After": "1"}, busy(passing)[2]

    programs.street.spoils.append(("POST /v1/ledgers/solana/instructions", soon))
    assert programs.till(till, "7.00").returncode == 0 and programs.balance() == -700


def test_another_ledger_is_not_paid(programs: Programs, till: str) -> None:
    run = programs.till(till, "7.00", identity=base64s.encode(bytes(32)))
    assert run.returncode == 3 and run.stderr.startswith("STOP: ")
    assert all("instructions" not in path for _, path in programs.street.passed)


def test_a_wrong_password(programs: Programs, till: str) -> None:
    (programs.folder / "password").write_text("another\n")
    run = programs.till(till, "7.00")
    assert run.returncode == 2 and programs.street.passed == []
    assert run.stderr == "bakery.key: wrong password, or the file was changed\n"


def test_what_a_flag_names_wrongly_is_told_in_one_line(programs: Programs, till: str) -> None:
    for changed, told in ({"key": "absent.key"}, "absent.key"), ({"password-file": "nowhere"}, "nowhere"):
        run = programs.till(till, "7.00", **changed)
        assert run.returncode == 2 and told in run.stderr and run.stderr.count("\n") == 1, run.stderr
    run = programs.till(till, "7.00", identity="statutes")
    assert run.returncode in (2, 3) and run.stderr.count("\n") == 1, run.stderr


def test_a_server_that_does_not_answer(programs: Programs, till: str) -> None:
    def away(_: Passing) -> Answer:
        return 503, {"Retry-After": "0"}, b"{}"

    programs.street.spoils += [("GET /v1/ledgers/solana/entries/0", away)] * 8
    run = programs.till(till, "7.00")
    assert run.returncode == 1 and " answer" in run.stderr and run.stderr.count("\n") == 1, run.stderr
