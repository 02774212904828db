"""Records: written and read back, and every other spelling of them refused."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.malformed import Malformed
from ledger.log.records import (
    Erased,
    Record,
    Texts,
    read_personal,
    read_records,
    records_path,
    write_personal,
    write_records,
)

ORIGIN = "ledger.example/solana"
ID = "01a1ee565e007000ab86b273ff34fce1"
ERASED = Erased(ID, "transfer", bytes(32))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(str.encode)
LINES = st.lists(TEXT, min_size=1, max_size=3).map(tuple)


def records(first: int) -> st.SearchStrategy[list[Record]]:
    whole = st.builds(Record, st.just(0), TEXT, st.none() | LINES, LINES, st.none())
    erased = st.builds(Record, st.just(0), st.none(), st.none(), LINES, st.just(ERASED))
    some = st.lists(whole | erased, max_size=5)
    return some.map(lambda found: [one._replace(log_index=n) for n, one in enumerate(found, first)])


@given(records(256))
def test_read_back(found: list[Record]) -> None:
    lines = list(write_records(ORIGIN, 256, found))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert list(read_records(lines, ORIGIN, 256, len(found))) == found


@given(st.lists(st.dictionaries(st.sampled_from(["memo", "reason", "profile"]), TEXT, min_size=1), max_size=5))
def test_texts_read_back(found: list[dict[str, bytes]]) -> None:
    texts = [Texts(3 * n, lines) for n, lines in enumerate(found)]
    assert list(read_personal(write_personal(ORIGIN, texts), ORIGIN)) == texts


def read(lines: Iterable[bytes]) -> list[Record]:
    return list(read_records(lines, ORIGIN, 1, 1))


HEADER, GOOD = write_records(ORIGIN, 1, [Record(1, b"a note", (b"leg",), (b"event",))])


def test_another_origin_place_or_count() -> None:
    assert read([HEADER, GOOD])[0].note == b"a note"
    for lines in ([], [GOOD], [HEADER.replace(b"solana", b"luna"), GOOD], [HEADER.replace(b":1,", b":2,"), GOOD]):
        with pytest.raises(Malformed, match="first line"):
            read(lines)
    with pytest.raises(Malformed, match="ends before entry 1"):
        read([HEADER])
    with pytest.raises(Malformed, match="goes on after entry 1"):
        read([HEADER, GOOD, GOOD])


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{}\n", b"nan\n", GOOD[:-1], GOOD[:-2] + b" }\n", b" " + GOOD, GOOD.replace(b":1,", b":2,"),
     GOOD.replace(b":1,", b":true,"), GOOD.replace(b":1,", b":1.0,"), GOOD.replace(b"a note", b"a \\u006eote"),
     GOOD.replace(b'"a note"', b'"\\ud800"'), GOOD.replace(b'"a note"', b"7"), GOOD.replace(b'["leg"]', b"[]"),
     GOOD.replace(b'["leg"]', b'"leg"'), GOOD.replace(b'["event"]', b"[null]"), GOOD.replace(b'"note"', b'"notes"'),
     GOOD.replace(b'"events":["event"],', b""), GOOD[:-2] + b',"note":"a note"}\n',
     GOOD.replace(b'note"', b'note\xff"'),
     GOOD.replace(b'{"events"', b'{"erased":["' + ID.encode() + b'","transfer","' + b"A" * 43 + b'="],"events"'),
     b"[" * 100_000 + b"\n", GOOD.replace(b'"note":"a note"', b'"erased":[]')],
)  # fmt: skip
def test_any_other_line_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        read([HEADER, line])


@pytest.mark.parametrize(
    "erased", ['["x","transfer","{}"]', '["{id}","Transfer","{}"]', '["{id}","transfer","AA=="]', '["{id}","transfer"]',
               '["{id}",7,"{}"]', '{{"id":"{id}"}}'],
)  # fmt: skip
def test_what_is_left_of_an_erased_note(erased: str) -> None:
    said = erased.replace("{id}", ID).replace("{}", "A" * 43 + "=")
    with pytest.raises(Malformed):
        read([HEADER, f'{{"erased":{said},"events":["e"],"log_index":1}}\n'.encode()])


@pytest.mark.parametrize(
    "line", [b'{"log_index":3,"texts":{}}\n', b'{"log_index":-1,"texts":{"memo":"a"}}\n',
             b'{"log_index":true,"texts":{"memo":"a"}}\n', b'{"log_index":3,"texts":{"memo":7}}\n',
             b'{"log_index":3}\n'],
)  # fmt: skip
def test_texts_that_are_none(line: bytes) -> None:
    with pytest.raises(Malformed):
        list(read_personal([*write_personal(ORIGIN, []), line], ORIGIN))


def test_texts_out_of_order() -> None:
    header, one, two = write_personal(ORIGIN, [Texts(3, {"memo": b"a"}), Texts(4, {"memo": b"a"})])
    for lines in ([header, two, one], [header, one, one]):
        with pytest.raises(Malformed, match="out of its order"):
            list(read_personal(lines, ORIGIN))


def test_where_they_stand() -> None:
    assert records_path(0, 1) == "records/000.p/1.jsonl"
    assert records_path(1_234_067) == "records/x001/x234/067.jsonl"
