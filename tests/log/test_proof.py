"""Inclusion proofs in one text, and consistency proofs of a published log of 600 entries."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import checkpoint, keys, merkle, notes, proof
from ledger.log.malformed import Malformed
from tests.log.data import hashes, load

VECTORS = load("proofs/tlog-proof-parse.json")
LOG = load("proofs/log-of-600.json")
HEADER = "c2sp.org/tlog-proof@v1\n"
HASH = b64encode(bytes(32)).decode()


@pytest.mark.parametrize("case", VECTORS["valid"], ids=[str(case["index"]) for case in VECTORS["valid"]])
def test_published_proofs(case: dict[str, Any]) -> None:
    text = case["text"].encode()
    if case["extra"] is not None:
        with pytest.raises(Malformed):  # what it says is not covered by any signature: ours have none
            proof.parse(text)
        return
    found = proof.parse(text)
    assert found == (case["index"], tuple(hashes(case["hashes"])), case["checkpoint"].encode())
    assert proof.format(*found) == text


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=[case["why"] for case in VECTORS["invalid"]])
def test_published_texts_that_are_no_proofs(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        proof.parse(case["text"].encode())


@pytest.mark.parametrize(
    "text",
    ["", "index 0\n\nc\n", HEADER, HEADER + "\n\nc\n", HEADER + "index 0\n", HEADER + "index 0\n\n",
     HEADER + "index 0\n\nc",
     HEADER + "index 00\n\nc\n", HEADER + "index +1\n\nc\n", HEADER + "index 1_0\n\nc\n", HEADER + "index ٣\n\nc\n",
     HEADER + "index  1\n\nc\n", HEADER + "index 1 \n\nc\n", HEADER + "index 9223372036854775807\n\nc\n",
     HEADER + f"index 1\nindex 1\n{HASH}\n\nc\n", HEADER + f"{HASH}\nindex 1\n\nc\n",
     HEADER + f"index 1\n{HASH[:-2]}=\n\nc\n",
     HEADER + "index 1\nextra YQ==\n\nc\n", HEADER + "index 1\n" + "A" * 66_592 + "\n\nc\n",
     "\n" + HEADER + "index 0\n\nc\n",
     HEADER.replace("@v1", "@v2") + "index 0\n\nc\n", HEADER.replace("\n", "\r\n") + "index 0\n\nc\n", "é" + HEADER],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        proof.parse(text.encode())


def test_at_most_63_hashes() -> None:
    assert len(proof.parse(proof.format(0, [bytes(32)] * 63, b"c\n")).path) == 63
    with pytest.raises(Malformed, match="63"):
        proof.parse(proof.format(0, [bytes(32)] * 64, b"c\n"))


@given(st.integers(0, 2**63 - 2), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_what_is_written_is_read_back(index: int, path: list[bytes]) -> None:
    note = checkpoint.sign(bytes(32), "ledger.example/solana", 600, bytes(32))
    assert proof.parse(proof.format(index, path, note)) == (index, tuple(path), note)


def test_a_proof_of_a_published_log() -> None:
    found = proof.parse(LOG["proof"].encode())
    signed = checkpoint.verify(found.checkpoint, *keys.parse_vkey(LOG["vkey"]))
    leaf = merkle.leaf_hash(LOG["entry"].encode())
    assert (found.log_index, signed.size) == (42, 600)
    assert merkle.verify_inclusion(leaf, found.log_index, signed.size, found.path, signed.root)
    assert not merkle.verify_inclusion(leaf, 43, signed.size, found.path, signed.root)
    assert proof.format(*found) == LOG["proof"].encode()


@pytest.mark.parametrize("old", LOG["consistency"])
def test_the_consistency_proofs_of_a_published_log(old: str) -> None:
    origin, public = keys.parse_vkey(LOG["vkey"])
    roots = {c.size: c.root for c in (checkpoint.verify(n.encode(), origin, public) for n in LOG["checkpoints"])}
    front, note = LOG["consistency"][old].split("\n\n", 1)
    first, *path = front.split("\n")
    assert first == f"old {old}"
    new = checkpoint.verify(note.encode(), origin, public)
    assert merkle.verify_consistency(int(old), new.size, roots[int(old)], new.root, hashes(path))
    assert not merkle.verify_consistency(int(old), new.size, new.root, roots[int(old)], hashes(path))


def test_an_entry_of_a_log_in_production_elsewhere() -> None:
    """Rekor v2 of Sigstore: an RFC 6962 tree under a C2SP checkpoint."""
    entry = load("proofs/rekor-v2.json")
    origin, size, root = checkpoint.parse_body(notes.open_note(entry["checkpoint"]["envelope"].encode())[0], True)
    assert (origin, size, [root]) == (
        "log2025-alpha1.rekor.sigstage.dev", int(entry["treeSize"]), hashes([entry["rootHash"]]),
    )  # fmt: skip
    (body,), path, index = hashes([entry["body"]]), hashes(entry["hashes"]), int(entry["logIndex"])
    assert merkle.verify_inclusion(merkle.leaf_hash(body), index, size, path, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(body), index - 1, size, path, root)
