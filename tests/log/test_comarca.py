"""The worked example of docs/formats.md, made by another program, taken apart and made again by the formats alone."""

from base64 import b64decode, b64encode
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from ledger.log import base64s, checkpoint, entry, instruction, keys, merkle, notes, proof, salted
from ledger.log.instruction import Submission
from ledger.log.malformed import Malformed
from ledger.log.merkle import Frontier
from tests.log.data import hashes, load

ENTRIES = load("comarca/entries.json")
CHECKPOINTS = load("comarca/checkpoints.json")
REFUSED = load("comarca/refused.json")["submissions"]
BULK = load("comarca/part-of-a-bulk.json")
KEYS = load("comarca/keys.json")
OPERATOR = KEYS["keys"][0]
ORIGIN, PUBLIC = keys.parse_vkey(OPERATOR["vkey"])
HOLDERS = {
    (name, keys.key_id(name, public)): public for name, public in (keys.parse_vkey(k["vkey"]) for k in KEYS["keys"])
}
SEEDS = {keys.parse_vkey(key["vkey"])[1]: bytes.fromhex(key["seed_hex"]) for key in KEYS["keys"]}
LEAVES = hashes([item["leaf_hash"] for item in ENTRIES])
SIZES = range(1, len(ENTRIES) + 1)

each_entry = pytest.mark.parametrize("item", ENTRIES, ids=[str(item["log_index"]) for item in ENTRIES])


def signed_at(size: int) -> checkpoint.Checkpoint:
    """The example's checkpoint of this size, verified."""
    return checkpoint.verify(CHECKPOINTS[str(size)].encode(), ORIGIN, PUBLIC)


def put_together(parts: Submission) -> bytes:
    """A submission from its parts, its signature lines given in the wrong order."""
    text = instruction.text(parts.kind, parts.origin, parts.object)
    lines = [notes.format_line(*line) for line in reversed(parts.signatures)]
    return instruction.submission(instruction.note(text, lines), parts.salted)


# --- keys and submissions


@pytest.mark.parametrize("key", KEYS["keys"], ids=[key["label"] for key in KEYS["keys"]])
def test_keys(key: dict[str, str]) -> None:
    seed = sha256(b"TEST ONLY " + key["label"].encode()).digest()
    name, public = keys.parse_vkey(key["vkey"])
    assert seed.hex() == key["seed_hex"]
    assert keys.registrable(public)
    assert keys.vkey(name, keys.public_of(seed)) == key["vkey"]


@each_entry
def test_a_submission_is_taken_apart_and_put_together(item: dict[str, Any]) -> None:
    parts = instruction.parse(item["submission"].encode())
    assert parts.note == item["note"].encode()
    assert [line.decode() for line in parts.salted] == item["lines"]
    assert b64encode(sha256(parts.text).digest()).decode() == item["text_sha256"]
    assert put_together(parts) == item["submission"].encode()


@each_entry
def test_each_signature_holds_and_is_made_again(item: dict[str, Any]) -> None:
    parts = instruction.parse(item["submission"].encode())
    for line in parts.signatures:
        public = HOLDERS[line.name, line.key_id]
        assert keys.verify(public, line.signature, parts.text)
        assert keys.sign(SEEDS[public], parts.text) == line.signature


def test_a_repeat_is_the_same_text() -> None:
    for repeat in load("comarca/repeats.json"):
        first = instruction.parse(ENTRIES[repeat["log_index"]]["submission"].encode())
        again = instruction.parse(repeat["submission"].encode())
        assert again.text == first.text
        for line in again.signatures:
            assert keys.verify(HOLDERS[line.name, line.key_id], line.signature, again.text)


# --- entries and the tree


@each_entry
def test_an_entry_covers_note_and_events(item: dict[str, Any]) -> None:
    time = entry.parse(item["entry"].encode()).time
    note, events = sha256(item["note"].encode()).digest(), salted.root([line.encode() for line in item["event_lines"]])
    assert entry.encode(time, note, events) == item["entry"].encode()
    assert entry.leaf_hash(item["entry"].encode()) == b64decode(item["leaf_hash"])


@pytest.mark.parametrize("size", SIZES)
def test_the_checkpoint_of_each_size_is_made_again(size: int) -> None:
    root = Frontier().extend(LEAVES[:size]).root()
    assert (signed_at(size).size, signed_at(size).root) == (size, root) == (size, merkle.root(LEAVES[:size]))
    made = checkpoint.sign(bytes.fromhex(OPERATOR["seed_hex"]), ORIGIN, size, root)
    assert made == CHECKPOINTS[str(size)].encode()


def test_the_identity_is_the_root_at_size_1() -> None:
    assert base64s.encode(signed_at(1).root) == KEYS["identity"] == base64s.encode(LEAVES[0])


@each_entry
def test_the_inclusion_proof_of_each_entry_is_made_again(item: dict[str, Any]) -> None:
    size = len(ENTRIES)
    path = merkle.path_in(LEAVES, item["log_index"])
    assert proof.format(item["log_index"], path, CHECKPOINTS[str(size)].encode()) == item["proof"].encode()
    found = proof.parse(item["proof"].encode())
    signed = checkpoint.verify(found.checkpoint, ORIGIN, PUBLIC)
    assert merkle.verify_inclusion(LEAVES[found.log_index], found.log_index, signed.size, found.path, signed.root)


def test_each_checkpoint_is_consistent_with_the_one_before_it() -> None:
    node = merkle.nodes_of_batch(Frontier(), LEAVES)
    for old, new in pairwise(SIZES):
        path = merkle.consistency_path(old, new, node)
        assert merkle.verify_consistency(old, new, signed_at(old).root, signed_at(new).root, path)


def test_a_leg_and_its_event_are_proved_without_the_others() -> None:
    (item,) = [item for item in ENTRIES if item["note"] == BULK["note"]]
    legs, events = [[line.encode() for line in item[name]] for name in ("lines", "event_lines")]
    for lines, shown in ((legs, "leg"), (events, "event")):
        index, count, path = BULK[f"{shown}_index"], BULK[f"{shown}_count"], hashes(BULK[f"{shown}_path"])
        assert (lines[index], len(lines)) == (BULK[shown].encode(), count)
        assert salted.path(lines, index) == path
        leaf = merkle.leaf_hash(BULK[shown].encode())
        assert merkle.verify_inclusion(leaf, index, count, path, salted.root(lines))
    assert base64s.encode(salted.root(legs)) in BULK["note"]


# --- submissions that must be refused

# What of check 1 needs no knowledge of kinds and their fields; the rest of it is the core's to refuse.
BY_THE_FORM = {
    "other context", "digit in the kind", "kind in capitals", "fourth line", "no signature", "no last line feed",
    "carriage returns", "signature repeated", "signature lines not ascending", "operator's signature", "not UTF-8",
    "NUL octet", "non-canonical base64", "trailing line", "control in origin", "salt of 15 octets",
    "empty line without salted lines", "two signatures of one key", "no empty line before the legs", "other origin",
}  # fmt: skip


@pytest.mark.parametrize("item", REFUSED, ids=[item["what"] for item in REFUSED])
def test_the_form_refuses_what_needs_no_knowledge_of_kinds(item: dict[str, Any]) -> None:
    octets = b64decode(item["note_base64"]) if "note_base64" in item else item["note"].encode()
    if item["what"] in BY_THE_FORM:
        with pytest.raises(Malformed):
            instruction.parse(octets)
    else:
        assert put_together(instruction.parse(octets)) == octets


def test_all_that_the_form_refuses_is_for_check_1() -> None:
    assert {item["what"] for item in REFUSED if item["check"] == 1} >= BY_THE_FORM


@pytest.mark.parametrize("what", ["memo with a control", "memo with an escape", "memo that is no string"])
def test_the_memos_that_are_no_free_texts(what: str) -> None:
    (item,) = [item for item in REFUSED if item["what"] == what]
    (line,) = instruction.parse(item["note"].encode()).salted
    with pytest.raises(Malformed):
        salted.parse_free_text(line)


def test_a_changed_signature_is_one_of_the_form_and_of_no_key() -> None:
    (item,) = [item for item in REFUSED if item["what"] == "signature bit changed"]
    parts = instruction.parse(item["note"].encode())
    assert not any(
        keys.verify(HOLDERS[line.name, line.key_id], line.signature, parts.text) for line in parts.signatures
    )
