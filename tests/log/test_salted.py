"""Salted lines and free texts: every class of code point, and the one spelling that each has."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s, merkle, salted
from ledger.log.malformed import Malformed
from tests.log.naive import NaiveTree

SALT = bytes(range(16))
FRONT = base64s.encode(SALT).encode() + b" "
salts = st.binary(min_size=16, max_size=16)
texts = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=200)


@given(salts, st.binary(min_size=1, max_size=300).filter(lambda octets: b"\n" not in octets))
def test_a_line_is_split_as_it_was_made(salt: bytes, text: bytes) -> None:
    assert salted.split(salted.line(salt, text)) == (salt, text)


@pytest.mark.parametrize(
    "line",
    [b"", b" ", FRONT[:-1], FRONT, FRONT[:-1] + b"\t{}", FRONT[:-1] + b"{}", b" " + FRONT + b"{}", FRONT[:-3] + b" {}",
     FRONT[:-4] + b"x== {}", FRONT[:-4] + b"=== {}", base64s.encode(bytes(15)).encode() + b" {}",
     base64s.encode(bytes(17)).encode() + b" {}", base64s.encode(bytes(18)).encode() + b" {}",
     "é".encode() + FRONT + b"{}",
     FRONT[:10] + "é".encode() + FRONT[12:] + b"{}", FRONT[:4] + b"-" + FRONT[5:] + b"{}", FRONT + b"{}\n",
     FRONT + b"{\n}"],
)  # fmt: skip
def test_what_is_no_salted_line_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed, match=r"salted line|base64"):
        salted.split(line)


def test_a_line_has_at_most_4096_octets() -> None:
    text = b'"' + b"x" * (4096 - len(FRONT) - 2) + b'"'
    assert salted.split(FRONT + text) == (SALT, text)
    assert salted.parse_free_text(FRONT + text) == "x" * (4096 - len(FRONT) - 2)
    with pytest.raises(Malformed, match="4097 octets"):
        salted.split(FRONT + text + b"x")


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40), st.data())
def test_lines_are_leaves_of_a_tree(lines: list[bytes], data: st.DataObject) -> None:
    tree, index = NaiveTree(lines), data.draw(st.integers(0, len(lines) - 1))
    assert salted.root(lines) == tree.root(len(lines))
    path = salted.path(lines, index)
    assert path == tree.path(index, 0, len(lines))
    leaf = merkle.leaf_hash(lines[index])
    assert merkle.verify_inclusion(leaf, index, len(lines), path, salted.root(lines))


# --- free text


@given(salts, texts)
def test_a_free_text_is_read_back(salt: bytes, value: str) -> None:
    line = salted.free_text(salt, value)
    assert line == base64s.encode(salt).encode() + b" " + json.dumps(value, ensure_ascii=False).encode()
    assert salted.parse_free_text(line) == value


def test_every_code_point_is_either_text_or_refused() -> None:
    """Refused are the controls, U+0000-001F and U+007F-009F, and the surrogates; nothing is changed on its way."""
    for number in [*range(0x3000), *range(0xD700, 0xE100), 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF]:
        character = chr(number)
        if unicodedata.category(character) in ("Cc", "Cs"):
            with pytest.raises(Malformed):
                salted.free_text(SALT, f"a{character}b")
        else:
            assert salted.parse_free_text(salted.free_text(SALT, f"a{character}b")) == f"a{character}b"


@pytest.mark.parametrize("number", [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xDFFF])
def test_a_control_is_refused_raw_and_escaped(number: int) -> None:
    escaped = f'"\\u{number:04x}"'.encode()
    raw = f'"{chr(number)}"'.encode("utf-8", "surrogatepass")
    for text in (escaped, escaped.upper().replace(b"\\U", b"\\u"), raw):
        with pytest.raises(Malformed):
            salted.parse_free_text(FRONT + text)


@pytest.mark.parametrize(
    "text",
    [r'"\/"', r'"\n"', r'"\t"', r'"\b"', r'"\f"', r'"\r"', r'"\u0041"', r'"\u00e9"', r'"\"', r'"\\\"', '"a', 'a"',
     '""a', '"a" ',
     ' "a"', '"a""b"', "'a'", "a", "1", "null", "true", "[]", '["a"]', "{}", '{"a":"b"}', '"a"b"', r'"\x41"',
     r'"\ud83d\ude00"'],
)  # fmt: skip
def test_a_text_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed, match="JSON string"):
        salted.parse_free_text(FRONT + text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [('""', ""), (r'"\""', '"'), (r'"\\"', "\\"), (r'"\\\""', '\\"'), (r'"\\u0041"', r"\u0041"), ('"/"', "/"),
     ('"é"', "é"),
     ('"e\u0301"', "e\u0301"), ('"\u2028\u2029"', "\u2028\u2029"), ('"\u00a0\ufeff\u200b"', "\u00a0\ufeff\u200b")],
)  # fmt: skip
def test_texts_that_look_odd_and_are_not(text: str, value: str) -> None:
    """Nothing is normalised: é in one code point and in two are two texts."""
    assert salted.parse_free_text(FRONT + text.encode()) == value
    assert salted.free_text(SALT, value) == FRONT + text.encode()


@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80", b"\x80"])
def test_a_text_is_utf_8(octets: bytes) -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        salted.parse_free_text(FRONT + b'"' + octets + b'"')


def test_a_text_that_makes_its_line_too_long_is_refused() -> None:
    most = 4096 - len(FRONT) - 2
    assert len(salted.free_text(SALT, "é" * (most // 2))) <= 4096
    for value in ("x" * (most + 1), "é" * (most // 2 + 1), '"' * (most // 2 + 1)):
        with pytest.raises(Malformed, match="4096 are the most"):
            salted.free_text(SALT, value)


@given(st.text(max_size=12))
def test_what_is_read_is_written_the_same(text: str) -> None:
    octets = FRONT + b'"' + text.encode("utf-8", "surrogatepass") + b'"'
    try:
        value = salted.parse_free_text(octets)
    except Malformed:
        return
    assert salted.free_text(SALT, value) == octets
