"""Fixtures of the command's tests: each works in a folder of its own."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.signer import keyfile
from tests.cli import serving
from tests.cli.house import House

WRITE, ADD = keyfile.write_keys, keyfile.add_keys


def _cheaply(write: Callable[..., None], *args: Any, **more: Any) -> None:
    write(*args, **{**more, "cost": 2})


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A folder with a password and a description, and nothing else. Keys are stretched cheaply."""
    monkeypatch.chdir(tmp_path)
    for name, write in (("cli.keys.write_keys", WRITE), ("ledger.client.keyring.add_keys", ADD)):
        monkeypatch.setattr(name, partial(_cheaply, write))
    return House(tmp_path)


@pytest.fixture
def house(empty: House) -> House:
    """A founded ledger."""
    empty.found()
    return empty


@pytest.fixture
def served(house: House) -> Iterator[House]:
    """The house with a server."""
    with serving.served() as house.address:
        yield house


@pytest.fixture(params=["database", "server"])
def way(house: House, request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """Options for the way to a ledger with the members mill and shop: none, or --server."""
    house.admit("mill")
    house.admit("shop")
    if request.param == "database":
        yield ()
        return
    with serving.served() as address:
        yield ("--server", address)
