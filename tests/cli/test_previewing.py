"""`comarca preview` and `comarca pay --preview`: the same on the database and through a server; nothing is written."""

from tests.cli.house import House


def test_a_payment_is_previewed_and_not_made(house: House, way: tuple[str, ...]) -> None:
    mill, shop = house.holder("mill"), house.holder("shop")
    size = house.json("log", "size")["size"]
    said = house.good("pay", shop, "34.30", "--key", "mill.key", "--memo", "flour", "--preview", *way)
    assert "would be accepted" in said and f"Account {mill} then stands at -34.30" in said
    found = house.json("pay", shop, "34.30", "--key", "mill.key", "--preview", *way)
    assert (found["status"], found["log_index"]) == (201, size)
    assert [(one["id"], one["balance"]) for one in found["accounts"]] == [(mill, -3430)]
    assert house.json("log", "size")["size"] == size


def test_what_would_be_refused_says_so(house: House, way: tuple[str, ...]) -> None:
    said = house.bad(1, "pay", house.holder("shop"), "99999.00", "--key", "mill.key", "--preview", *way)
    assert "would be refused, credit_exceeded" in said and "short_by" in said


def test_a_paper_is_previewed_with_whoever_must_sign_it(house: House, way: tuple[str, ...]) -> None:
    mill = house.holder("mill")
    house.good("account", "suspend", mill, "--reason", "moved away", "--key", "anna.key", "--out", "suspend.note")
    said = house.good("preview", "suspend.note", "--key", "anna.key", *way)
    assert "would be accepted" in said and mill in said and "moved away" in said
    assert "refused" in house.bad(1, "preview", "suspend.note", "--key", "mill.key", *way)
