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


def test_keys_over_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bakery", "farm"):
        house.admit(name)
    clock, recovery = Clock(monkeypatch), ""
    for line in lines_of("Keys over time"):
        if line.startswith("#"):
            clock.later += THREE_DAYS
            continue
        named = {"$RECOVERY": recovery} | {f"${path.stem.upper()}": house.holder(path.stem)
                                           for path in Path().glob("*.key")}  # fmt: skip
        said = house.good(*(named.get(word, word) for word in shlex.split(line)[1:]))
        if "recovery start" in line:
            recovery = dict(row.split("\t") for row in said.splitlines())["id"]
    found = house.json("key", "list", house.holder("bakery"))
    assert [key["status"] for key in found] == ["replaced", "rotated", "revoked", "live"]
    assert house.json("account", "show", house.holder("bakery"))["balance"] == -5100
    assert house.json("audit")["audit"] == "passed"
