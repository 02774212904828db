"""Ledgers, and true receipts of every kind of instruction, for all that verifies them."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ledger.log import checkpoint
from ledger.service.door import Accepted
from ledger.service.receipts import receipt_of
from tests.lived import Lived
from tests.receipts.example import RECEIPT
from tests.territory import TerritoryOfTests

LONG = 300  # entries: more than a full tile
WITH_OLDER = ("transfer", "admit", "set_operator", "recover")


class True_(NamedTuple):
    """Receipts of one ledger that are all true, its origin and identity; `foreign` are those of two other ledgers, one
    with the same keys under another origin, one of the same origin with other keys."""

    receipts: list[bytes]
    origin: str
    identity: bytes
    foreign: list[bytes]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """A ledger in which everything has happened."""
    territory = Lived(f"sqlite:///{tmp_path_factory.mktemp('lived') / 'ledger.db'}")
    yield territory
    territory.close()


@pytest.fixture(scope="session")
def true(lived: Lived, foreign: bytes) -> True_:
    """Each entry's receipts for all its readers, under the last checkpoint; some under older ones as well."""
    readers, size = [*lived.seeds], lived.door.head().size
    found = []
    for what, index in lived.index.items():
        sizes = [size, *(older for older in (index + 1, index + 4) if older < size and what.startswith(WITH_OLDER))]
        receipts = [lived.receipt(what, reader, older) for older in sizes for reader in readers]
        found += [json.dumps(receipt).encode() for receipt in receipts if receipt is not None]
    return True_(list(dict.fromkeys(found)), lived.origin, lived.identity, [foreign, RECEIPT])


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    """A receipt of a payment in a ledger whose people have the same keys."""
    url = f"sqlite:///{tmp_path_factory.mktemp('foreign') / 'ledger.db'}"
    territory = TerritoryOfTests(url, origin="ledger.example/other")
    one, other = territory.members(2)
    (paid,) = territory.send(territory.transfer(one, other, 120, memo="rye"))
    assert isinstance(paid, Accepted)
    head = territory.door.head()
    assert head.root is not None
    signed = checkpoint.sign(territory.operator, territory.origin, head.size, head.root)
    receipt = receipt_of(territory.store, territory.ledger_id, paid.log_index, one, signed)
    yield json.dumps(receipt).encode()
    territory.close()


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerritoryOfTests]:
    """A ledger with a log of LONG entries."""
    territory = TerritoryOfTests(f"sqlite:///{tmp_path_factory.mktemp('long') / 'ledger.db'}")
    payer, payee = territory.members(2)
    territory.send(*(territory.transfer(payer, payee, 1) for _ in range(LONG - 3)))
    assert territory.door.head().size == LONG
    yield territory
    territory.close()
