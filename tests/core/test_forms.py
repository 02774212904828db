"""Forms: the strict parser and the encoder that are derived from a NamedTuple's types."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.accounts import Moved
from ledger.core.forms import BadForm, Form, plain_of
from ledger.core.machine import EVENT_FORMS, FORMS, LEGS, Envelope, read_event, write_event
from ledger.core.transfers import Leg, Transfer
from ledger.core.words import SAFE, AccountId, Anchor, InstructionId, MovementId
from tests.core.book import Book, uuid7
from tests.core.test_accounts import eventful_book
from tests.core.test_footprint import instructions, of_keys

PAYER, PAYEE, ID = (uuid7(n) for n in (1, 2, 3))
TRANSFER = Transfer(AccountId(PAYER), AccountId(PAYEE), 3430, purpose="SUPP", ref="RF18 5390", once="a/1")
ENVELOPE = Envelope(ID, 1_795_000_600, Anchor(1, b"\x01" * 32))


def plain() -> dict[str, Any]:
    """A transfer as plain JSON."""
    value: dict[str, Any] = json.loads(FORMS["transfer"].text(TRANSFER, ENVELOPE))
    return value


def written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_the_encoder_writes_canonical_json_that_the_parser_reads_back() -> None:
    text = FORMS["transfer"].text(TRANSFER, ENVELOPE)
    assert text.encode() == written(json.loads(text))
    assert FORMS["transfer"].read(text.encode()) == (TRANSFER, ENVELOPE)


def test_every_kind_is_read_back_as_it_was_written() -> None:
    book = Book()
    for instruction in [*instructions(book), *of_keys(Book())]:
        form, asked = FORMS[instruction.kind], instruction.asked
        envelope: Any = ENVELOPE
        if instruction.kind == "genesis":
            envelope = form.envelope(ID, 1)  # type: ignore[misc]
        text = form.text(asked, envelope)
        assert text.encode() == written(json.loads(text))
        if instruction.kind in LEGS:
            asked = asked._replace(legs=asked.legs._replace(items=()))
        assert form.read(text) == (asked, envelope)


def test_every_event_is_read_back_as_it_was_written() -> None:
    seen = set()
    for _, events in eventful_book().events:
        for event in events:
            text = write_event(event)
            assert text.encode() == written(json.loads(text))
            assert read_event(text.encode()) == event
            seen.add(json.loads(text)["event"])
    assert seen == set(EVENT_FORMS)


def read_long(form: Form[Any], text: str) -> tuple[Any, Any] | None:
    """The form and its envelope by way of plain JSON; None where it refuses."""
    try:
        return form.read_plain(plain_of(text), text)
    except BadForm:
        return None


def test_the_short_way_reads_what_the_long_one_reads() -> None:
    """Of every text that a book has, and of each with one character taken out, put in or replaced."""
    texts = {(FORMS[one.kind], FORMS[one.kind].text(one.asked, ENVELOPE))
             for one in [*instructions(Book()), *of_keys(Book())] if one.kind != "genesis"}  # fmt: skip
    texts |= {(EVENT_FORMS[json.loads(write_event(event))["event"]], write_event(event))
              for _, events in eventful_book().events for event in events}  # fmt: skip
    read = 0
    for form, text in texts:
        for changed in [text, *changed_once(text)]:
            found = form.read_written(changed)
            read += found is not None
            assert found is None or repr(found) == repr(read_long(form, changed))
    assert read > len(texts)


def changed_once(text: str) -> Iterator[str]:
    for n in range(0, len(text), 3):
        for character in ("", "0", "7", "A", "Q", "a", "=", '"', ",", "-", " "):
            yield text[:n] + character + text[n:]
            yield text[:n] + character + text[n + 1 :]


class Absent:
    """In place of a value: the field is left out."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()
BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "amount": (0, -1, 10**15 + 1, 2**53, 2**64, 10.0, 1e3, "10", True, None, [1], {}, ABSENT),
    "payer": (PAYER.hex().upper(), PAYER.hex()[:-1], PAYER.hex() + "0", 7, None, ABSENT, "",
              "0192f3a8-7c0b-7e1a-9d2c-4b5a69788796", "0192f3a87c0b4e1a9d2c4b5a69788796"),
    "anchor": ([0, "A" * 43 + "="], [1], [1, "A" * 44], [1, "A" * 43 + "=", 2], {}, ABSENT, [1, "A" * 42 + "B="],
               [1, "A" * 42 + "_="], ["1", "A" * 43 + "="]),
    "not_after": (-1, 2**53, "1", 1.5, None, ABSENT),
    "purpose": ("supp", "SUP", "SUPPL", "SUP\n", "SUPÉ", 1, None),
    "ref": ("", "x" * 36, 'a"b', "a\\b", "à", "a\tb", None),
    "once": ("", "x" * 97, "a\nb", None, 5),
    "memo": ("", "A" * 44, "rent of May", None),
    "fees": (5,),
    "surprise": ("x",),
    "class": ("x",),
}  # fmt: skip
BAD_FIELDS = [(field, value) for field, values in BAD_VALUES.items() for value in values]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda part: str(part)[:24])
def test_a_field_that_is_not_of_its_type(field: str, value: Any) -> None:
    changed = plain()
    if value is ABSENT:
        del changed[field]
    else:
        changed[field] = value
    with pytest.raises(BadForm):
        FORMS["transfer"].read(written(changed))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"NaN",
        b"1",
        b'"x"',
        b"\xff",
        b"{" * 5000,
        b"[" * 100_000,
        written(plain()) + b" ",
        b" " + written(plain()),
        written(plain()).replace(b'"amount":3430', b'"amount":3430,"amount":3430'),
        written(plain()).replace(b'"amount":3430', b'"amount":3.430e3'),
        written(plain()).replace(b'"amount":3430', b'"amount":03430'),
        written(plain()).replace(b'"amount":3430', b'"amount":-0'),
        written(plain()).replace(b'"amount":3430', b'"amount":1_000'),
        written(plain()).replace(b'"amount":3430', b'"amount":Infinity'),
        written(plain()).replace(b'"amount":3430', b'"amount":' + b"9" * 5000),
        written(plain()).replace(b"SUPP", b"\\u0053UPP"),
        written(plain()).replace(b"SUPP", "SÚPP".encode()),
        written(plain()).replace(b'"once"', b'"once" '),
    ],
    ids=lambda octets: repr(octets[:20]),
)
def test_octets_that_are_no_canonical_object(octets: bytes) -> None:
    with pytest.raises(BadForm):
        FORMS["transfer"].read(octets)


def test_names_in_another_order_are_another_text() -> None:
    text = json.dumps(dict(reversed(list(plain().items()))), separators=(",", ":"))
    with pytest.raises(BadForm, match="canonical"):
        FORMS["transfer"].read(text.encode())


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ('{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}', True),
        ('{"a":{"b":{"c":{"d":{"e":{"f":[]}}}}}}', True),
        ('{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}', True),
        ('{"a":{"b":{"c":{"d":{"e":{"f":{"g":[]}}}}}}}', False),
        ('{"a":1.5}', False),
        ('{"a":null}', False),
        ('{"A":1}', False),
        ('{"a":9007199254740992}', False),
        ('{"a":9007199254740991}', True),
        ('{"a":"\\""}', False),
        ('""', False),
        ("[]", True),
        ("true", True),
    ],
)
def test_a_policys_body_is_any_value_of_the_profile(body: str, fits: bool) -> None:
    text = f'{{"anchor":[1,"{"A" * 43}="],"body":{body},"feature":"limits","id":"{ID.hex()}","not_after":1}}'
    try:
        asked, _ = FORMS["set_policy"].read(text)
    except BadForm:
        assert not fits
    else:
        assert fits and asked.body == body


@pytest.mark.parametrize("pilot", [False, True])
def test_each_optional_field_has_one_way_to_say_its_default(pilot: bool) -> None:
    book = Book(opened=False)
    form = FORMS["genesis"]
    text = form.text(book.genesis(pilot=pilot), form.envelope(ID, 1))  # type: ignore[misc]
    if pilot:
        assert form.read(text)[0].pilot is True
    else:
        with pytest.raises(BadForm, match="pilot"):
            form.read(text)


def test_exactly_one_of_key_and_custodian() -> None:
    book = Book()
    for change in ({"key": None}, {"custodian": book.clerk}):
        asked = book.admission("Forn").asked._replace(**change)
        with pytest.raises(BadForm, match="custodian"):
            FORMS["admit"].read(FORMS["admit"].text(asked, ENVELOPE))


@pytest.mark.parametrize("prefix", [b"\x00", b"\x02", b"\x04", b"\x06"])
def test_a_key_of_another_type_is_no_key(prefix: bytes) -> None:
    from binascii import b2a_base64

    asked = Book().admission("Forn").asked
    text = FORMS["admit"].text(asked, ENVELOPE)
    right = b2a_base64(b"\x01" + asked.key, newline=False).decode()
    wrong = b2a_base64(prefix + asked.key, newline=False).decode()
    assert FORMS["admit"].read(text)[0] == asked
    with pytest.raises(BadForm, match="key"):
        FORMS["admit"].read(text.replace(right, wrong))


@pytest.mark.parametrize(
    "octets",
    [
        b"{}",
        b"[]",
        b"1",
        b'{"event":"exploded"}',
        b'{"event":["moved"]}',
        b'{"event":null}',
        b'{"event":"moved"}',
        b"\xc3\xa0",
    ],
)
def test_an_event_that_nobody_knows(octets: bytes) -> None:
    with pytest.raises(BadForm):
        read_event(octets)


def test_a_movement_of_another_kind_is_no_movement() -> None:
    text = '{"amount":5,"event":"moved","id":["%s",0],"kind":"%s","payee":"%s","payer":"%s"}'
    for kind, known in (("trade", True), ("reversal", True), ("theft", False)):
        octets = (text % (ID.hex(), kind, PAYEE.hex(), PAYER.hex())).encode()
        if known:
            assert read_event(octets).id == MovementId(InstructionId(ID), 0)
        else:
            with pytest.raises(BadForm, match="kind"):
                read_event(octets)


Optional = st.none() | st.from_regex(r"[ !#-\[\]-~]{1,35}", fullmatch=True)


@given(
    st.integers(1, 10**15),
    Optional,
    Optional,
    st.integers(0, SAFE),
    st.integers(1, SAFE),
    st.binary(min_size=32, max_size=32),
)
def test_any_transfer_is_read_back(
    amount: int, ref: str | None, once: str | None, not_after: int, size: int, root: bytes
) -> None:
    asked = Transfer(AccountId(PAYER), AccountId(PAYEE), amount, ref=ref, once=once)
    envelope = Envelope(ID, not_after, Anchor(size, root))
    text = FORMS["transfer"].text(asked, envelope)
    assert text.encode() == written(json.loads(text))
    assert FORMS["transfer"].read(text) == (asked, envelope)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(Json, st.sampled_from(sorted(plain())))
def test_any_json_in_any_field_is_read_strictly_or_refused(value: Any, field: str) -> None:
    """Never another exception than BadForm, and what is accepted is written back octet for octet."""
    octets = written({**plain(), field: value})
    try:
        asked, envelope = FORMS["transfer"].read(octets)
    except BadForm as error:
        assert len(str(error)) < 300, "a message is short, whatever was sent"
    else:
        assert FORMS["transfer"].text(asked, envelope).encode() == octets


def test_a_leg_is_a_form_of_its_own() -> None:
    leg = Leg(AccountId(PAYEE), 5, once="x")
    form: Form[Leg] = LEGS["transfer_many"]
    assert form.read(form.text(leg))[0] == leg
    with pytest.raises(BadForm):
        form.read(form.text(leg).replace('"once":"x"', '"memo":"x"'))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tip": 5}, "unknown field 'tip'"),
        ({"amount": 0}, "amount: an integer from 1 to 1000000000000000"),
        ({"payer": "me"}, "payer: an id is a UUIDv7"),
        ({"anchor": [1, "A" * 42 + "B="]}, "anchor.root: base64 of 32 octets"),
    ],
)
def test_a_refused_form_names_the_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadForm) as caught:
        FORMS["transfer"].read(written({**plain(), **change}))
    assert says in str(caught.value)


# --- read by an expression


WRITTEN = [
    *((EVENT_FORMS[json.loads(write_event(event))["event"]], write_event(event))
      for _, events in eventful_book().events for event in events),
    *((FORMS[one.kind], FORMS[one.kind].text(one.asked, ENVELOPE))
      for one in instructions(Book()) if one.kind != "genesis"),
]  # fmt: skip


def in_words(form: Form[Any], text: str) -> Any:
    """What the parser makes of it that says why not; None where it refuses."""
    try:
        return form.read_plain(plain_of(text), text)
    except BadForm:
        return None


@given(st.sampled_from(WRITTEN), st.data())
def test_both_parsers_agree_on_every_text(written: tuple[Form[Any], str], data: st.DataObject) -> None:
    form, text = written
    assert form.read_written(text) in (in_words(form, text), None)
    start = data.draw(st.integers(0, len(text) - 1))
    end = start + data.draw(st.integers(0, 2))
    for put in data.draw(st.lists(st.text(st.sampled_from('"\\{}[],:-0129aef\n \x7fé'), max_size=3), max_size=8)):
        changed = text[:start] + put + text[end:]
        found = form.read_written(changed)
        assert found is None or found == in_words(form, changed), changed


def test_most_of_what_is_written_is_read_so() -> None:
    by_kind = {form.form: form.read_written(text) is not None for form, text in WRITTEN}
    assert by_kind[Moved] and by_kind[Transfer] and sum(by_kind.values()) > len(by_kind) / 2
    for form, text in WRITTEN:
        assert form.read_written(text) == (in_words(form, text) if by_kind[form.form] else None)
