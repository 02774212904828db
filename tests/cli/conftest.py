"""Fixtures of the command's tests: each works in a folder of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.signer import keyfile
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
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0"]
    environment = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        assert line.startswith("Serving at "), line
        house.address = line.split()[2].rstrip(".,")
        yield house
        server.terminate()
        assert server.wait(20) == 0
