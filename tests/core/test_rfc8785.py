"""Every kind and event is written in the canonical form of RFC 8785, as another library has it.

The values are drawn from the types of the forms, by a reading of those types that is this test's own.
"""

import json
import re
import struct
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core import words
from ledger.core.forms import BadForm, Form, canonical, check_profile, plain_of
from ledger.core.machine import EVENT_FORMS, FORMS, LEGS, read_event, write_event
from tests.log.data import load

Values = st.SearchStrategy[Any]
EXAMPLES = 20  # of each kind and event
DOCUMENTS = load("jcs/documents.json")
NUMBERS = load("jcs/rfc8785-appendix-b-numbers.json")
EDGES = load("jcs/edge-cases.json")

PRINTABLE = "".join(chr(n) for n in range(0x20, 0x7F) if chr(n) not in '"\\')
strings = st.text(PRINTABLE, min_size=1, max_size=128)
names = st.sampled_from(["a", "a1", "a_", "ab", "b", "z0", "zz"])
scalars = st.booleans() | st.integers(-words.SAFE, words.SAFE) | strings
shallow = scalars | st.lists(scalars, max_size=3) | st.dictionaries(names, scalars | st.lists(scalars, max_size=2))
profile = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def uuid7(octets: bytes) -> bytes:
    """An id of these octets, but for version and variant."""
    return octets[:6] + bytes([0x70 | octets[6] & 0x0F, octets[7], 0x80 | octets[8] & 0x3F]) + octets[9:]


ids = st.binary(min_size=16, max_size=16).map(uuid7)


def drawn(hint: Any) -> Values:
    """Values of a type of `words`, of a form, or of what is made of them."""
    if hint in words.IDS:
        return ids
    if hint is bool:
        return st.booleans()
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is Annotated:
        return marked(*get_args(hint)[:2])
    if get_origin(hint) is tuple:
        return st.lists(drawn(get_args(hint)[0]), max_size=3).map(tuple)
    return form_values(hint)


def marked(base: Any, mark: Any) -> Values:
    """Values of an annotated type."""
    if isinstance(mark, words.Between):
        return st.integers(*mark) | st.sampled_from(mark)
    if isinstance(mark, words.Pattern):
        return pattern(mark.expression)
    if isinstance(mark, words.Octets):
        return st.binary(min_size=mark.size, max_size=mark.size)
    if mark == words.JSON:
        return shallow.map(lambda value: rfc8785.dumps(value).decode())
    if mark == words.MAP:
        key, value = get_args(get_args(base)[0])
        return st.dictionaries(drawn(key), drawn(value), max_size=3).map(lambda found: tuple(sorted(found.items())))
    return drawn(base)


def pattern(expression: str) -> Values:
    """Texts of a pattern; the plain strings, which are the most, in a faster way."""
    if expression.startswith("(?="):  # an origin, whose length a drawing by its pattern would mostly miss
        expression = r"[a-z0-9.-]{1,30}(:[0-9]{1,5})?/[a-z0-9][a-z0-9-]{0,62}"
    plain = re.fullmatch(r"\[ !#-\\\[\\\]-~\]\{1,([0-9]+)\}", expression)
    if plain:
        return st.text(PRINTABLE, min_size=1, max_size=int(plain[1]))
    return st.from_regex(re.compile(expression, re.ASCII), fullmatch=True)


def form_values(form: Any) -> Values:
    """Values of a form: each field by its type, an optional one also absent; legs come apart, so none here."""
    fields: dict[str, Values] = {}
    for name, hint in get_type_hints(form, include_extras=True).items():
        if name == "items" and form in words.ARRAYS:
            fields[name] = st.just(())
        elif get_origin(hint) is UnionType or type(None) in get_args(hint):
            (bare,) = (part for part in get_args(hint) if part is not type(None))
            fields[name] = st.none() | drawn(bare)
        else:
            fields[name] = drawn(hint)
    return st.builds(form, **fields)


def flawless(value: Any) -> bool:
    """Whether what no single field's type says is so too; of the forms within as well."""
    if hasattr(value, "flaw") and value.flaw():
        return False
    return not isinstance(value, tuple) or all(flawless(part) for part in value)


def assert_canonical(text: str) -> None:
    assert rfc8785.dumps(json.loads(text)) == text.encode()


@pytest.mark.parametrize("kind", FORMS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_every_kind(kind: str, data: st.DataObject) -> None:
    form = FORMS[kind]
    assert form.envelope is not None
    asked, envelope = data.draw(form_values(form.form)), data.draw(form_values(form.envelope))
    text = form.text(asked, envelope)
    assert_canonical(text)
    if flawless(asked):
        assert form.read(text) == (asked, envelope)
    else:
        with pytest.raises(BadForm):
            form.read(text)


@pytest.mark.parametrize("kind", LEGS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_every_leg(kind: str, data: st.DataObject) -> None:
    form: Form[Any] = LEGS[kind]
    leg = data.draw(form_values(form.form))
    assert_canonical(form.text(leg))
    if flawless(leg):
        assert form.read(form.text(leg)) == (leg, None)


@pytest.mark.parametrize("kind", EVENT_FORMS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_every_event(kind: str, data: st.DataObject) -> None:
    event = data.draw(form_values(EVENT_FORMS[kind].form))
    text = write_event(event)
    assert_canonical(text)
    assert json.loads(text)["event"] == kind
    if flawless(event):
        assert read_event(text.encode()) == event


@given(profile)
def test_values_of_the_profile(value: Any) -> None:
    assert canonical(value).encode() == rfc8785.dumps(value)
    check_profile(value, "", 1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING)
def test_of_all_other_json_what_passes_is_canonical_all_the_same(value: Any) -> None:
    """What two libraries would write differently is no value of the profile: floats, escapes, large integers."""
    try:
        check_profile(value, "", 1)
    except BadForm:
        return
    assert canonical(value).encode() == rfc8785.dumps(value)


# --- published vectors


def taken(text: str) -> bool:
    """Whether a text is a value of the profile, and written as it is to be."""
    try:
        check_profile(plain_of(text), "", 1)
    except BadForm:
        return False
    return canonical(plain_of(text)) == text


def parts(value: Any) -> Iterator[Any]:
    """A value and all that is in it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from parts(item)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_published_documents(name: str) -> None:
    """None is of the profile; what is so of its parts, is written as published."""
    given, published = DOCUMENTS[name]["input"], DOCUMENTS[name]["output"]
    assert rfc8785.dumps(json.loads(given)).decode() == published
    assert not taken(given) and not taken(published)
    for part in parts(plain_of(given)):
        if taken(canonical(part)):
            assert canonical(part) in published


@pytest.mark.parametrize("case", NUMBERS, ids=[case["ieee754_hex"] for case in NUMBERS])
def test_published_numbers(case: dict[str, str | None]) -> None:
    """Integers within 2^53-1 are written as published; a fraction, and whatever is larger, is no number of ours."""
    (number,) = struct.unpack(">d", bytes.fromhex(case["ieee754_hex"] or ""))
    with pytest.raises(BadForm):
        check_profile(number, "", 1)
    written = case["expected"]
    if written is not None:
        assert taken(written) == (number.is_integer() and abs(number) <= words.SAFE)


@pytest.mark.parametrize("case", EDGES, ids=[case["desc"] for case in EDGES])
def test_published_edges(case: dict[str, Any]) -> None:
    assert taken(case["json"]) == (case["json"] == "9007199254740991")
    if "canonical" in case:
        assert rfc8785.dumps(json.loads(case["json"])).decode() == case["canonical"]
    if taken(case["json"]):
        assert canonical(plain_of(case["json"])) == case["canonical"]


@pytest.mark.parametrize(
    "text",
    ["-9007199254740992", "Infinity", "-Infinity", "null", '"\\u00e9"', '"a\\"b"', '""', '{"A":1}', '{"":1}',
     "[" * 9 + "]" * 9],
)  # fmt: skip
def test_more_that_is_outside_the_profile(text: str) -> None:
    with pytest.raises(BadForm):
        check_profile(plain_of(text), "", 1)


@pytest.mark.parametrize("text", ['{"b":1,"a":1}', "[1, 2]", '"\\u0041"', "1E2"])
def test_more_that_is_written_differently(text: str) -> None:
    """They parse to values of the profile or not; either way their own octets are not what is written."""
    assert canonical(plain_of(text)) != text
