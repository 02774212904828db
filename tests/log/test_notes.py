"""Signed notes: the published ones, and each octet of one changed in turn."""

from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s, keys, notes
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine
from tests.log.data import load

CASES = load("notes/signed-note.json")
VKEYS = load("notes/vkeys.json")
SEED = bytes(range(32))
PUBLIC = keys.public_of(SEED)
NAME = "signer.example/1"
TEXT = "Señal\n\nof three lines\n".encode()
LINE = notes.format_line(NAME, keys.key_id(NAME, PUBLIC), keys.sign(SEED, TEXT))
NOTE = TEXT + b"\n" + LINE.encode() + b"\n"


def outcome(note: bytes, vkeys: list[str]) -> tuple[str, list[str], int]:
    """What a verifier with these keys says of a note: the outcome, the names that verified,
    how many keys are unknown."""
    try:
        text, lines = notes.open_note(note)
    except Malformed:
        return "malformed", [], 0
    known = {(name, keys.key_id(name, public)): public for name, public in map(keys.parse_vkey, vkeys)}
    verified: list[str] = []
    unknown = set()
    for line in lines:
        public = known.get((line.name, line.key_id))
        if public is None:
            unknown.add((line.name, line.key_id))
        elif not keys.verify(public, line.signature, text):
            return "invalid-signature", [], 0
        elif line.name not in verified:
            verified.append(line.name)
    return ("ok" if verified else "unverified"), verified, len(unknown)


@pytest.mark.parametrize("case", CASES, ids=[case["desc"] for case in CASES])
def test_published_notes(case: dict[str, Any]) -> None:
    found, verified, unknown = outcome(b64decode(case["note_b64"]), case["vkeys"])
    assert found == case["expect"]
    if found == "ok":
        assert (verified, unknown) == (case["verified"], case["unverified"])


def test_a_published_signature_is_made_again() -> None:
    case = VKEYS["sign"]
    name, _, key = case["skey"].removeprefix("PRIVATE+KEY+").split("+", 2)
    seed, text = base64s.decode(key, 33)[1:], case["text"].encode()
    line = notes.format_line(name, keys.key_id(name, keys.public_of(seed)), keys.sign(seed, text))
    assert text + b"\n" + line.encode() + b"\n" == case["note"].encode()


def test_text_and_lines_of_a_note() -> None:
    text, (line,) = notes.open_note(NOTE)
    assert text == TEXT
    assert line == SignatureLine(NAME, keys.key_id(NAME, PUBLIC), keys.sign(SEED, TEXT))
    assert notes.format_line(*line) == LINE


def test_no_octet_of_a_note_can_be_changed() -> None:
    """Nor taken away: what is left is malformed, or nobody's, or its signature fails."""
    vkeys = [keys.vkey(NAME, PUBLIC)]
    assert outcome(NOTE, vkeys)[0] == "ok"
    for n, octet in enumerate(NOTE):
        for changed in {octet ^ 1, octet ^ 0x20, octet ^ 0x80, 0x0A, 0x20} - {octet}:
            assert outcome(NOTE[:n] + bytes([changed]) + NOTE[n + 1 :], vkeys)[0] != "ok"
        assert outcome(NOTE[:n] + NOTE[n + 1 :], vkeys)[0] != "ok"
        assert outcome(NOTE[:n], vkeys)[0] != "ok"


def malformed_lines() -> list[str]:
    key = base64s.encode(bytes(68))
    return [
        f"- {NAME} {key}", f"—{NAME} {key}", f"—  {NAME} {key}", f"— {NAME}  {key}", f"— {NAME} {key} ",
        f" — {NAME} {key}",
        f"— {NAME}\u2003{key}", f"—\u00a0{NAME} {key}", f"— a b {key}", f"—  {key}", f"— {key}", "— ", "",
        f"— a+b {key}", f"— a\u2028b {key}", f"— a\u00a0b {key}", f"— a\u3000b {key}", f"— a\tb {key}",
        f"— {NAME} {key[:-1]}", f"— {NAME} {key}=", f"— {NAME} {base64s.encode(bytes(4))}", f"— {NAME} ",
        f"— {NAME} {key[:40]}-{key[41:]}",
    ]  # fmt: skip


@pytest.mark.parametrize("line", malformed_lines())
def test_a_malformed_line_is_refused(line: str) -> None:
    with pytest.raises(Malformed):
        notes.parse_line(line)
    with pytest.raises(Malformed):
        notes.open_note(b"text\n\n" + line.encode() + b"\n")
    with pytest.raises(Malformed):
        notes.open_note(NOTE + line.encode() + b"\n")


@pytest.mark.parametrize(
    "note",
    [b"", b"\n", b"\n\n", b"text\n", b"text\n\n", TEXT, NOTE[:-1], NOTE + b"\n", NOTE.replace(b"\n\n", b"\n"),
     LINE.encode(),
     b"\n" + LINE.encode() + b"\n", NOTE.replace(b"\n", b"\r\n"), b"\xff" + NOTE, b"\xed\xa0\x80" + NOTE,
     b"\xc0\x80" + NOTE,
     b"\x00" + NOTE, b"\x0b" + NOTE, b"\x1f" + NOTE, b"\t" + NOTE],
)  # fmt: skip
def test_a_malformed_note_is_refused(note: bytes) -> None:
    with pytest.raises(Malformed):
        notes.open_note(note)


def test_a_line_end_is_lf_and_nothing_else() -> None:
    """The separators on which str.splitlines would split are text like any other."""
    text = "one\u2028two\u2029three\u0085four\n".encode()
    assert notes.open_note(text + b"\n" + LINE.encode() + b"\n")[0] == text


def test_bounds() -> None:
    line = LINE.encode() + b"\n"
    assert len(notes.open_note(b"text\n\n" + line * notes.LINES_MOST)[1]) == notes.LINES_MOST
    with pytest.raises(Malformed, match="101 signature lines"):
        notes.open_note(b"text\n\n" + line * (notes.LINES_MOST + 1))
    filler = b"x" * (notes.MOST - len(line) - 2)
    assert notes.open_note(filler + b"\n\n" + line)[0] == filler + b"\n"
    with pytest.raises(Malformed):
        notes.open_note(filler + b"x\n\n" + line)


@given(st.text(max_size=20), st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))
def test_a_line_is_read_back_if_its_name_can_be_one(name: str, key_id: bytes, signature: bytes) -> None:
    line = notes.format_line(name, key_id, signature)
    can_be = name != "" and not any(c.isspace() or c < " " or c == "+" or "\ud800" <= c <= "\udfff" for c in name)
    if can_be:
        assert notes.parse_line(line) == (name, key_id, signature)
    else:
        with pytest.raises(Malformed):
            notes.parse_line(line)
