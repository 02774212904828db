"""Cosignatures: a real witness's, our own, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import checkpoint, cosignature, keys, notes
from ledger.log.keys import COSIGNER
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine
from tests.log.data import load

COSIGNED = load("witness/cosigned.json")
NAME = "witness.example/w1"
SEED, OTHER = bytes(range(32)), bytes(32)
PUBLIC = keys.public_of(SEED)
TEXT = checkpoint.body("ledger.example/solana", 600, bytes(range(32)))
LINE = notes.parse_line(cosignature.make(SEED, NAME, TEXT, 1_795_000_256))


@pytest.mark.parametrize(("who", "time"), [("witness", 1_795_478_285), ("auditor", 1_795_000_900)])
def test_cosignatures_that_others_made(who: str, time: int) -> None:
    """The witness's line is one of litewitness's."""
    name, public = keys.parse_vkey(COSIGNED[who], COSIGNER)
    signed = checkpoint.parse(COSIGNED["cosigned"].encode())
    assert cosignature.find(signed.signatures, name, public, signed.text) == time
    assert cosignature.find(signed.signatures[:1], name, public, signed.text) is None
    assert keys.vkey(name, public, COSIGNER) == COSIGNED[who]


@given(st.integers(0, 2**63 - 1))
def test_what_is_made_verifies_at_its_time(time: int) -> None:
    line = notes.parse_line(cosignature.make(SEED, NAME, TEXT, time))
    assert cosignature.verify(line, NAME, PUBLIC, TEXT) == time
    assert len(line.signature) == cosignature.LENGTH


@pytest.mark.parametrize("time", [-1, 2**63])
def test_no_cosignature_of_another_time(time: int) -> None:
    with pytest.raises(ValueError):
        cosignature.make(SEED, NAME, TEXT, time)


def test_no_octet_can_be_changed() -> None:
    for n in range(cosignature.LENGTH):
        signature = bytearray(LINE.signature)
        signature[n] ^= 1
        with pytest.raises(Malformed):
            cosignature.verify(LINE._replace(signature=bytes(signature)), NAME, PUBLIC, TEXT)


@pytest.mark.parametrize(
    "line",
    [
        LINE._replace(name="witness.example/w2"),
        LINE._replace(key_id=keys.key_id(NAME, PUBLIC)),
        LINE._replace(signature=LINE.signature[:-1]),
        LINE._replace(signature=LINE.signature + b"\x00"),
        LINE._replace(signature=LINE.signature[8:]),
        LINE._replace(signature=(2**63).to_bytes(8) + keys.sign(SEED, cosignature.message(TEXT, 2**63))),
        LINE._replace(signature=bytes(8) + keys.sign(SEED, TEXT)),
    ],
    ids=["another name", "the ID of type 1", "71 octets", "73 octets", "no time", "after 2^63", "not over the time"],
)
def test_what_is_no_cosignature_is_refused(line: SignatureLine) -> None:
    with pytest.raises(Malformed):
        cosignature.verify(line, NAME, PUBLIC, TEXT)


def test_a_cosignature_is_of_one_text_and_one_key() -> None:
    with pytest.raises(Malformed, match="not one of"):
        cosignature.verify(LINE, NAME, PUBLIC, checkpoint.body("ledger.example/solana", 601, bytes(range(32))))
    with pytest.raises(Malformed, match="where one of"):
        cosignature.verify(LINE, NAME, keys.public_of(OTHER), TEXT)


def test_of_several_lines_the_latest_counts_and_no_forged_one_is_passed_over() -> None:
    later = notes.parse_line(cosignature.make(SEED, NAME, TEXT, 1_795_000_300))
    assert cosignature.find([LINE, later, LINE], NAME, PUBLIC, TEXT) == 1_795_000_300
    with pytest.raises(Malformed):
        cosignature.find([LINE, LINE._replace(signature=bytes(72))], NAME, PUBLIC, TEXT)


def test_a_cosigners_key_is_no_operators_key_and_the_other_way() -> None:
    """The type stands in key and key ID, so neither is taken for the other."""
    assert keys.key_id(NAME, PUBLIC) != keys.key_id(NAME, PUBLIC, COSIGNER)
    with pytest.raises(Malformed, match=r"type 0x04, where 0x01 \(Ed25519\) belongs"):
        keys.parse_vkey(COSIGNED["witness"])
    with pytest.raises(Malformed, match=r"type 0x01, where 0x04 \(cosigner's Ed25519\) belongs"):
        keys.parse_vkey(COSIGNED["log"], COSIGNER)
    with pytest.raises(Malformed, match="type 0x06"):
        keys.parse_vkey(COSIGNED["log_mldsa"], COSIGNER)
