"""Founding a ledger: in two steps, as a pilot, and all that can be wrong with it."""

import json
import re
import shlex
import time
import tomllib
from pathlib import Path

import pytest

from cli.founding import describe_options, draft_genesis, genesis_of
from ledger.store.database import Store
from tests.cli.house import BOTH, DESCRIPTION, ORIGIN, House

ROOT = Path(__file__).parents[2]


def test_in_two_steps(house: House) -> None:
    found = house.json("log", "size")
    assert (found["origin"], found["size"]) == (ORIGIN, 1)
    assert house.json("policy", "show")["limits"]["body"]["commercial"] == [-500000, 500000]
    assert house.good("log", "checkpoint").startswith(f"{ORIGIN}\n1\n")
    assert json.loads(house.good("audit", "--json"))["audit"] == "passed"


def test_again_changes_nothing(house: House) -> None:
    assert "founded before" in house.good("init", "genesis.note")
    assert house.json("init", "genesis.note")["status"] == "repeated"
    assert house.json("log", "size")["size"] == 1


def test_signatures_come_in_any_order_from_copies(empty: House) -> None:
    for name in ("anna", "berta", "carla", "clerk", "operator"):
        empty.key(name)
    draft = ("init", "genesis.note", "--draft", "--from", "territory.toml")
    said = empty.json(*draft, "--administrator", "anna.key", "--administrator", "berta.key", "--administrator",
                      "carla.key")  # fmt: skip
    assert [who.split()[0] for who in said["missing"]] == ["administrator"] * 3 + ["clerk"]
    for name in ("carla", "anna", "clerk", "berta"):
        empty.good("sign", "genesis.note", "--key", f"{name}.key", "--out", f"by-{name}.note")
    assert "still to sign: administrator" in empty.bad(1, "init", "by-anna.note")
    assert not Path("comarca.db").exists()
    said = empty.json("sign", *(f"by-{name}.note" for name in ("anna", "berta", "carla", "clerk")), "--out", "all.note")
    assert (said["signed"], said["missing"]) == (4, [])
    assert "founded" in empty.good("init", "all.note")


def test_in_earnest_as_the_page_says(empty: House) -> None:
    """With the description that is shipped."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "command.md").read_text(), re.MULTILINE | re.DOTALL)
    block = next(block for block in blocks if "comarca init" in block)
    Path("territory.toml").write_text((ROOT / "examples" / "territory.toml").read_text())
    for line in block.replace("\\\n", " ").strip().split("\n"):
        empty.good(*shlex.split(line)[1:])
    assert empty.json("log", "size")["origin"] == "ledger.example/solana"
    assert empty.json("audit")["audit"] == "passed"


def test_a_draft_from_options_alone(empty: House) -> None:
    for name in ("anna", "berta", "clerk", "operator"):
        empty.key(name)
    Path("more.json").write_text('{"losses_cap": 1000, "policies": {"limits": {"commercial": [-1, 1]}}}')
    empty.good(
        "init", "genesis.note", "--draft", "--from", "more.json", "--administrator", "anna.key", "--administrator",
        "berta.key", "--quorum", "1", "--origin", "ledger.example/x", "--unit", "XXX", "--unit-name", "ex", "--scale",
        "0", "--territory", "X", "--place", "ES/1", "--place", "ES/2",
    )  # fmt: skip
    text = Path("genesis.note").read_text()
    assert '"unit":{"code":"XXX","name":"ex","scale":0}' in text and '"places":["ES/1","ES/2"]' in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('origin = "ledger.example/solana"', "origin: is missing"),
        ("losses_cap = 1000000", "losses_cap: is missing"),
        ('authority = { any = ["administrators", 2] }', "authority: is missing"),
    ],
)
def test_a_description_that_lacks_something(empty: House, changed: str, said: str) -> None:
    for name in ("anna", "berta", "carla", "clerk", "operator"):
        empty.key(name)
    Path("territory.toml").write_text(DESCRIPTION.replace(changed, ""))
    administrators = [part for name in ("anna", "berta", "carla") for part in ("--administrator", f"{name}.key")]
    assert said in empty.bad(2, "init", "g.note", "--draft", "--from", "territory.toml", *administrators)
    assert not Path("g.note").exists()


def test_bad_descriptions(empty: House) -> None:
    for text, said in (("origin = ", "territory.toml"), ("x = 1", "unknown field"), ("scale = 1.5", "unknown field")):
        Path("territory.toml").write_text(text if text.endswith("= ") else DESCRIPTION + text + "\n")
        for name in ("anna", "berta", "clerk", "operator"):
            if not Path(f"{name}.key").exists():
                empty.key(name)
        line = empty.bad(2, "init", "g.note", "--draft", "--from", "territory.toml", "--administrator", "anna.key",
                         "--administrator", "berta.key")  # fmt: skip
        assert said in line


def test_what_would_be_refused_is_not_drafted(empty: House) -> None:
    """Two of two administrators, and a policy that nobody knows: said before anyone has signed."""
    draft = ("init", "g.note", "--draft", "--from", "territory.toml", "--administrator", "anna.key", "--administrator",
             "berta.key")  # fmt: skip
    for name in ("anna", "berta", "clerk", "operator"):
        empty.key(name)
    assert "k below the number of administrators" in empty.bad(1, *draft)
    Path("territory.toml").write_text(DESCRIPTION.replace("[-500000, 500000]", "-500000"))
    assert "limits.commercial: [floor, ceiling]" in empty.bad(1, *draft, "--quorum", "1")
    assert not Path("g.note").exists()


def test_a_quorum_of_all_is_refused_and_makes_no_database(empty: House) -> None:
    for name in ("anna", "berta", "clerk", "operator"):
        empty.key(name)
    described = describe_options(
        tomllib.loads(DESCRIPTION), [Path("anna.key"), Path("berta.key")], Path("clerk.key"), Path("operator.key")
    )
    Path("g.note").write_bytes(draft_genesis(genesis_of(described), int(time.time())).octets)
    empty.good("sign", "g.note", *BOTH, "--key", "clerk.key")
    assert "genesis_invalid" in empty.bad(1, "init", "g.note")
    assert not Path("comarca.db").exists()


def test_another_operators_key(empty: House) -> None:
    empty.found()
    Path("comarca.db").unlink()
    Path("operator.key").unlink()
    empty.key("operator")
    assert "not the operator's key" in empty.bad(3, "init", "genesis.note")
    assert not Path("comarca.db").exists()


def test_a_lost_database_is_not_silently_made_anew(house: House) -> None:
    Path("comarca.db").unlink()
    assert "has signed a log already" in house.bad(3, "init", "genesis.note")
    assert "no such database" in house.bad(3, "log", "size")


def test_other_databases(house: House) -> None:
    Path("operator.state").unlink()
    Path("text.db").write_text("this is no database, but long enough to look like one" * 100)
    assert "text.db" in house.bad(3, "init", "genesis.note", "--url", "sqlite:///text.db")
    assert "not a database URL" in house.bad(3, "log", "size", "--url", "nonsense")
    assert "no ledger 'x'" in house.bad(3, "log", "size", "--ledger", "x")
    Store.create("sqlite:///empty.db").close()
    assert "no ledger" in house.bad(3, "log", "size", "--url", "sqlite:///empty.db")


def test_misuse(empty: House) -> None:
    assert "leave --draft and FILE out" in empty.bad(2, "init", "--pilot", "--draft")
    assert "name the FILE" in empty.bad(2, "init")
    Path("x.note").write_text("nonsense\n")
    assert "not an instruction" in empty.bad(2, "init", "x.note")
    assert empty.run("init", "absent.note").exit_code == 3


def test_an_instruction_is_no_genesis(house: House) -> None:
    house.key("mill")
    house.good("member", "admit", "--class", "commercial", "--kind", "business", "--place", "ES/08215",
               "--member-key", "mill.key", "--key", "anna.key", "--out", "m.note")  # fmt: skip
    house.bad(1, "init", "m.note", "--url", "sqlite:///other.db")
    assert not Path("other.db").exists()


def test_a_pilot(empty: House) -> None:
    assert "founded" in empty.good("init", "--pilot")
    assert "founded before" in empty.good("init", "--pilot")
    assert empty.json("log", "size")["origin"] == "localhost/pilot"
    empty.key("shop")
    empty.good("member", "admit", "--class", "commercial", "--kind", "business", "--place", "ES/08215",
               "--member-key", "shop.key")  # fmt: skip
    assert json.loads(empty.good("audit", "--json"))["size"] == 2


@pytest.mark.parametrize("after", ["keyring.json", "clerk.key", "operator.key", "genesis.note", "operator.state"])
def test_a_pilot_broken_off_goes_on(empty: House, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever came after this file was never made: the next run makes it, and keeps what is there."""
    empty.good("init", "--pilot")
    made = ["keyring.json", "clerk.key", "operator.key", "genesis.note", "operator.state"]
    for name in [*made[made.index(after) + 1 :], "comarca.db", "comarca.db-wal", "comarca.db-shm"]:
        Path(name).unlink(missing_ok=True)
    if Path("operator.state").exists():
        Path("operator.state").unlink()
    kept = {name: Path(name).read_bytes() for name in made if Path(name).exists()}
    assert "founded" in empty.good("init", "--pilot")
    assert all(Path(name).read_bytes() == octets for name, octets in kept.items())


def test_without_a_password_nothing_is_made(empty: House) -> None:
    (empty.folder / "password").unlink()
    empty.bad(3, "init", "--pilot")
    assert sorted(path.name for path in empty.folder.iterdir()) == ["territory.toml"]
