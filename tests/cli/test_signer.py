"""The command where the operator's key is with a signer: founding, writing, looking; no key file on this machine."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.signer.keyfile import write_keys
from tests.cli.house import BOTH, ORIGIN, PASSWORD, House
from tests.cli.test_operating import states
from tests.signer.process import SignerProcess


class Away(House):
    """A house whose operator's key is made, and kept, elsewhere."""

    def found_apart(self, monkeypatch: pytest.MonkeyPatch) -> SignerProcess:
        """Found the ledger; the signer, running."""
        for name in ("anna", "berta", "carla", "clerk", "operator"):
            self.key(name)
        administrators = [part for name in ("anna", "berta", "carla") for part in ("--administrator", f"{name}.key")]
        self.good("init", "genesis.note", "--draft", "--from", "territory.toml", *administrators)
        apart = self.folder / "apart"
        apart.mkdir()
        shutil.move("operator.key", apart / "operator.key")
        signer = SignerProcess(apart, origin=ORIGIN)
        (apart / "signer.password").write_text(PASSWORD)
        assert signer.popen("--new-state").wait(60) == 0
        monkeypatch.setenv("COMARCA_SIGNER", str(signer.socket))
        signers = [part for name in ("anna", "berta", "carla", "clerk") for part in ("--key", f"{name}.key")]
        self.good("sign", "genesis.note", *signers)
        assert "no signer answers there" in self.bad(3, "init", "genesis.note")
        signer.start()
        self.good("init", "genesis.note")
        return signer


@pytest.fixture
def away(empty: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, SignerProcess]]:
    house = Away(empty.folder)
    signer = house.found_apart(monkeypatch)
    yield house, signer
    signer.__exit__()


def test_a_ledger_without_the_operators_key_here(away: tuple[House, SignerProcess]) -> None:
    house, signer = away
    mill, shop = house.admit("mill"), house.admit("shop")
    house.good("pay", shop, "34.30", "--key", "mill.key", "--receipt", "receipt.json")
    identity = house.json("log", "size")["identity"]
    house.good("verify", "receipt", "receipt.json", "--origin", ORIGIN, "--identity", identity)
    house.good("audit")
    assert not Path("operator.key").exists() and not Path("operator.state").exists()
    found = states(house)
    assert found["signer"] == ("ok", f"at {signer.socket}; has signed up to size 4 of 4")
    assert found["operator's key"] == ("ok", f"the signer at {signer.socket} has it")
    settings = house.json("config")["signer"]
    assert settings == {"value": str(signer.socket), "from": "COMARCA_SIGNER"}

    signer.kill()
    for name in ("signer", "operator's key"):
        state, words = states(house)[name]
        assert state == "wrong" and "no signer answers there" in words
    before = Path("comarca.db").read_bytes()
    assert "no signer answers there" in house.bad(3, "pay", shop, "1.00", "--key", "mill.key")
    assert house.json("account", "show", mill)["balance"] == -3430 and Path("comarca.db").read_bytes() == before
    signer.start()
    house.good("pay", shop, "1.00", "--key", "mill.key")


def test_what_a_signer_makes_of_an_old_copy(away: tuple[House, SignerProcess]) -> None:
    house, _ = away
    shutil.copy("comarca.db", "old.db")
    house.admit("mill")
    wrong = json.loads(house.run("doctor", "--json", "--url", "sqlite:///old.db").stdout)
    assert [(found["what"], "an old copy" in found["words"]) for found in wrong if found["state"] == "wrong"] == [
        ("signer", True)
    ]
    said = house.bad(3, "policy", "set", "limits", "{}", *BOTH, "--url", "sqlite:///old.db")
    assert "old backup" in said


def test_two_keys_have_one_state(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is moved by hand; a second one is refused, wherever it comes from."""
    write_keys(Path("operator2.key"), {"operator": os.urandom(32)}, PASSWORD.encode(), 2)
    monkeypatch.setenv("COMARCA_OPERATOR_KEY", "operator2.key")
    assert "state is missing" in house.bad(3, "policy", "set", "limits", "{}", *BOTH)
    monkeypatch.setenv("COMARCA_OPERATOR_KEY_BEFORE", "operator.key")
    said = house.bad(3, "policy", "set", "limits", "{}", *BOTH)
    assert "mv operator.state operator2.state" in said
    Path("operator.state").rename("operator2.state")
    house.admit("mill")
    assert states(house)["signer"] == ("ok", "has signed up to size 2 of 2")
    shutil.copy("operator2.state", "operator.state")
    assert "a second state beside operator2.state" in house.bad(3, "policy", "set", "limits", "{}", *BOTH)
    Path("operator.state").unlink()
    monkeypatch.delenv("COMARCA_OPERATOR_KEY_BEFORE")
    size = house.json("log", "size")["size"]
    assert "signed by the operator's key" in house.bad(3, "policy", "set", "limits", "{}", *BOTH)
    assert house.json("log", "size")["size"] == size
