"""`comarca key list|add|rotate|revoke|bar`: each on the database and through a server, and what can go wrong."""

from pathlib import Path

from tests.cli.house import BOTH, House
from tests.cli.serving import served


def make(house: House, name: str, owner: str = "mill") -> str:
    """A further key of an owner, in a file; its public key."""
    house.good("key", "new", f"{name}.key", "--holder", house.holder(owner))
    return str(house.json("key", "show", f"{name}.key")[0]["key"])


def statuses(house: House, way: tuple[str, ...], *more: str) -> list[str]:
    found = house.json("key", "list", house.holder("mill"), "--key", "anna.key", *more, *way)
    return [key["status"] for key in found]


def test_a_key_is_added_rotated_and_revoked(house: House, way: tuple[str, ...]) -> None:
    till, newer = make(house, "till"), make(house, "newer")
    pay = ("pay", house.holder("shop"), "1.00", *way, "--key")
    house.good("key", "add", "till.key", "--key", "mill.key", *way)
    house.good(*pay, "till.key")
    house.good("key", "rotate", "newer.key", "--key", "till.key", *way)
    assert "key_dead" in house.bad(1, *pay, "till.key")
    house.good(*pay, "newer.key")
    found = house.json("key", "list", "--key", "mill.key", "--key", "newer.key", *way)
    assert [key["status"] for key in found] == ["live", "rotated", "live"]
    assert [key["file"] for key in found] == ["mill.key", None, "newer.key"]
    assert [key["public"] for key in found[1:]] == [till, newer]
    assert found[1]["rank"] == found[2]["rank"] < found[2]["since"]
    house.good("key", "revoke", found[2]["key_id"], "--key", "mill.key", *way)
    assert "key_dead" in house.bad(1, *pay, "newer.key")
    assert statuses(house, way) == ["live", "revoked", "revoked"]


def test_whose_key_is_dead_is_told_which(house: House, way: tuple[str, ...]) -> None:
    make(house, "newer")
    old = house.json("key", "list", "--key", "mill.key", *way)[0]["key_id"]
    house.good("key", "rotate", "newer.key", "--key", "mill.key", *way)
    said = house.bad(1, "pay", house.holder("shop"), "1.00", "--key", "mill.key", *way)
    assert f"key {old}, status rotated" in said
    if not way:  # a dead key cannot ask a server
        live = house.json("key", "list", "--key", "newer.key")[1]["key_id"]
        assert said.endswith(f"Sign with a live key of the same holder. Live: {live}.")


def test_an_older_key_alone_ends_a_younger(house: House, way: tuple[str, ...]) -> None:
    make(house, "till")
    house.good("key", "add", "till.key", "--key", "mill.key", *way)
    assert "key_too_young" in house.bad(1, "key", "revoke", "mill.key", "--key", "till.key", *way)
    make(house, "newer")
    assert "key_too_young" in house.bad(1, "key", "rotate", "newer.key", "--old", "mill.key", "--key", "till.key", *way)
    house.good("key", "rotate", "newer.key", "--old", "till.key", "--key", "mill.key", *way)
    house.good("key", "revoke", "newer.key", "--key", "newer.key", *way)
    assert statuses(house, way) == ["live", "revoked", "revoked"]


def test_administrators_bar_a_key(house: House, way: tuple[str, ...]) -> None:
    mill = house.holder("mill")
    (key,) = house.json("key", "list", mill, "--key", "anna.key", *way)
    house.good("key", "bar", mill, key["key_id"], "--reason", "telephone stolen", *BOTH, *way)
    assert statuses(house, way) == ["barred"]
    assert "key_unknown" in house.bad(1, "key", "bar", mill, "mill.key", "--reason", "again", *BOTH, *way)
    assert "has no key of the ID 00000000" in house.bad(1, "key", "bar", mill, "00000000", "--reason", "x", *BOTH, *way)


def test_a_key_on_another_machine_signs_there(house: House) -> None:
    house.admit("mill")
    public = make(house, "till")
    said = house.json("key", "add", public, "--key", "mill.key", "--out", "till.note")
    assert said["missing"] == [f"the new key of {house.holder('mill')}"]
    assert house.json("sign", "till.note", "--key", "till.key")["missing"] == []
    house.good("submit", "till.note")
    assert statuses(house, ()) == ["live", "live"]


def test_bad_key_changes(house: House) -> None:
    house.admit("mill")
    house.admit("shop")
    house.key("foreign")
    assert "made for holder" in house.bad(2, "key", "add", "foreign.key", "--key", "mill.key")
    assert "comarca key new FILE --holder" in house.bad(2, "key", "add", "shop.key", "--key", "mill.key")
    assert "no such file" in house.bad(2, "key", "add", "absent.key", "--key", "mill.key")
    assert "keys of 2 holders" in house.bad(2, "key", "add", "foreign.key", "--key", "mill.key", "--key", "shop.key")
    assert "signs already" in house.bad(2, "key", "add", "mill.key", "--key", "mill.key")
    house.good("key", "add", make(house, "till"), "--key", "mill.key", "--out", "till.note")
    house.good("sign", "till.note", "--key", "till.key")
    house.good("submit", "till.note")
    assert "key_used" in house.bad(1, "key", "rotate", "mill.key", "--key", "till.key")
    assert "0 keys of holder" in house.bad(2, "key", "revoke", "shop.key", "--key", "mill.key")
    assert "clerk_key" in house.bad(1, "key", "revoke", "clerk.key", "--key", "clerk.key")
    assert "no holder" in house.bad(1, "key", "list", "0192f3a87c0b7e1a9d2c4b5a69788796")
    assert "--holder" in house.bad(2, "key", "new", "x.key", "--holder", "mill")
    assert "leave --holder" in house.bad(2, "key", "new", "x.key", "--operator", "--holder", house.holder("mill"))
    assert not Path("x.key").exists()


def test_another_holders_keys_are_nobodys_business(house: House) -> None:
    house.admit("mill")
    house.admit("shop")
    with served() as address:
        assert house.bad(1, "key", "list", house.holder("mill"), "--key", "shop.key", "--server", address)
