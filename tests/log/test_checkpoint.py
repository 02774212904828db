"""Checkpoints: published ones, our own, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s, checkpoint, keys, notes
from ledger.log.malformed import Malformed
from tests.log.data import load

BODIES = load("checkpoints/parse.json")["body_cases"]
SUMDB = load("checkpoints/sumdb-production-checkpoint.json")
LOG = load("proofs/log-of-600.json")
SEED, OTHER = bytes(range(32)), bytes(32)
PUBLIC = keys.public_of(SEED)
ORIGIN = "ledger.example/solana"
ROOT = bytes(range(100, 132))
NOTE = checkpoint.sign(SEED, ORIGIN, 600, ROOT)


def signed(text: bytes, seed: bytes = SEED, name: str = ORIGIN) -> bytes:
    """A note of any text with one line of one key."""
    line = notes.format_line(name, keys.key_id(name, keys.public_of(seed)), keys.sign(seed, text))
    return text + b"\n" + line.encode() + b"\n"


@pytest.mark.parametrize("case", BODIES, ids=[case["desc"] for case in BODIES])
def test_published_bodies(case: dict[str, Any]) -> None:
    """Ours are strict: 32 octets of root, no extension lines."""
    text = case["body"].encode()
    if case.get("strict_c2sp_ok", case["ok"]):
        origin, size, root = checkpoint.parse_body(text)
        assert checkpoint.body(origin, size, root) == text
    else:
        with pytest.raises(Malformed):
            checkpoint.parse_body(text)
        if text.endswith(b"\n"):
            with pytest.raises(Malformed):
                checkpoint.parse(signed(text))


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"a\n1\n", b"a\n1\n%R", b"a\n1\n%R\n\n", b"a\n1\n%R\nextension\n", b"\na\n1\n%R\n",
     b"a\r\n1\r\n%R\r\n",
     b"a\n9223372036854775808\n%R\n", b"a\n18446744073709551616\n%R\n", b"a\n00\n%R\n", b"a\n1 \n%R\n", b"a\n1e3\n%R\n",
     b"a\n0x1\n%R\n", b"a\n\n%R\n", b"a\n1\n%R \n", b"a\n1\n\n", b"a\n1\n\xff\n", b"\xff\n1\n%R\n", b"a\x00\n1\n%R\n"],
)  # fmt: skip
def test_any_other_body_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        checkpoint.parse_body(text.replace(b"%R", base64s.encode(ROOT).encode()))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_root_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Malformed, match="32 belong"):
        checkpoint.parse_body(checkpoint.body("a", 1, bytes(length)))


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_what_is_signed_is_read_back_and_verifies(size: int, root: bytes) -> None:
    found = checkpoint.verify(checkpoint.sign(SEED, ORIGIN, size, root), ORIGIN, PUBLIC)
    assert (found.origin, found.size, found.root, found.text) == (
        ORIGIN,
        size,
        root,
        checkpoint.body(ORIGIN, size, root),
    )
    assert [line.name for line in found.signatures] == [ORIGIN]


def test_no_octet_of_a_checkpoint_can_be_changed() -> None:
    for n, octet in enumerate(NOTE):
        for changed in {octet ^ 1, octet ^ 0x20, octet ^ 0x80, 0x0A} - {octet}:
            with pytest.raises(Malformed):
                checkpoint.verify(NOTE[:n] + bytes([changed]) + NOTE[n + 1 :], ORIGIN, PUBLIC)
        for cut in (NOTE[:n], NOTE[:n] + NOTE[n + 1 :]):
            with pytest.raises(Malformed):
                checkpoint.verify(cut, ORIGIN, PUBLIC)


def test_lines_of_others_are_kept_and_not_judged() -> None:
    note = LOG["checkpoints"][-1].encode()
    origin, public = keys.parse_vkey(LOG["vkey"])
    assert checkpoint.verify(note, origin, public).size == 600
    assert checkpoint.verify(LOG["with_mldsa"].encode(), origin, public).size == 600
    stranger = notes.format_line("witness.example", b"\x00" * 4, b"\x04" * 72).encode() + b"\n"
    text, lines = NOTE.split(b"\n\n")
    for put in (NOTE + stranger * 15, text + b"\n\n" + stranger + lines):
        assert checkpoint.verify(put, ORIGIN, PUBLIC).size == 600
    with pytest.raises(Malformed, match="17 signature lines"):
        checkpoint.parse(NOTE + stranger * 16)


def test_another_key_of_the_same_name_is_a_stranger() -> None:
    """So an operator's old key and its new one can both sign for a time."""
    old = checkpoint.sign(OTHER, ORIGIN, 600, ROOT).split(b"\n\n")[1]
    assert checkpoint.verify(NOTE + old, ORIGIN, PUBLIC) == checkpoint.verify(NOTE + old, ORIGIN, keys.public_of(OTHER))


@pytest.mark.parametrize(
    "note",
    [
        checkpoint.sign(OTHER, ORIGIN, 600, ROOT),
        signed(checkpoint.body(ORIGIN, 600, ROOT), name="ledger.example/other"),
        signed(checkpoint.body("ledger.example/other", 600, ROOT)),
        checkpoint.sign(SEED, "ledger.example/other", 600, ROOT),
        checkpoint.sign(SEED, ORIGIN, 0, ROOT),
        NOTE + NOTE.split(b"\n\n")[1],
        NOTE + notes.format_line(ORIGIN, keys.key_id(ORIGIN, PUBLIC), bytes(64)).encode() + b"\n",
        NOTE.split(b"\n\n")[0] + b"\n\n"
        + notes.format_line(ORIGIN, keys.key_id(ORIGIN, PUBLIC), bytes(63)).encode() + b"\n",
    ],
    ids=["another key", "another name", "another origin", "both", "empty log", "twice", "twice, one bad", "63 octets"],
)  # fmt: skip
def test_what_the_operator_did_not_sign_is_refused(note: bytes) -> None:
    with pytest.raises(Malformed):
        checkpoint.verify(note, ORIGIN, PUBLIC)


def test_a_checkpoint_of_the_go_checksum_database() -> None:
    """Its origin is another than its key's name, so it is no checkpoint of ours, but it is one."""
    note = SUMDB["request"]["request_body"].split("\n\n", 1)[1].encode()
    found = checkpoint.parse(note)
    assert (found.origin, found.size) == (SUMDB["origin"], 35_225_469)
    name, public = keys.parse_vkey(SUMDB["vkey"])
    (line,) = [line for line in found.signatures if line.name == name]
    assert line.key_id == keys.key_id(name, public)
    assert keys.verify(public, line.signature, found.text)
