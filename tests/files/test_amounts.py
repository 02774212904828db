"""Amounts in files and on the command line: decimals to minor units and back, without a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.files.amounts import BadAmount, decimal_text, minor_units


@pytest.mark.parametrize(
    ("text", "scale", "minor"),
    [("980.28", 2, 98028), ("980", 2, 98000), ("0.1", 2, 10), ("-5000.00", 2, -500_000), ("+1.5", 1, 15),
     ("0", 0, 0), ("7", 0, 7), ("00012.30", 2, 1230), ("9007199254740993.01", 2, 900719925474099301),
     ("0.000001", 6, 1)],
)  # fmt: skip
def test_decimals_become_minor_units(text: str, scale: int, minor: int) -> None:
    assert minor_units(text, scale) == minor


@pytest.mark.parametrize(
    "text",
    ["", " ", "1,234.50", "1 000", "12.", ".5", "1e3", "1_000", "NaN", "inf", "0x10", "--1", "£5", "5 GBP", "١٢",
     "1.2.3", "1.234", "1.230", "9" * 40, "−5", "5\n"],
)  # fmt: skip
def test_what_is_no_amount_of_two_decimals(text: str) -> None:
    with pytest.raises(BadAmount):
        minor_units(text, 2)


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
def test_there_and_back(minor: int, scale: int) -> None:
    assert minor_units(decimal_text(minor, scale), scale) == minor


@pytest.mark.parametrize(
    ("minor", "scale", "text"),
    [(0, 2, "0.00"), (-5, 2, "-0.05"), (5, 0, "5"), (123456, 3, "123.456"), (-100, 2, "-1.00")],
)
def test_decimals_are_written_whole(minor: int, scale: int, text: str) -> None:
    assert decimal_text(minor, scale) == text
