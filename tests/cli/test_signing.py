"""`comarca sign`: it says in words what is signed, and warns of a signature that would spoil it."""

from pathlib import Path

import pytest

from tests.cli.house import BOTH, House
from tests.cli.serving import served


def said_of(house: House, *arguments: object) -> str:
    """What a command that goes well says on stderr."""
    result = house.run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stderr


def suspension(house: House, file: str) -> str:
    house.good(
        "account", "suspend", house.holder("mill"), "--reason", "a stolen key", "--key", "anna.key", "--out", file
    )
    return file


def test_a_genesis_can_be_read(empty: House) -> None:
    for name in ("anna", "berta", "carla", "clerk", "operator"):
        empty.key(name)
    given = [part for name in ("anna", "berta", "carla") for part in ("--administrator", f"{name}.key")]
    empty.good("init", "genesis.note", "--draft", "--from", "territory.toml", *given)
    said = said_of(empty, "sign", "genesis.note", "--key", "anna.key")
    assert "for the territory Solana (ES/08215)" in said
    assert "It counts in sol (SOL), with 2 decimals." in said
    assert f"Administrator is {empty.holder('berta')}, with the key A" in said
    assert "2 of them sign whatever is not named apart." in said
    assert "losses may go down to -10000.00 SOL" in said
    assert 'The policy limits is {"commercial":[-500000,500000]' in said
    assert "Warning" not in said and '"administrators":' not in said
    empty.key("stranger")
    said = said_of(empty, "sign", "genesis.note", "--key", "stranger.key", "--out", "spoiled.note")
    assert f"Warning: holder {empty.holder('stranger')} has no part in this instruction" in said


def test_amounts_are_in_the_unit_where_the_ledger_is_at_hand(house: House) -> None:
    mill = house.admit("mill")
    house.good(
        "account", "limit", mill, "--floor", "-12.50", "--reason", "small", "--key", "anna.key", "--out", "l.note"
    )
    said = said_of(house, "sign", "l.note", "--key", "berta.key")
    assert f"Account {mill} may go down to -12.50 SOL" in said and "2 of the administrators sign it." in said
    said = said_of(house, "sign", "l.note", "--key", "berta.key", "--url", "sqlite:///elsewhere.db")
    assert "may go down to -1250 minor units" in said and "Enough of the administrators sign it." in said


def test_a_stranger_is_warned(house: House) -> None:
    house.admit("mill")
    paper = suspension(house, "s.note")
    assert "has no part" in said_of(house, "sign", paper, "--key", "mill.key", *BOTH, "--out", "spoiled.note")
    assert "signature_without_role" in house.bad(1, "submit", "spoiled.note")
    house.key("nobody")
    found = house.json("sign", paper, "--key", "nobody.key", "--out", "nobody.note")["doubts"]
    assert found == [
        f"holder {house.holder('nobody')}, key {key_id(found)}: There is no holder {house.holder('nobody')}"
    ]
    assert house.json("sign", paper, "--key", "berta.key")["doubts"] == []
    house.good("submit", paper)


def key_id(found: list[str]) -> str:
    return found[0].partition("key ")[2][:8]


@pytest.mark.parametrize("served_too", [False, True])
def test_a_dead_key_is_warned_of(house: House, served_too: bool) -> None:
    house.admit("mill")
    house.good("key", "new", "berta-2.key", "--holder", house.holder("berta"))
    house.good("key", "rotate", "berta-2.key", "--key", "berta.key")
    _, live = house.json("key", "list", house.holder("berta"))
    paper = suspension(house, "s.note")
    sign = ("sign", paper, "--key", "berta.key", "--out", "dead.note")
    if served_too:
        with served() as address:
            assert "no longer live" in said_of(house, *sign, "--server", address)
    else:
        assert f"is rotated; live: {live['key_id']}" in said_of(house, *sign)
    house.good("sign", paper, "--key", "berta-2.key")
    house.good("submit", paper)


def test_lines_that_do_not_match_are_not_signed(house: House) -> None:
    house.admit("mill")
    paper = Path(suspension(house, "s.note"))
    paper.write_bytes(paper.read_bytes().replace(b"a stolen key", b"a stolen keg"))
    assert "reason: the free text's line does not match its hash" in house.bad(2, "sign", "s.note", *BOTH)


def test_a_free_text_cannot_turn_the_line_around(house: House) -> None:
    mill = house.admit("mill")
    why = "stolen \u202eneddib si gningis"
    house.good("account", "suspend", mill, "--reason", why, "--key", "anna.key", "--out", "s.note")
    said = said_of(house, "sign", "s.note", "--key", "berta.key")
    assert "its reason: stolen  neddib" in said and "\u202e" not in said
