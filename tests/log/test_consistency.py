"""Consistency proofs in one text: what is written is read back, and any other text is refused."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import checkpoint, consistency, keys, merkle
from ledger.log.malformed import Malformed

HASH = b64encode(bytes(32)).decode()
NOTE = checkpoint.sign(bytes(32), "ledger.example/solana", 7, bytes(32))


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_there_and_back(old: int, path: list[bytes]) -> None:
    text = consistency.format(old, path, NOTE)
    assert consistency.parse(text) == (old, tuple(path), NOTE)


def test_the_text_of_a_witness_request() -> None:
    """C2SP tlog-witness, add-checkpoint: `old`, the proof, an empty line, the checkpoint."""
    assert consistency.format(3, [bytes(32)], b"c\n") == f"old 3\n{HASH}\n\nc\n".encode()
    assert consistency.format(0, [], b"c\n") == b"old 0\n\nc\n"


def test_the_proof_that_the_module_shows() -> None:
    assert consistency.__doc__ is not None
    shown = consistency.parse(consistency.__doc__.split("\n\n", 1)[1].encode())
    signed = checkpoint.verify(shown.checkpoint, "ledger.example/solana", keys.public_of(bytes(32)))
    assert merkle.verify_consistency(shown.old, signed.size, merkle.leaf_hash(b"a"), signed.root, shown.path)


@pytest.mark.parametrize("old", range(1, 12))
def test_a_proof_of_a_small_log_verifies_through_the_text(old: int) -> None:
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(11)]

    def node(level: int, index: int) -> bytes:
        return merkle.root(leaves[index << level : index + 1 << level])

    text = consistency.format(old, merkle.consistency_path(old, 11, node), NOTE)
    path = consistency.parse(text).path
    assert merkle.verify_consistency(old, 11, merkle.root(leaves[:old]), merkle.root(leaves), path)


@pytest.mark.parametrize(
    "text",
    ["", "\n\nc\n", "old 1\n", "old 1\n\n", "old 1\n\nc", "old 01\n\nc\n", "old +1\n\nc\n", "old 1_0\n\nc\n",
     "old ٣\n\nc\n", "old  1\n\nc\n", "old 1 \n\nc\n", "old 9223372036854775808\n\nc\n", "new 1\n\nc\n",
     f"{HASH}\nold 1\n\nc\n", f"old 1\n{HASH[:-2]}=\n\nc\n", "old 1\nAAAA\n\nc\n", "old 1\r\n\r\nc\n"],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        consistency.parse(text.encode())


def test_at_most_63_hashes() -> None:
    with pytest.raises(Malformed, match="63"):
        consistency.parse(consistency.format(1, [bytes(32)] * 64, NOTE))
