"""Submissions: their salted lines, their bounds, and logins, which are of the same form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import instruction, salted
from ledger.log.instruction import NOTE_MOST, SUBMISSION_MOST
from tests.log.submissions import (
    HOLDER,
    LOGIN,
    LOGIN_TEXT,
    NOTE,
    ORIGIN,
    SALTED,
    TEXT,
    line_of,
    lines_of,
    note_of,
    refused,
)

# --- salted lines


@pytest.mark.parametrize(
    "tail",
    [b"\n", b"\n\n", b"\n" + SALTED[0], b"\n" + SALTED[0] + b"\n\n", b"\n\n" + SALTED[0] + b"\n",
     b"\n" + SALTED[0] + b"\n\n" + SALTED[1] + b"\n", b"\n" + SALTED[0] + b"\n" + SALTED[1], SALTED[0] + b"\n",
     b"\n" + SALTED[0] + b" \n"[1:] + b" \n", b"\n" + SALTED[0][:24] + b"\n", b"\n" + SALTED[0][:25] + b"\n",
     b"\n" + SALTED[0][1:] + b"\n", b"\nA" + SALTED[0] + b"\n", b"\n" + SALTED[0].replace(b"== ",
     b"==\xc2\xa0") + b"\n",
     b"\n" + SALTED[0].replace(b"A== ", b"B== ") + b"\n", b"\n" + NOTE, b"\n" + SALTED[0][:25] + b"x" * 4072 + b"\n"],
)  # fmt: skip
def test_salted_lines_that_are_refused(tail: bytes) -> None:
    """Empty lines before, inside and after; no LF at the end; salts of another length; a line of 4,097 octets."""
    refused(NOTE + tail)


def test_equal_salted_lines_are_two_lines() -> None:
    assert instruction.parse(instruction.submission(NOTE, SALTED[:1] * 2)).salted == SALTED[:1] * 2


def test_as_many_salted_lines_as_an_instruction_can_name() -> None:
    lines = [SALTED[0]] * instruction.SALTED_MOST
    assert len(instruction.parse(instruction.submission(NOTE, lines)).salted) == 4100
    assert "4100 salted lines" in refused(instruction.submission(NOTE, [*lines, SALTED[0]]))


# --- bounds


def padded(size: int) -> bytes:
    """A note of exactly this many octets."""
    room = size - len(note_of([line_of()], instruction.text("transfer", ORIGIN, b'{"a":""}')))
    text = instruction.text("transfer", ORIGIN, b'{"a":"' + b"x" * room + b'"}')
    return note_of([line_of(text=text)], text)


def test_a_note_has_at_most_60000_octets() -> None:
    assert NOTE_MOST == 60_000
    for tail in (b"", b"\n" + SALTED[0] + b"\n"):
        assert len(instruction.parse(padded(NOTE_MOST) + tail).note) == NOTE_MOST
        assert "60001 octets" in refused(padded(NOTE_MOST + 1) + tail)


def test_a_submission_has_at_most_20_mebibytes() -> None:
    """The longest that can be named is shorter; what is longer is refused before it is looked into."""
    longest = salted.line(bytes(16), b'"' + b"x" * (4096 - 27) + b'"')
    octets = instruction.submission(padded(NOTE_MOST), [longest] * instruction.SALTED_MOST)
    assert SUBMISSION_MOST == 20_971_520 > len(octets)
    assert len(instruction.parse(octets).salted) == instruction.SALTED_MOST
    assert "20971521 octets" in refused(b"\x00" * (SUBMISSION_MOST + 1))
    assert "20971520" not in refused(b"x" * (SUBMISSION_MOST - 1) + b"\n")


@pytest.mark.parametrize("octets", [b"\n", b"x\n", b"x\n\n"])
def test_a_submission_of_nothing_but_lines_is_refused(octets: bytes) -> None:
    refused(octets * (2**20 // len(octets)))


@pytest.mark.parametrize(
    "octets", [b"", b"\n", b"\n\n", b"\n\n\n", TEXT, TEXT + b"\n", TEXT + b"\n\n", NOTE[:-1], NOTE[1:]]
)
def test_parts_of_a_submission_are_none(octets: bytes) -> None:
    refused(octets)


@given(st.binary(max_size=200))
def test_chance_is_refused(octets: bytes) -> None:
    refused(octets)
    refused(octets, instruction.parse_login)
    refused(TEXT + octets)


# --- logins


def test_the_parts_of_a_login() -> None:
    found = instruction.parse_login(LOGIN)
    assert (found.note, found.text, found.kind, found.origin) == (LOGIN, LOGIN_TEXT, "", ORIGIN)
    assert (found.object, found.salted, len(found.signatures)) == (b'{"nonce":"a"}', (), 1)


@pytest.mark.parametrize(
    "octets",
    [NOTE, instruction.submission(LOGIN, SALTED), LOGIN + b"\n", LOGIN[:-1], LOGIN.replace(b"@v1", b"@v1 transfer"),
     LOGIN.replace(b"@v1", b"@v1 "), LOGIN.replace(b"login", b"logout"), LOGIN.replace(b"\n", b"\r\n")],
)  # fmt: skip
def test_what_is_no_login(octets: bytes) -> None:
    """An instruction is no login and a login no instruction, so what is signed for one is good for nothing else."""
    refused(octets, instruction.parse_login)
    refused(LOGIN)


def test_a_login_is_held_to_the_same_form() -> None:
    for lines in ([], [line_of("other.example/x/" + HOLDER)], [line_of(), line_of()], lines_of(17)):
        refused(note_of(lines, LOGIN_TEXT), instruction.parse_login)
