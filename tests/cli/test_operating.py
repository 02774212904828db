"""`comarca doctor` and `comarca log follow`: what an operator looks at, and what is printed as it is logged."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.house import BOTH, House


def states(house: House) -> dict[str, tuple[str, str]]:
    """What the doctor found, with whatever exit code."""
    result = house.run("doctor", "--json")
    return {found["what"]: (found["state"], found["words"]) for found in json.loads(result.stdout)}


def test_all_is_well(house: House) -> None:
    house.admit("mill")
    assert house.run("doctor").exit_code == 0
    found = states(house)
    assert {state for state, _ in found.values()} <= {"ok", "note"}
    assert found["signer"] == ("ok", "has signed up to size 2 of 2")


def test_what_is_wrong_is_named(house: House) -> None:
    shutil.copy("comarca.db", "old.db")
    house.admit("mill")
    assert house.bad(1, "doctor", "--url", "sqlite:///old.db")
    wrong = json.loads(house.run("doctor", "--json", "--url", "sqlite:///old.db").stdout)
    assert [found["what"] for found in wrong if found["state"] == "wrong"] == ["signer"]
    Path("operator.key").chmod(0o644)
    assert "chmod 600" in states(house)["operator's key"][1]
    Path("operator.state").unlink()
    assert states(house)["signer"][0] == "wrong"
    assert house.run("doctor", "--url", "sqlite:///absent.db").exit_code == 1


def test_entries_are_printed_to_whom_they_concern(served: House) -> None:
    mill, shop = served.admit("mill"), served.admit("shop")
    served.good("pay", mill, "34.30", "--key", "shop.key")
    served.good("pay", shop, "1.00", "--key", "mill.key")
    lines = served.good("log", "follow", "--from", "0", "--until", "4", "--key", "mill.key").splitlines()
    assert [line.split("\t")[1:3] for line in lines] == [
        ["1", "member_admitted"], ["1", "key_added"], ["1", "account_opened"], ["3", "moved"], ["4", "moved"],
    ]  # fmt: skip
    assert f"payer={shop}" in lines[3] and "amount=3430" in lines[3]
    whole = served.good("log", "follow", "--from", "0", "--until", "4", "--key", "anna.key", "--json")
    assert [json.loads(line)["log_index"] for line in whole.splitlines()] == [0, 1, 2, 3, 4]


def test_nobody_serves(house: House) -> None:
    assert "comarca serve" in house.bad(2, "log", "follow", *BOTH[:2])


def test_nothing_is_written_upon_an_old_backup(house: House) -> None:
    mill, forge = house.admit("mill"), house.admit("forge")
    shutil.copy("comarca.db", "old.db")
    house.good("pay", forge, "5.00", "--key", "mill.key")
    for _ in range(3):
        said = house.bad(3, "pay", forge, "7.00", "--key", "mill.key", "--url", "sqlite:///old.db")
        assert "old backup" in said and "comarca log recover" in said
    command = "from cli.main import main; main()"
    serve = [sys.executable, "-c", command, "serve", "--port", "0", "--url", "sqlite:///old.db",
             "--password-file", "password"]  # fmt: skip
    ended = subprocess.run(serve, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3 and "old backup" in ended.stderr
    assert house.json("account", "show", mill, "--url", "sqlite:///old.db")["balance"] == 0
    house.good("pay", forge, "7.00", "--key", "mill.key")
