"""Instructions: what is taken apart, and every text and signature line that is refused for its form."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import instruction, keys, notes, salted
from ledger.log.instruction import Submission
from ledger.log.malformed import Malformed
from tests.log.submissions import (
    HOLDER,
    LOGIN_TEXT,
    NOTE,
    OBJECT,
    ORIGIN,
    SALTED,
    SEED,
    SUBMISSION,
    TEXT,
    line_of,
    lines_of,
    note_of,
    refused,
)

# --- what is taken apart


def test_the_parts_of_a_submission() -> None:
    found = instruction.parse(SUBMISSION)
    assert (found.note, found.text, found.kind, found.origin, found.object) == (NOTE, TEXT, "transfer", ORIGIN, OBJECT)
    assert found.salted == SALTED
    assert [line.name for line in found.signatures] == [f"{ORIGIN}/{HOLDER}"]
    assert keys.verify(keys.public_of(SEED), found.signatures[0].signature, found.text)


def test_without_salted_lines_there_is_no_empty_line() -> None:
    found = instruction.parse(NOTE)
    assert (found.note, found.salted) == (NOTE, ())
    assert instruction.submission(NOTE, ()) == NOTE
    assert "signature line" in refused(NOTE + b"\n")
    assert instruction.parse(found.note)._replace(salted=SALTED) == instruction.parse(SUBMISSION)


@given(
    st.from_regex(instruction.KIND, fullmatch=True),
    st.integers(1, 16),
    st.lists(st.binary(min_size=1, max_size=60).filter(lambda octets: not set(octets) & set(range(32))), max_size=5),
)
def test_what_is_put_together_is_taken_apart(kind: str, count: int, values: list[bytes]) -> None:
    text = instruction.text(kind, ORIGIN, OBJECT)
    note = instruction.note(text, reversed(lines_of(count)))
    lines = [salted.line(bytes([n]) * 16, value) for n, value in enumerate(values)]
    octets = instruction.submission(note, lines)
    try:
        octets.decode()
    except UnicodeDecodeError:
        assert refused(octets) == "not UTF-8"
        return
    found = instruction.parse(octets)
    assert (found.note, found.text, found.kind, found.salted) == (note, text, kind, tuple(lines))
    assert len(found.signatures) == count


def test_no_octet_can_be_changed_unseen() -> None:
    """Each change is refused, or it is seen in the text and its signature fails, or in the salted lines' own tree."""
    public = keys.public_of(SEED)
    name = f"{ORIGIN}/{HOLDER}"
    for n, octet in enumerate(SUBMISSION):
        for changed in {octet ^ 1, octet ^ 0x20, octet ^ 0x80, 0x0A, 0x20} - {octet}:
            try:
                found = instruction.parse(SUBMISSION[:n] + bytes([changed]) + SUBMISSION[n + 1 :])
            except Malformed:
                continue
            (line,) = found.signatures
            is_signed = (line.name, line.key_id) == (name, keys.key_id(name, public)) and keys.verify(
                public, line.signature, found.text
            )
            assert not is_signed or salted.root(found.salted) != salted.root(SALTED)


def test_no_octet_can_be_taken_away_unseen() -> None:
    for n in range(len(SUBMISSION)):
        for octets in (SUBMISSION[:n], SUBMISSION[:n] + SUBMISSION[n + 1 :]):
            try:
                found = instruction.parse(octets)
            except Malformed:
                continue
            is_whole = found.text == TEXT and keys.verify(keys.public_of(SEED), found.signatures[0].signature, TEXT)
            assert not is_whole or found.salted != SALTED


# --- octets


def parsed(parse: Callable[[bytes], Submission], octets: bytes) -> Submission | str:
    """What is made of these octets, or why nothing is."""
    try:
        return parse(octets)
    except Malformed as error:
        return str(error)


def test_the_short_way_takes_nothing_that_the_long_one_refuses() -> None:
    text = TEXT.replace(b"3430", b"3" * instruction.NOTE_MOST)
    long = note_of([line_of(text=text)], text)
    assert parsed(instruction.parse, long) == parsed(instruction.parse_any, long)
    for note in (note_of(lines_of(17)), note_of([*lines_of(2), line_of()]), note_of([line_of(), line_of()])):
        assert parsed(instruction.parse, note) == parsed(instruction.parse_any, note)
    for n in range(len(NOTE) + 1):
        for octet in (b"", b"\n", b"\x7f", b"\x80", b" ", b"/", b"0", b"=", b"B", b"\xe2\x80\x94"):
            for changed in (NOTE[:n] + octet + NOTE[n:], NOTE[:n] + octet + NOTE[n + 1 :]):
                assert parsed(instruction.parse, changed) == parsed(instruction.parse_any, changed)


@pytest.mark.parametrize("octet", [n for n in range(0x20) if n != 0x0A])
def test_controls_are_refused_wherever_they_stand(octet: int) -> None:
    assert "below 0x20" in refused(SUBMISSION + bytes([octet]))
    for place in (0, 10, len(TEXT) + 5, len(NOTE) + 30, len(SUBMISSION) - 1):
        assert "below 0x20" in refused(SUBMISSION[:place] + bytes([octet]) + SUBMISSION[place:])
        assert "below 0x20" in refused(SUBMISSION[:place] + bytes([octet]) + SUBMISSION[place + 1 :])


@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\x8a", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80"])
def test_what_is_not_utf_8_is_refused(octets: bytes) -> None:
    for place in (0, len(TEXT) - 1, len(SUBMISSION) - 2):
        assert refused(SUBMISSION[:place] + octets + SUBMISSION[place:]) == "not UTF-8"


@pytest.mark.parametrize("separator", ["\r\n", "\r", "\x0b", "\x0c", "\u2028", "\u2029", "\u0085"])
def test_a_line_ends_in_lf_and_nothing_else(separator: str) -> None:
    refused(SUBMISSION.replace(b"\n", separator.encode()))
    between = len(NOTE) + 1 + len(SALTED[0])  # two salted lines, joined, are one that the core refuses
    for n, octet in enumerate(SUBMISSION):
        if octet == 0x0A and n != between:
            refused(SUBMISSION[:n] + separator.encode() + SUBMISSION[n + 1 :])


def test_a_separator_of_other_programs_is_a_character_of_a_free_text() -> None:
    lines = (salted.free_text(bytes(16), "a\u2028b\u2029c"), salted.line(bytes(16), "{\u2028}".encode()))
    assert instruction.parse(instruction.submission(NOTE, lines)).salted == lines


# --- the text


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", TEXT[1:], TEXT[:-1], TEXT + b"more\n", b"more\n" + TEXT, TEXT.replace(b" transfer", b""),
     TEXT.replace(b" transfer", b" "), TEXT.replace(b" transfer", b"  transfer"), TEXT.replace(b"transfer",
     b"transfer "),
     TEXT.replace(b"transfer", b"Transfer"), TEXT.replace(b"transfer", b"_transfer"), TEXT.replace(b"transfer",
     b"t" * 33),
     TEXT.replace(b"transfer", b"t1"), TEXT.replace(b"transfer", "trànsfer".encode()), TEXT.replace(b"@v1", b"@v2"),
     TEXT.replace(b"comarca", b"Comarca"), TEXT.replace(b"instruction", b"login"), LOGIN_TEXT, TEXT.replace(b"{",
     b"[", 1),
     TEXT.replace(b"{", b" {", 1), TEXT.replace(OBJECT, b""), TEXT.replace(OBJECT, b"null"),
     TEXT.replace(b"3430", '"é"'.encode()), TEXT.replace(b"3430", "٣".encode()), TEXT.replace(b",", b",\n")],
)  # fmt: skip
def test_a_text_that_is_refused(text: bytes) -> None:
    refused(note_of([line_of(text=text)], text))
    refused(instruction.submission(note_of([line_of(text=text)], text), SALTED))


LONG = "a" * (100 - len("/solana"))


@pytest.mark.parametrize(
    "origin",
    ["ledger.example/solana", "a/b", "127.0.0.1:8080/x", "a-b.c/d-e", f"{LONG}/solana", "a/" + "b" * 63, "a/0", "a/v2",
     "a/metrics-1", "a/" + HOLDER[:-1], "a/" + HOLDER + "0"],
)  # fmt: skip
def test_an_origin(origin: str) -> None:
    instruction.check_origin(origin)
    text = instruction.text("transfer", origin, OBJECT)
    assert instruction.parse(note_of([line_of(f"{origin}/{HOLDER}", text)], text)).origin == origin


@pytest.mark.parametrize(
    "origin",
    ["", "/", "a", "a/", "/b", "a/b/c", "A/b", "a/B", "a b/c", "a/b c", "a/-b", "a/b_c", "a/" + "b" * 64,
     f"{LONG}a/solana",
     "a:/b", "a:x/b", "a:1:2/b", ":1/b", "a:٣/b", "à/b", "a/b\n", "https://a/b", "a/b?", "a/%62", "a+b/c", "a/v1",
     "a/health",
     "a/metrics", "a/docs", "a/static", "a/" + HOLDER, "\u2028a/b"],
)  # fmt: skip
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(Malformed):
        instruction.check_origin(origin)
    text = instruction.text("transfer", origin, OBJECT)
    refused(note_of([line_of(f"{origin}/{HOLDER}", text)], text))


# --- signature lines


def test_sixteen_lines_and_not_seventeen() -> None:
    lines = sorted(lines_of(17), key=str.encode)
    assert len(instruction.parse(note_of(lines[:16])).signatures) == 16
    assert "17 signature lines" in refused(note_of(lines))
    assert "signature line" in refused(note_of([])) + refused(TEXT + b"\n\n" + SALTED[0] + b"\n")


def test_lines_ascend_as_octets() -> None:
    lines = sorted(lines_of(3), key=str.encode)
    for wrong in ([1, 0, 2], [0, 2, 1], [2, 1, 0], [0, 0, 1], [0, 1, 1]):
        assert "ascend" in refused(note_of([lines[n] for n in wrong]))
    assert instruction.note(TEXT, reversed(lines)) == note_of(lines)


def test_one_line_for_a_key() -> None:
    """Another signature of the same key over the same text does not make it two signers."""
    name = f"{ORIGIN}/{HOLDER}"
    other = notes.format_line(name, keys.key_id(name, keys.public_of(SEED)), bytes(64))
    assert "one key" in refused(note_of(sorted([line_of(), other], key=str.encode)))
    second = line_of(seed=bytes(32))  # another key of the same holder
    assert len(instruction.parse(note_of(sorted([line_of(), second], key=str.encode))).signatures) == 2


@pytest.mark.parametrize(
    "name",
    ["", ORIGIN, f"{ORIGIN}/", f"/{HOLDER}", HOLDER, f"{ORIGIN}/{HOLDER[:-1]}", f"{ORIGIN}/{HOLDER}0",
     f"{ORIGIN}//{HOLDER}",
     f"{ORIGIN}/{HOLDER.upper()}", f"{ORIGIN}-{HOLDER}", f"ledger.example/other/{HOLDER}", f"x{ORIGIN}/{HOLDER}",
     f"{ORIGIN}/{HOLDER[:12]}4{HOLDER[13:]}", f"{ORIGIN}/{HOLDER[:16]}c{HOLDER[17:]}",
     f"{ORIGIN}/{HOLDER[:8]}-{HOLDER[9:]}",
     f"{ORIGIN}/{HOLDER}/{HOLDER}", f"{ORIGIN}/{HOLDER[:-1]}٣", f"{ORIGIN}/{HOLDER}\u2028", f"{ORIGIN}/{HOLDER}+"],
)  # fmt: skip
def test_a_name_that_is_no_holders_of_this_ledger(name: str) -> None:
    refused(note_of([line_of(name)]))


@pytest.mark.parametrize("length", [1, 63, 65, 72, 2420])
def test_a_signature_has_64_octets(length: int) -> None:
    line = notes.format_line(f"{ORIGIN}/{HOLDER}", bytes(4), bytes(length))
    assert f"a signature of {length} octets" in refused(note_of([line]))


@pytest.mark.parametrize(
    ("old", "new"), [("— ", "- "), ("— ", "—"), (" ", "  "), ("=", ""), ("— ", "—\u00a0"), ("— ", "")]
)
def test_another_spelling_of_a_line(old: str, new: str) -> None:
    line = line_of()
    assert old in line
    refused(note_of([line.replace(old, new)]))
    refused(note_of([line + " "]))
    refused(note_of([" " + line]))
