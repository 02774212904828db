"""`comarca administrators`, `operator`, `clerk` and `comarca draft`: signed at once, and on several machines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.machine import BY_KIND
from ledger.service.preparing import PREPARED
from tests.cli.house import BOTH, House
from tests.cli.serving import served


@pytest.fixture(params=["database", "server"])
def way(house: House, request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """Options for the way to a ledger with the member mill: none, or --server."""
    house.admit("mill")
    if request.param == "database":
        yield ()
        return
    with served() as address:
        yield ("--server", address)


def test_administrators_are_elected_at_once(house: House, way: tuple[str, ...]) -> None:
    dora, anna, berta = house.key("dora"), house.holder("anna"), house.holder("berta")
    house.good("administrators", "set", anna, berta, "--new", "dora.key", "--reason", "May", *BOTH, *way)
    found = house.json("administrators", "show", *way)
    assert found == {"administrators": [anna, berta, dora], "authority": {"any": ["administrators", 2]}, "since": 2}
    suspend = ("account", "suspend", house.holder("mill"), "--reason", "x", *way)
    assert house.run(*suspend, "--key", "carla.key").exit_code in (1, 2)  # who has left is nobody
    house.good(*suspend, "--key", "dora.key", "--key", "anna.key")
    shown = house.good("administrators", "show", *way)
    assert f"administrator\t{dora}" in shown and "sign any\t2" in shown


def test_administrators_are_elected_on_several_machines(house: House, way: tuple[str, ...]) -> None:
    """The draft has the public half of the one who comes, and nobody's signature."""
    dora = house.key("dora")
    public = house.json("key", "show", "dora.key")[0]["key"]
    anna, berta = house.holder("anna"), house.holder("berta")
    said = house.json("administrators", "set", anna, berta, "--new", f"{dora}={public}", "--quorum", "1", "--draft",
                      "elected.note", *way)  # fmt: skip
    new, old, to_be = said["missing"]
    assert new == f"the new administrator {dora}"
    assert "2 more of the administrators" in old and "1 more of the administrators to be" in to_be
    for name in ("carla", "berta", "dora"):
        house.good("sign", "elected.note", "--key", f"{name}.key", "--out", f"by-{name}.note", *way)
    house.good("sign", *(f"by-{name}.note" for name in ("carla", "berta", "dora")), "--out", "all.note")
    house.good("submit", "all.note", *way)
    assert house.json("administrators", "show", *way)["authority"] == {"any": ["administrators", 1]}


def test_bad_elections(house: House) -> None:
    anna, berta, carla = (house.holder(name) for name in ("anna", "berta", "carla"))
    mill = house.admit("mill")
    elect = ("administrators", "set", *BOTH)
    assert "administrators_invalid" in house.bad(1, *elect, anna, berta)  # 2 of 2
    assert "key_used" in house.bad(1, *elect, anna, berta, carla, "--new", "mill.key")
    assert "exactly those" in house.bad(1, *elect, anna, berta, mill)
    assert "HOLDER=KEY" in house.bad(2, *elect, anna, "--new", "absent.key")
    assert "HOLDER" in house.bad(2, *elect, "anna")
    house.good("administrators", "set", anna, berta, carla, "--quorum", "1", *BOTH, "--draft", "late.note")
    house.good("sign", "late.note", *BOTH)
    house.good(*elect, anna, berta, carla, "--quorum", "1")
    assert "superseded" in house.bad(1, "submit", "late.note")


def test_the_clerks_key_is_changed(house: House, way: tuple[str, ...]) -> None:
    clerk = house.holder("clerk")
    house.good("key", "new", "clerk-2.key", "--holder", clerk)
    house.good("clerk", "set", "clerk-2.key", "--reason", "a new clerk", *BOTH, *way)
    found = house.json("key", "list", clerk, "--key", "anna.key", *way)
    assert [key["status"] for key in found] == ["replaced", "live"]
    assert "made for holder" in house.bad(2, "clerk", "set", "mill.key", *BOTH, *way)


def test_the_operators_key_is_changed(house: House) -> None:
    house.admit("mill")
    house.good("key", "new", "operator-2.key", "--operator")
    change = ("operator", "set", "operator-2.key", "--reason", "a new machine", *BOTH)
    assert "COMARCA_OPERATOR_KEY" in house.bad(2, *change)
    house.good("operator", "set", "operator-2.key", "--draft", "drafted.note")
    Path("comarca.toml").write_text('operator_key = "operator-2.key"\noperator_key_before = "operator.key"\n')
    Path("operator.state").rename("operator-2.state")
    house.good(*change)
    house.admit("shop")
    assert house.good("log", "checkpoint").count("— ledger.example/solana ") == 2
    house.good("sign", "drafted.note", *BOTH)
    assert "key_used" in house.bad(1, "submit", "drafted.note")
    assert "no such file" in house.bad(2, "operator", "set", "absent.key", *BOTH)
    assert house.json("audit")["audit"] == "passed"


# --- drafts


def test_every_kind_can_be_drafted() -> None:
    assert set(PREPARED) == set(BY_KIND) - {"genesis"}


def test_drafts_of_many_kinds(house: House, way: tuple[str, ...]) -> None:
    mill, bank = house.holder("mill"), house.key("bank")
    public = house.json("key", "show", "bank.key")[0]["key"]
    house.good(
        "draft", "register_holder", "role=bank", f"key={public}", f"id={bank}", "profile=The bank", "--out", "b", *way
    )
    house.good("sign", "b", *BOTH, "--key", "bank.key")
    house.good("submit", "b", *way)
    assert house.json("holder", "show", bank, "--key", "anna.key", *way)["role"] == "bank"
    Path("facts.json").write_text('{"kind":"business","place":"ES/1","inside":true,"sse":true}\n')
    house.good("draft", "set_facts", f"member={mill}", "facts=@facts.json", "was=1", "reason=seen", "--out", "f", *way)
    house.good("sign", "f", *BOTH)
    house.good("submit", "f", *way)
    assert house.json("holder", "show", mill, "--key", "anna.key", *way)["facts"]["sse"] is True
    legs = f'[{{"payee":"{mill}","amount":1}}]'
    result = house.run("draft", "transfer_many", f"payer={mill}", f"legs={legs}", "--out", "l", *way)
    assert result.exit_code == 0 and "pays 0.01 SOL in 1 payments" in result.stderr
    assert "whoever must" in result.stderr


def test_bad_drafts(house: House) -> None:
    mill = house.admit("mill")
    assert "FIELD=VALUE" in house.bad(2, "draft", "suspend", "account")
    assert "no field of suspend" in house.bad(2, "draft", "suspend", "amount=3")
    assert "not JSON" in house.bad(2, "draft", "transfer", "amount=three")
    assert "payee: is missing" in house.bad(2, "draft", "transfer", f"payer={mill}", "amount=3")
    assert "amount" in house.bad(2, "draft", "transfer", f"payer={mill}", f"payee={mill}", "amount=0")
    assert "id: an id is" in house.bad(2, "draft", "cancel", f"target={mill}", "id=x")
    assert house.run("draft", "genesis").exit_code == 2
    assert house.bad(3, "draft", "set_facts", "facts=@absent.json")
    house.good("draft", "cancel", f"target={mill}", "--out", "c.note")
    assert "is there already" in house.bad(2, "draft", "cancel", f"target={mill}", "--out", "c.note")


@pytest.mark.parametrize("served_too", [False, True])
def test_who_may_sign_a_payment(house: House, served_too: bool) -> None:
    """Its payer may, and who has a grant for it; others are warned."""
    mill, shop, till = house.admit("mill"), house.admit("shop"), house.key("till")
    house.good("holder", "register", "delegate", "--holder-key", "till.key", *BOTH)
    house.good("grant", "give", till, "--kinds", "transfer", "--key", "mill.key")
    house.good("draft", "transfer", f"payer={mill}", f"payee={shop}", "amount=100", "--out", "p.note")
    house.good("draft", "transfer_many", f"payer={mill}", f'legs=[{{"payee":"{shop}","amount":1}}]', "--out", "m.note")

    def warned(paper: str, name: str, *way: str) -> bool:
        return bool(house.json("sign", paper, "--key", f"{name}.key", "--out", "out.note", *way)["doubts"])

    def check(*way: str) -> None:
        assert [warned("p.note", name, *way) for name in ("mill", "till", "shop", "anna")] == [False, False, True, True]
        assert [warned("m.note", name, *way) for name in ("mill", "till")] == [False, True]

    if served_too:
        with served() as address:
            check("--server", address)
    else:
        check()
