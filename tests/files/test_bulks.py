"""The file of a bulk, as CSV and as JSON."""

import pytest

from ledger.files.bulks import read_bulk
from ledger.files.payments import BadFile

ONE, TWO = "0192f3a87c0b7e1a9d2c4b5a69788796", "0192f3a87c0b7e1a9d2c4b5a69788797"


def test_csv() -> None:
    legs = read_bulk(f"payee,amount,ref\n{ONE},12.30,wage\n{TWO},0.05,\n".encode(), 2)
    assert [(leg.payee.hex(), leg.amount, leg.ref) for leg in legs] == [(ONE, 1230, "wage"), (TWO, 5, None)]


def test_json_has_minor_units() -> None:
    (leg,) = read_bulk(f'[{{"payee":"{ONE}","amount":1230,"once":"may/1"}}]'.encode(), 2)
    assert (leg.amount, leg.once) == (1230, "may/1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not CSV"),
        ("payee,amount\n", "0 payments"),
        ("[]", "0 payments"),
        (f"payee,amount\n{ONE},1.00\n{ONE},-1.00\n", "row 2: amount"),
        (f"payee,amount\n{ONE},0\n", "row 1: amount"),
        (f"payee,amount\n{ONE},1.005\n", "row 1: .*more than 2"),
        ("payee,amount\nthe mill,1.00\n", "row 1: payee"),
        (f"payee,sum\n{ONE},1.00\n", "no column 'amount'"),
        (f"payee;amount\n{ONE};1,00\n", "with commas between them"),
        (f"payee,amount,memo\n{ONE},1.00,May\n", "unknown column 'memo'; known are payee"),
        (f"payee,amount,payee\n{ONE},1.00,{TWO}\n", "there twice"),
        (f"payee,amount\n{ONE}\n", "row 1: 1 fields"),
        (f'[{{"payee":"{ONE}","amount":1.5}}]', "row 1: amount"),
        (f'[{{"payee":"{ONE}","amount":"1.50"}}]', "row 1: amount"),
        (f'[{{"payee":"{ONE}","amount":1,"note":"x"}}]', "row 1: .*unknown field"),
        ("[1]", "row 1"),
        ('{"payee":1}', "not an array"),
        ("[", "not JSON"),
        ('payee,amount\n"', "not CSV"),
    ],
)
def test_what_is_no_bulk(text: str, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        read_bulk(text.encode(), 2)


def test_what_is_not_utf8() -> None:
    with pytest.raises(BadFile, match="UTF-8"):
        read_bulk(b"\xff\xfe", 2)


def test_too_many_legs() -> None:
    with pytest.raises(BadFile, match="4097 payments"):
        read_bulk(("payee,amount\n" + f"{ONE},1.00\n" * 4097).encode(), 2)
