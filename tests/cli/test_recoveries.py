"""`comarca recovery`: started, vetoed, delayed, completed when its day has come."""

from typing import Any

import pytest

from cli.output import utc
from tests.cli.house import BOTH, FACTS, House
from tests.cli.serving import served

THREE_DAYS, THIRTY_DAYS = 259_200, 2_592_000
ALMOST = THREE_DAYS - 60


class Clock:
    """Log time, which goes where a test puts it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        import time

        self.later = 0
        now = time.time
        monkeypatch.setattr("time.time", lambda: now() + self.later)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def lost(house: House) -> House:
    """A house whose mill has a new key, with which it is to be recovered."""
    house.admit("mill")
    house.admit("shop")
    house.good("key", "new", "new.key", "--holder", house.holder("mill"))
    return house


def start(house: House, *more: str, new: str = "new.key") -> str:
    said = house.json("recovery", "start", house.holder("mill"), new, "--reason", "lost", *BOTH, *more)
    assert said["status"] == "accepted"
    return str(said["id"])


def show(house: House, *more: str) -> Any:
    return house.json("recovery", "show", house.holder("mill"), "--key", "anna.key", *more)


def test_it_is_completed_when_its_day_has_come(lost: House, clock: Clock) -> None:
    assert "has had no recovery" in lost.bad(1, "recovery", "show", lost.holder("mill"))
    id = start(lost)
    pay = ("pay", lost.holder("shop"), "1.00", "--key")
    assert "payments_stopped" in lost.bad(1, *pay, "mill.key")
    assert [key["status"] for key in lost.json("key", "list", "--key", "mill.key")] == ["frozen", "pending"]
    clock.later = ALMOST
    said = lost.bad(1, "recovery", "complete", id, "--key", "new.key")
    assert "recovery_early" in said and f"due {utc(show(lost)['due'])}" in said
    clock.later = THREE_DAYS + 1
    lost.good("recovery", "complete", id, "--key", "new.key")
    assert show(lost)["status"] == "completed"
    lost.good(*pay, "new.key")
    assert "status replaced" in lost.bad(1, *pay, "mill.key")
    assert "status\tcompleted" in lost.good("recovery", "show", lost.holder("mill"))
    assert lost.json("audit")["audit"] == "passed"


def test_a_live_key_ends_it(lost: House) -> None:
    id = start(lost)
    assert "recovery_pending" in lost.bad(
        1, "recovery", "start", lost.holder("mill"), "new.key", "--reason", "again", *BOTH
    )
    lost.good("recovery", "veto", id, "--key", "mill.key")
    assert show(lost)["status"] == "vetoed"
    lost.good("pay", lost.holder("shop"), "1.00", "--key", "mill.key")
    assert "recovery_unknown" in lost.bad(1, "recovery", "veto", id, "--key", "mill.key")


def test_a_barred_key_delays_it_once(lost: House, clock: Clock) -> None:
    lost.good("key", "bar", lost.holder("mill"), "mill.key", "--reason", "stolen", *BOTH)
    id = start(lost)
    lost.good("recovery", "veto", id, "--key", "mill.key")
    assert (show(lost)["delayed"], show(lost)["due"] - show(lost)["started"]) == (1, THIRTY_DAYS)
    assert "veto_spent" in lost.bad(1, "recovery", "veto", id, "--key", "mill.key")
    clock.later = THREE_DAYS + 1
    assert "recovery_early" in lost.bad(1, "recovery", "complete", id, "--key", "new.key")
    clock.later = THIRTY_DAYS + 1
    lost.good("recovery", "complete", id, "--key", "new.key", "--clock-is-right")


def test_through_a_server(lost: House, clock: Clock) -> None:
    with served() as address:
        way = ("--server", address)
        id = start(lost, *way)
        assert "recovery_early" in lost.bad(1, "recovery", "complete", id, "--key", "new.key", *way)
        lost.good("recovery", "veto", id, "--key", "mill.key", *way)
        lost.good("key", "new", "newer.key", "--holder", lost.holder("mill"))
        id = start(lost, *way, new="newer.key")
        assert show(lost, *way)["status"] == "pending"
    clock.later = THREE_DAYS + 1
    with served(clock.later) as address:
        way = ("--server", address)
        lost.good("recovery", "complete", id, "--key", "newer.key", *way)
    assert show(lost)["status"] == "completed"


def test_out_of_custody(house: House, clock: Clock) -> None:
    house.admit("shop")
    house.key("care")
    house.good("holder", "register", "custodian", "--holder-key", "care.key", *BOTH)
    joan = house.json("member", "admit", "--class", "commercial", *FACTS, "--custodian", house.holder("care"), *BOTH,
                      "--key", "care.key")["id"]  # fmt: skip
    house.good("key", "new", "joan.key", "--holder", joan)
    id = house.json("recovery", "start", joan, "joan.key", "--reason", "comes of age", *BOTH)["id"]
    clock.later = THREE_DAYS + 1
    house.good("recovery", "complete", id, "--key", "joan.key")
    house.good("pay", house.holder("shop"), "1.00", "--key", "joan.key")
    assert "account_unknown" in house.bad(1, "pay", house.holder("shop"), "1.00", "--from", joan, "--key", "care.key")


def test_the_new_key_is_elsewhere(lost: House) -> None:
    public = lost.json("key", "show", "new.key")[0]["key"]
    said = lost.json("recovery", "start", lost.holder("mill"), public, "--reason", "lost", *BOTH, "--out", "r.note")
    assert said["missing"] == [f"the new key of {lost.holder('mill')}"]
    lost.good("sign", "r.note", "--key", "new.key")
    lost.good("submit", "r.note")
    assert show(lost)["id"] == said["id"]


def test_bad_recoveries(lost: House) -> None:
    mill = lost.holder("mill")
    begin = ("recovery", "start", mill, "new.key", "--reason", "x")
    assert "none of these keys is an administrator's" in lost.bad(2, *begin, "--key", "mill.key")
    assert "made for holder" in lost.bad(2, "recovery", "start", mill, "shop.key", "--reason", "x", *BOTH)
    assert lost.run("recovery", "start", mill, "new.key", *BOTH).exit_code == 2
    absent = "0192f3a87c0b7e1a9d2c4b5a69788796"
    assert "recovery_unknown" in lost.bad(1, "recovery", "veto", absent, "--key", "mill.key")
    assert lost.bad(1, "recovery", "complete", absent, "--key", "new.key")
    assert "RECOVERY" in lost.bad(2, "recovery", "veto", "mine", "--key", "mill.key")
