"""A submission without its signature lines: the same form in every other respect, and never one that is signed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import instruction, salted
from ledger.log.instruction import Signed
from ledger.log.malformed import Malformed
from tests.log.submissions import ORIGIN

TEXT = instruction.text("transfer", ORIGIN, b'{"amount":1}')
LINES = (salted.free_text(bytes(16), "rent \u2014 of May"), salted.free_text(bytes(16), "\u2014 "))


@pytest.mark.parametrize("lines", [(), LINES[:1], LINES])
def test_round_trip(lines: tuple[bytes, ...]) -> None:
    found = instruction.parse_unsigned(instruction.unsigned(TEXT, lines))
    assert (found.text, found.kind, found.origin, found.salted) == (TEXT, "transfer", ORIGIN, lines)
    assert (found.note, found.signatures) == (b"", ())


@pytest.mark.parametrize(
    "octets",
    [b"", b"\n", TEXT[:-1], TEXT + b"\n", TEXT + b"\n\n", TEXT + b"\n\n\n", TEXT + b"\nx\n", TEXT + LINES[0] + b"\n",
     b"\n" + TEXT, TEXT + b"\n" + LINES[0], TEXT + b"\n" + LINES[0] + b"\n\n" + LINES[1] + b"\n",
     TEXT.replace(b"instruction", b"login"), TEXT.replace(b"transfer", b"Transfer"), TEXT.replace(b"{", b"["),
     TEXT + b"\n" + LINES[0] + b"\r\n", TEXT.replace(b'"amount"', b'"\xff"'), TEXT.replace(b"1", b"1" * 60_001)],
)  # fmt: skip
def test_what_is_malformed_in_a_submission_is_so_here(octets: bytes) -> None:
    with pytest.raises(Malformed) as found:
        instruction.parse_unsigned(octets)
    assert not isinstance(found.value, Signed)


@given(before=st.sampled_from([TEXT, TEXT + b"\n", b"", b"x\n"]), after=st.binary(max_size=200))
def test_a_signature_line_anywhere_is_found_first(before: bytes, after: bytes) -> None:
    with pytest.raises(Signed):
        instruction.parse_unsigned(before + b"\n" + "\u2014 ".encode() + after)
