"""What is read of the books by command: the same on the database and through a server, word for word."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.house import House


@pytest.fixture
def market(served: House) -> House:
    """A served ledger in which three members have paid each other."""
    mill, shop = served.admit("mill"), served.admit("shop")
    served.admit("town", "public")
    for n in range(1, 5):
        served.good("pay", mill, f"{n}0.00", "--key", "shop.key")
    served.good("pay", shop, "7.50", "--key", "town.key")
    return served


def days(number: int) -> str:
    """The day so many days from now, on the ledger's calendar."""
    return (datetime.now(UTC) + timedelta(hours=1, days=number)).strftime("%Y-%m-%d")


def test_all_movements(market: House) -> None:
    mill, shop, town = (market.holder(name) for name in ("mill", "shop", "town"))
    found = market.both_ways("movement", "list")
    assert [one["amount"] for one in found] == [750, 4000, 3000, 2000, 1000]
    assert found[0]["payer"] == town and found[0]["payer_balance"] == -750
    assert [len(market.both_ways("movement", "list", *more)) for more in (
        ("--limit", "2"), ("--payer", shop), ("--payee", shop), ("--account", shop), ("--class", "public"),
        ("--min", "20.00"), ("--max", "20.00"), ("--kind", "trade"), ("--kind", "fee"), ("--purpose", "SUPP"),
        ("--since", days(0)), ("--until", days(0)), ("--since", days(1)), ("--until", days(-1)),
        ("--account", mill, "--min", "15.00", "--max", "35.00"),
    )] == [2, 4, 1, 5, 1, 3, 3, 5, 0, 0, 5, 5, 0, 0, 2]  # fmt: skip
    lines = market.good("movement", "list", "--max", "7.50").split("\n")
    assert lines[0].split("\t") == ["time", "entry", "kind", "purpose", "payer", "payee", "amount"]
    assert lines[1].split("\t")[2:] == ["trade", "", town, shop, "7.50"]


def test_an_accounts_history_takes_the_same_filters(market: House) -> None:
    shop = market.holder("shop")
    found = market.both_ways("account", "history", shop, key="shop.key")
    assert [one["balance"] for one in found] == [-9250, -10_000, -6000, -3000, -1000]
    assert [one["amount"] for one in market.both_ways("account", "history", shop, "--payee", shop)] == [750]
    assert len(market.both_ways("account", "history", shop, "--min", "20.00", "--until", days(0))) == 3


def test_totals_of_movements(market: House) -> None:
    found = market.both_ways("movement", "totals")
    assert (found["count"], found["sum"], found["groups"]) == (5, 10_750, [])
    month = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m")
    assert market.both_ways("movement", "totals", "--by", "class", "--by", "month")["groups"] == [
        {"month": month, "payer_class": "commercial", "payee_class": "commercial", "count": 4, "sum": 10_000},
        {"month": month, "payer_class": "public", "payee_class": "commercial", "count": 1, "sum": 750},
    ]
    said = market.good("movement", "totals", "--by", "kind", "--min", "20.00")
    assert said == "kind\tmovements\tsum\ntrade\t3\t90.00\n\t3\t90.00\n"


def test_who_may_not_and_what_is_mistyped(market: House) -> None:
    said = market.bad(1, "movement", "list", "--server", market.address, "--key", "mill.key")
    assert "scope" in said
    for more in (("--since", "yesterday"), ("--min", "1.234"), ("--payer", "me"), ("--kind", "bribe")):
        assert market.run("movement", "list", *more).exit_code == 2, more
    said = market.bad(1, "movement", "list", "--purpose", "x", "--server", market.address, "--key", "anna.key")
    assert "documented" in said
