"""The examples with which the format modules open are true."""

import doctest
from types import ModuleType

import pytest

from ledger.log import base64s, checkpoint, entry, keys, merkle, notes, proof, salted, tiles
from tests.log.data import load


@pytest.mark.parametrize("module", [base64s, keys, merkle, notes, salted, tiles], ids=lambda module: module.__name__)
def test_what_a_module_shows_is_what_it_does(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


def shown(module: ModuleType) -> bytes:
    """The text under the first paragraph of a module's docstring."""
    assert module.__doc__ is not None
    return module.__doc__.split("\n\n", 1)[1].encode()


def test_the_entry_shown_is_of_the_worked_example() -> None:
    item = load("comarca/entries.json")[5]
    assert shown(entry) == item["entry"].encode() == entry.encode(*entry.parse(shown(entry)))


def test_the_checkpoint_and_the_proof_shown_are_of_the_worked_example() -> None:
    origin, public = keys.parse_vkey(load("comarca/keys.json")["keys"][0]["vkey"])
    item, found = load("comarca/entries.json")[6], proof.parse(shown(proof))
    signed = checkpoint.verify(shown(checkpoint), origin, public)
    assert shown(proof) == item["proof"].encode()
    assert found.checkpoint == shown(checkpoint)
    leaf = entry.leaf_hash(item["entry"].encode())
    assert merkle.verify_inclusion(leaf, found.log_index, signed.size, found.path, signed.root)
