"""What is read of the books by command: the same on the database and through a server, word for word."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.house import BOTH, House


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
    refused = market.run("movement", "list", "--server", market.address, "--key", "mill.key")
    assert (refused.exit_code, refused.stdout) == (1, "") and "(scope a" in refused.stderr  # no head without a table
    for more in (("--since", "yesterday"), ("--min", "1.234"), ("--payer", "me"), ("--kind", "bribe")):
        assert market.run("movement", "list", *more).exit_code == 2, more
    said = market.bad(1, "movement", "list", "--purpose", "x", "--server", market.address, "--key", "anna.key")
    assert "documented" in said


# --- members and balances


def test_members_are_listed_with_filters(market: House) -> None:
    mill, shop, town = (market.holder(name) for name in ("mill", "shop", "town"))
    market.good("account", "suspend", mill, "--reason", "closed in August", *BOTH)
    market.good("member", "facts", town, "--kind", "public", "--place", "FR/66136", "--outside", "--reason", "so it is",
                *BOTH, "--server", market.address)  # fmt: skip
    market.good("profile", "set", shop, "Shop of all – Tots", "--reason", "moved", *BOTH)
    found = market.both_ways("member", "list")
    assert [one["id"] for one in found] == [mill, shop, town]
    assert [one["name"] for one in found] == ["Mill", "Shop of all – Tots", "Town"]
    assert [one["accounts"][0]["balance"] for one in found] == [10_000, -9250, -750]
    for more, ids in (
        (("--class", "commercial"), [mill, shop]), (("--status", "suspended"), [mill]), (("--kind", "public"), [town]),
        (("--class", "public", "--status", "suspended"), []), (("--outside",), [town]), (("--inside",), [mill, shop]),
        (("--place", "FR/66136", "--kind", "public", "--no-sse"), [town]), (("--sse",), []),
        (("--sector", "nace2.1/10.71"), []),
    ):  # fmt: skip
        assert [one["id"] for one in market.both_ways("member", "list", *more)] == ids, more
    assert "scope" in market.bad(1, "member", "list", "--server", market.address, "--key", "mill.key")


def test_what_is_owned_and_what_is_owed(market: House) -> None:
    found = market.both_ways("account", "totals")
    assert found == {
        "log_size": 9, "accounts": 5, "positive": 10_000, "negative": -10_000, "sum": 0,
        "groups": [
            {"kind": "common", "class": None, "accounts": 2, "positive": 0, "negative": 0},
            {"kind": "member", "class": "commercial", "accounts": 2, "positive": 10_000, "negative": -9250},
            {"kind": "member", "class": "public", "accounts": 1, "positive": 0, "negative": -750},
        ],
    }  # fmt: skip
    lines = market.good("account", "totals").split("\n")
    assert lines[0] == "kind\tclass\taccounts\tabove zero\tbelow zero\tsum"
    assert lines[2] == "member\tcommercial\t2\t100.00\t-92.50\t7.50" and lines[4] == "\t\t5\t100.00\t-100.00\t0.00"


# --- what stood when


def test_limits_and_status_have_a_history(market: House) -> None:
    shop, anna, berta = (market.holder(name) for name in ("shop", "anna", "berta"))
    market.good("account", "limit", shop, "--floor", "-900.00", "--reason", "a good year – Ja!", *BOTH)
    market.good("account", "limit", shop, "--ceiling", "50.00", "--reason", "a bad one", *BOTH)
    market.good("account", "suspend", shop, "--reason", "key lost", *BOTH)
    for key in ("anna.key", "shop.key"):
        found = market.both_ways("account", "limits", shop, key=key)
        assert [one["after"] for one in found] == [
            {"floor": -90_000, "ceiling": 5000}, {"floor": -90_000, "ceiling": 500_000},
            {"floor": -500_000, "ceiling": 500_000},
        ]  # fmt: skip
        assert [one["before"] for one in found] == [found[1]["after"], found[2]["after"], None]
        assert [one["reason"] for one in found] == ["a bad one", "a good year – Ja!", None]
        assert [one["kind"] for one in found] == ["set_limits", "set_limits", "admit"]
        assert set(found[0]["signers"]) == {anna, berta} and set(found[2]["signers"]) == {anna, berta, shop}
    lines = market.good("account", "limits", shop, "--limit", "1").split("\n")
    assert lines[0].split("\t") == ["time", "entry", "kind", "floor", "ceiling", "floor before", "ceiling before",
                                    "signed by", "reason"]  # fmt: skip
    assert lines[1].split("\t")[2:7] == ["set_limits", "-900.00", "50.00", "-900.00", "5000.00"]
    market.good("account", "reinstate", shop, "--reason", "found again", *BOTH)
    found = market.both_ways("account", "status", shop)
    assert [(one["after"], one["before"], one["reason"]) for one in found] == [
        ("open", "suspended", "found again"), ("suspended", "open", "key lost"), ("open", None, None),
    ]  # fmt: skip


def test_facts_have_a_history(market: House) -> None:
    shop = market.holder("shop")
    market.good("member", "facts", shop, "--kind", "association", "--place", "ES/08100", "--sse",
                "--reason", "a cooperative now", *BOTH)  # fmt: skip
    now, before = market.both_ways("member", "history", shop)
    assert (now["after"]["kind"], now["after"]["place"], now["reason"]) == (
        "association",
        "ES/08100",
        "a cooperative now",
    )
    assert now["before"] == before["after"] and before["before"] is None and before["after"]["kind"] == "business"
    assert market.both_ways("member", "history", shop, key="shop.key") == [now, before]
    assert "no member" in market.bad(1, "member", "history", market.holder("anna"))


def test_policies_have_a_history(market: House) -> None:
    market.good("policy", "set", "limits", '{"commercial":[-1,1]}', "--reason", "assembly", *BOTH)
    found = market.both_ways("policy", "history", "limits")
    assert [one["after"]["commercial"] for one in found] == [[-1, 1], [-500_000, 500_000]]
    assert found[0]["before"] == found[1]["after"] and found[0]["reason"] == "assembly"
    everybody = market.json("policy", "history", "--server", market.address)
    assert [one["feature"] for one in everybody] == ["limits", "limits", "rules"]
    assert {one["reason"] for one in everybody} == {None} and len(everybody[0]["signers"]) == 2


def test_whose_history_is_not_theirs_to_read(market: House) -> None:
    shop, way = market.holder("shop"), ("--server", market.address, "--key", "mill.key")
    for words in (("account", "limits"), ("account", "status"), ("member", "history")):
        assert "nothing here that you may see" in market.bad(1, *words, shop, *way)
        market.bad(1, *words, "0192f3a87c0b7e1a9d2c4b5a69788796")
