"""Base64: one text for any octets, and no other is taken."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s
from ledger.log.malformed import Malformed


@given(st.binary(max_size=100))
def test_what_is_written_is_read_back(octets: bytes) -> None:
    text = base64s.encode(octets)
    assert text == b64encode(octets).decode()
    assert base64s.decode(text) == base64s.decode(text, len(octets)) == octets


@pytest.mark.parametrize(
    "text",
    ["aGl=", "aGk", "aGk==", "=aGk", "aGk=\n", " aGk=", "aGk=aGk=", "a-k=", "a_k=", "aG*k=", "aGk=\x00", "a", "====",
     "äGk=", "aGk=\u2028", "\ud800", "٣٣٣٣"],
)  # fmt: skip
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="base64"):
        base64s.decode(text)


@given(st.text(max_size=12))
def test_a_text_that_is_read_is_the_one_that_is_written(text: str) -> None:
    try:
        octets = base64s.decode(text)
    except Malformed:
        return
    assert base64s.encode(octets) == text


def test_another_size_is_refused() -> None:
    with pytest.raises(Malformed, match="2 octets where 3 belong"):
        base64s.decode("aGk=", 3)


def test_the_message_does_not_carry_a_long_text_on() -> None:
    with pytest.raises(Malformed) as error:
        base64s.decode("*" * 10_000)
    assert len(str(error.value)) < 120
