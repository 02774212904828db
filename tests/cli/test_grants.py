"""`comarca holder` and `comarca grant`, custody, and paying for another: on the database and through a server."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger.client.http import Client
from ledger.core.words import HolderId
from ledger.signer.keyfile import read_keys
from tests.cli.house import BOTH, FACTS, PASSWORD, House
from tests.cli.serving import served


@pytest.fixture(params=["database", "server"])
def way(house: House, request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """Options for the way to a ledger with the members mill and shop and the delegate till: none, or --server."""
    house.admit("mill")
    house.admit("shop")
    register(house, "till", "delegate")
    if request.param == "database":
        yield ()
        return
    with served() as address:
        yield ("--server", address)


def register(house: House, name: str, role: str, *more: str) -> str:
    id = house.key(name)
    house.good("holder", "register", role, "--holder-key", f"{name}.key", "--profile", name.title(), *BOTH, *more)
    return id


def test_holders(house: House, way: tuple[str, ...]) -> None:
    register(house, "vera", "auditor", *way)
    found = [
        (one["name"], one["role"], one["since"]) for one in house.json("holder", "list", "--key", "anna.key", *way)
    ]
    assert found == [("Till", "delegate", 3), ("Vera", "auditor", 4)]
    seen = house.json("holder", "list", "--key", "vera.key", *way)
    assert [one["name"] for one in seen] == ([None, None] if way else ["Till", "Vera"])
    assert house.good("holder", "list").split("\n")[1].split("\t")[2:] == ["delegate", "3"]
    shown = house.json("holder", "show", house.holder("till"), "--key", "anna.key", *way)
    assert (shown["role"], shown["profile"]["text"], len(shown["keys"])) == ("delegate", "Till", 1)
    assert "role\tadministrator" in house.good("holder", "show", house.holder("anna"), "--key", "anna.key", *way)
    assert "role\tmember" in house.good("holder", "show", house.holder("mill"), "--key", "mill.key", *way)
    assert house.bad(1, "holder", "show", "0192f3a87c0b7e1a9d2c4b5a69788796", "--key", "anna.key", *way)


def test_holders_a_page_at_a_time(house: House) -> None:
    for name, role in (("till", "delegate"), ("vera", "auditor"), ("care", "custodian")):
        register(house, name, role)
    with served() as address:
        client = Client(address)
        (anna,) = read_keys(Path("anna.key"), PASSWORD.encode()).values()
        client.log_in(HolderId(bytes.fromhex(house.holder("anna"))), anna, int(time.time()))
        first = client.read("holders", {"limit": "2"})
        last = client.read("holders", {"limit": "2", "cursor": first["next"]})
        client.close()
    assert [one["name"] for one in first["items"]] == ["Till", "Vera"]
    assert ([one["name"] for one in last["items"]], last["next"]) == (["Care"], None)


def test_a_grant_is_given_used_and_ended(house: House, way: tuple[str, ...]) -> None:
    mill, till = house.holder("mill"), house.holder("till")
    pay = ("pay", house.holder("shop"), "3.00", "--from", mill, "--key", "till.key", *way)
    assert "account_unknown" in house.bad(1, *pay)
    give = ("grant", "give", till, "--kinds", "transfer,read", "--key", "mill.key", *way)
    house.good(*give, "--payment", "4.00", "--day", "5.00", "--month", "50.00", "--until", "2999-12-31")
    house.good(*pay)
    said = house.bad(1, *pay)
    assert "grant_exceeded" in said and "of day, bound 5.00 SOL, paid 3.00 SOL, amount 3.00 SOL" in said
    house.good(*give, "--day", "7.00")  # in place of the one before, whose three count on
    house.good(*pay)
    (found,) = house.json("grant", "list", "--key", "mill.key", *way)
    assert (found["holder"], found["kinds"], found["stands"]) == (till, ["read", "transfer"], True)
    assert (found["payment"], found["day"], found["paid_day"]) == (None, 700, 600)
    row = house.good("grant", "list", till, "--key", "anna.key", *way).split("\n")[1].split("\t")
    assert row[:5] == [mill, till, "read, transfer", "", "7.00"] and row[-1] == "yes"
    house.good("grant", "end", till, "--key", "mill.key", *way)
    assert "account_unknown" in house.bad(1, *pay)
    assert "has no grant" in house.bad(1, "grant", "end", till, "--key", "mill.key", *way)
    assert house.json("grant", "list", "--key", "till.key", *way)[0]["stands"] is False
    house.good(*give)
    house.good(*pay)


def test_a_grant_ends_with_the_key_that_gave_it(house: House) -> None:
    mill, _ = house.admit("mill"), house.admit("shop")
    till = register(house, "till", "delegate")
    house.good("key", "new", "office.key", "--holder", mill)
    house.good("key", "add", "office.key", "--key", "mill.key")
    house.good("grant", "give", till, "--kinds", "transfer", "--key", "office.key")
    house.good("key", "revoke", "office.key", "--key", "mill.key")
    assert house.json("grant", "list", "--key", "mill.key")[0]["stands"] is False
    assert "account_unknown" in house.bad(1, "pay", house.holder("shop"), "1.00", "--from", mill, "--key", "till.key")


def test_a_last_day_is_whole(house: House) -> None:
    """By the ledger's calendar, which is an hour before UTC's."""
    house.admit("mill")
    till, day = register(house, "till", "delegate"), date.today() + timedelta(days=3)
    house.good("grant", "give", till, "--kinds", "read", "--until", day.isoformat(), "--key", "mill.key")
    assert f"{day.isoformat()}T22:59:59Z" in house.good("grant", "list", "--key", "mill.key")


def test_bad_grants(house: House) -> None:
    mill = house.admit("mill")
    till = register(house, "till", "delegate")
    give = ("grant", "give", till, "--key", "mill.key")
    assert "grant_invalid" in house.bad(1, *give, "--kinds", "fly")
    assert "grant_invalid" in house.bad(1, *give, "--kinds", "read", "--until", "2020-01-01")
    assert "payment" in house.bad(2, *give, "--kinds", "read", "--payment", "0")
    assert "holder_unknown" in house.bad(
        1, "grant", "give", house.holder("anna"), "--kinds", "read", "--key", "mill.key"
    )
    assert "account_unknown" in house.bad(1, *give, "--kinds", "read", "--account", till)
    assert "HOLDER" in house.bad(2, "grant", "give", "till", "--kinds", "read", "--key", "mill.key")
    assert house.json("grant", "list", mill) == []


def test_a_member_under_custody(house: House, way: tuple[str, ...]) -> None:
    care = register(house, "care", "custodian", *way)
    admit = ("member", "admit", "--class", "commercial", *FACTS, "--profile", "Old Joan", *BOTH, *way)
    said = house.json(*admit, "--custodian", care, "--out", "joan.note")
    assert said["missing"] == [f"the custodian {care}"]
    house.good("sign", "joan.note", "--key", "care.key")
    (joan,) = (one["id"] for one in house.json("submit", "joan.note", *way))
    house.good("pay", house.holder("mill"), "2.00", "--from", joan, "--key", "care.key", *way)
    assert house.json("account", "show", joan, "--key", "care.key", *way)["balance"] == -200
    second = house.json(*admit, "--custodian", care, "--key", "care.key")
    assert second["status"] == "accepted"
    assert "custodian_unknown" in house.bad(1, *admit, "--custodian", house.holder("till"), "--key", "till.key")
    assert "no key yet" in house.bad(2, *admit, "--custodian", care, "--member-key", "mill.key")


def test_bad_holders(house: House) -> None:
    assert "--holder-key" in house.bad(2, "holder", "register", "delegate", *BOTH)
    house.key("till")
    assert house.run("holder", "register", "king", "--holder-key", "till.key", *BOTH).exit_code == 2
    shown = house.json("key", "show", "till.key")[0]
    said = house.json("holder", "register", "bank", "--holder", shown["holder"], "--public-key", shown["key"], *BOTH)
    assert said["missing"] == [f"the new holder {shown['holder']}"]
