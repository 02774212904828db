"""CSV of payments: every row is answered, as a payment or as a bad row with its number and the reason."""

import hashlib

import pytest

from ledger.files.payments import BadFile, read_payments

HEADER = "date,payer,payee,category,amount,currency\n"


def read(text: str, scale: int = 2, currency: str | None = None):  # type: ignore[no-untyped-def]
    return read_payments(text.encode(), scale, currency)


def test_rows_become_payments() -> None:
    found = read(HEADER + '2019-01-03,COUNCIL,06 CARE,"Care, and more",980.28,GBP\n2019-01-04,COUNCIL,B,,1,GBP\n')
    assert found.bad == ()
    first, second = found.payments
    assert first == (1, "COUNCIL", "06 CARE", 98028, "2019-01-03 Care, and more")
    assert (second.row, second.amount, second.memo) == (2, 100, "2019-01-04")


def test_once_is_of_the_octets_and_the_row() -> None:
    text = HEADER + "2019-01-03,A,B,C,1.00,GBP\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert read(text).once(1) == digest[:16] + "/1"


def test_only_three_columns_are_needed_in_any_order_and_with_any_line_ends() -> None:
    found = read_payments(b"\xef\xbb\xbfAmount,Payee,Payer\r\n1.50,B,A\r\n\r\n", 2)
    assert [(one.payer, one.payee, one.amount, one.memo) for one in found.payments] == [("A", "B", 150, "")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2019-01-03,A,B,C,-5.00,GBP", "negative"),
        ("2019-01-03,A,B,C,0.00,GBP", "zero"),
        ("2019-01-03,A,B,C,5.001,GBP", "more than 2 decimals"),
        ('2019-01-03,A,B,C,"1,000.00",GBP', "not an amount"),
        ("2019-01-03,A,B,C,,GBP", "not an amount"),
        ("2019-01-03,A,B,C,99999999999999999.00,GBP", "over"),
        ("2019-01-03,A,B,C,1.00,EUR", "currency is EUR"),
        ("2019-01-03,A,B,C,1.00,pounds", "not a currency"),
        ("2019-01-03,A,,C,1.00,GBP", "no payee"),
        ("2019-01-03,  ,B,C,1.00,GBP", "no payer"),
        ("2019-01-03,A,A,C,1.00,GBP", "are the same"),
        ("03/01/2019,A,B,C,1.00,GBP", "not a date"),
        ("2019-02-30,A,B,C,1.00,GBP", "not a date"),
        ("2019-01-03,A,B,C,1.00", "5 fields"),
        ("2019-01-03,A,B,C,1.00,GBP,x", "7 fields"),
        ("2019-01-03,A,B\x07,C,1.00,GBP", "control character"),
        ("2019-01-03,A," + "B" * 501 + ",C,1.00,GBP", "longer than"),
        ("2019-01-03,A,B," + "C" * 501 + ",1.00,GBP", "longer than"),
        ("", "0 fields"),
    ],
)
def test_a_bad_row_is_named_and_the_others_stand(row: str, said: str) -> None:
    good = "2019-01-03,A,B,C,1.00,GBP\n"
    found = read(HEADER + good + row + "\n" + good)
    assert [payment.row for payment in found.payments] == [1, 3]
    ((number, reason),) = found.bad
    assert number == 2 and said in reason


def test_a_currency_that_is_asked_for() -> None:
    text = HEADER + "2019-01-03,A,B,C,1.00,GBP\n2019-01-03,A,B,C,1.00,EUR\n"
    assert [payment.row for payment in read(text, currency="EUR").payments] == [2]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "no column"),
        (b"payer,payee\nA,B\n", "'amount'"),
        (b"payer,payee,amount\n", "no rows"),
        (b"payer,payee,amount,amount\n", "twice"),
        (b"payer,payee,amount,iban\n", "unknown column"),
        (b"payer,payee,amount\nA,\xff,1\n", "not UTF-8"),
        (b'payer,payee,amount\nA,"B,1\n', "line 2"),
        (b'payer,payee,amount\nA,"B"x,1\n', "line 2"),
        (b"payer,payee,amount\nA," + b"B" * 200_000 + b",1\n", "line 2"),
    ],
)
def test_a_bad_file_is_refused_whole(octets: bytes, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        read_payments(octets, 2)
