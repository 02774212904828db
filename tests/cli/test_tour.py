"""The tours of docs/command.md, as a person would type them."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.house import House
from tests.cli.test_recoveries import THREE_DAYS, Clock

PAGE = (Path(__file__).parents[2] / "docs" / "command.md").read_text()


def lines_of(chapter: str) -> list[str]:
    """The command lines of a chapter."""
    (text,) = re.findall(rf"^## {chapter}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    return blocks.replace("\\\n", " ").splitlines()


def walk(house: House, chapter: str, clock: Clock) -> None:
    """Type the lines of a chapter. A word with a dollar is the id of a key file, or what was begun last; a comment says
    that three days go by."""
    begun = {}
    for line in lines_of(chapter):
        if line.startswith("#"):
            clock.later += THREE_DAYS
            continue
        ids = {f"${path.stem.upper()}": house.holder(path.stem) for path in Path().glob("*.key")} | begun
        said = house.good(*(ids.get(word, word) for word in shlex.split(line)[1:]))
        if "recovery start" in line:
            begun["$RECOVERY"] = dict(row.split("\t") for row in said.splitlines())["id"]


def test_keys_over_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bakery", "farm"):
        house.admit(name)
    walk(house, "Keys over time", Clock(monkeypatch))
    found = house.json("key", "list", house.holder("bakery"))
    assert [key["status"] for key in found] == ["replaced", "revoked", "revoked", "live"]
    assert house.json("account", "show", house.holder("bakery"))["balance"] == -5100
    assert house.json("audit")["audit"] == "passed"


def test_what_several_must_sign(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    walk(house, "What several must sign", Clock(monkeypatch))
    elected = [house.holder(name) for name in ("anna", "berta", "dora")]
    assert house.json("administrators", "show")["administrators"] == elected
    assert house.json("policy", "show")["retention"]["body"] == 63_072_000
