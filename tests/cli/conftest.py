"""Fixtures of the command's tests: each works in a folder of its own."""

from pathlib import Path

import pytest

from ledger.signer import keyfile
from tests.cli.house import House

WRITE = keyfile.write_keys


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A folder with a password and a description, and nothing else. Keys are stretched cheaply."""
    monkeypatch.chdir(tmp_path)
    for module in ("cli.keys", "ledger.client.keyring"):
        monkeypatch.setattr(f"{module}.write_keys", lambda *args, **more: WRITE(*args, **{**more, "cost": 2}))
    return House(tmp_path)


@pytest.fixture
def house(empty: House) -> House:
    """A founded ledger."""
    empty.found()
    return empty
