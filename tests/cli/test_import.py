"""`comarca import payments`: reports, refusals, kills at any moment, on SQLite, on PostgreSQL and through a server."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.signer.keyfile import read_keys, write_keys
from ledger.store.database import Store
from tests.cli.house import FACTS, House
from tests.cli.serving import served

HEADER = "date,payer,payee,category,amount,currency\n"
DATABASE = "sqlite:///comarca.db"


def write_payments(rows: int, payees: int = 20) -> None:
    lines = [f"2019-01-03,COUNCIL,PAYEE {n % payees},Care,{1 + n % 7}.50,GBP\n" for n in range(rows)]
    Path("payments.csv").write_text(HEADER + "".join(lines))


@pytest.fixture
def pilot(empty: House) -> House:
    """A pilot whose keyring has the administrators' keys, with classes for an import."""
    pilot_on(empty, DATABASE)
    return empty


def pilot_on(empty: House, url: str) -> None:
    limits = {"commercial": [-100, 2_000], "public": [-100_000_000, 100]}
    Path("pilot.json").write_text(json.dumps({"policies": {"limits": limits}}))
    empty.good("init", "--pilot", "--from", "pilot.json", "--url", url)


def counts(url: str = DATABASE) -> dict[str, int]:
    store = Store.open(url)
    try:
        with store.read() as connection:
            return {what: int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())
                    for what in ("member", "movement", "once", "entry")}  # fmt: skip
    finally:
        store.close()


def test_an_import_and_what_it_says(pilot: House) -> None:
    write_payments(100, payees=20)  # five for each payee; some ceilings are too low for all of them
    result = pilot.run("import", "payments", "payments.csv", "--json")
    said = json.loads(result.stdout)
    assert result.exit_code == 1 and "refused, payee_cannot_receive" in result.stderr
    assert said["payments"] == 100 and said["logged"] + sum(said["reasons"].values()) == 100
    assert set(said["reasons"]) == {"payee_cannot_receive"}
    assert counts()["movement"] == counts()["once"] == said["logged"]
    again = json.loads(pilot.run("import", "payments", "payments.csv", "--json").stdout)
    assert again == said | {"logged_now": 0}
    assert pilot.json("audit")["audit"] == "passed"


def test_every_row_of_a_bad_file_is_answered(pilot: House) -> None:
    rows = "2019-01-03,A,B,C,1.00,GBP\n2019-01-03,A,B,C,-1.00,GBP\n2019-01-03,A,B,C,0.001,GBP\n2019-01-03,A,A,C,1,GBP\n"
    Path("payments.csv").write_text(HEADER + rows)
    result = pilot.run("import", "payments", "payments.csv", "--json")
    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert said["logged"] == 1 and [bad["row"] for bad in said["bad"]] == [2, 3, 4]
    assert "row 2: the amount is negative" in result.stderr
    assert "rows that are no payments: 3; all others are in the log." in result.stderr


def test_what_is_refused_is_named_by_its_row(pilot: House) -> None:
    Path("payments.csv").write_text("payer,payee,amount\nA,B,1.00\nA,B,999999999.00\n")
    said = pilot.run("import", "payments", "payments.csv", "--payer-class", "commercial").stderr
    assert "row 2: refused, credit_exceeded" in said and "rows refused: 1; all others" in said
    Path("payments.csv").write_text("payer,payee,amount\nA,C,1.00\n")
    said = pilot.bad(1, "import", "payments", "payments.csv", "--payee-class", "barons")
    assert "C: not admitted: refused, class_unknown" in said and "class barons" in said


def test_nobody_is_admitted_twice_by_name(pilot: House) -> None:
    pilot.key("joan")
    pilot.good(
        "member", "admit", "--class", "commercial", *FACTS, "--member-key", "joan.key", "--profile", "Joan  Forn"
    )
    Path("payments.csv").write_text("payer,payee,amount\nCOUNCIL,JOAN FORN,1.00\n")
    before = counts()
    result = pilot.run("import", "payments", "payments.csv")
    assert result.exit_code == 1 and f"JOAN FORN: is member {pilot.holder('joan')} already" in result.stderr
    assert "--admit-namesakes" in result.stderr and counts() == before
    with served() as address:
        through = pilot.run("import", "payments", "payments.csv", "--server", address)
        assert through.exit_code == 1 and "--admit-namesakes" in through.stderr and counts() == before
    pilot.good("import", "payments", "payments.csv", "--admit-namesakes")
    assert counts()["member"] == before["member"] + 2
    pilot.good("import", "payments", "payments.csv")
    assert counts()["movement"] == 1


def test_misuse(pilot: House) -> None:
    write_payments(1)
    Path("junk.csv").write_text("a,b\n")
    assert "no column 'payer'" in pilot.bad(2, "import", "payments", "junk.csv")
    assert pilot.run("import", "payments", "absent.csv").exit_code == 2
    assert "class_unknown" in pilot.bad(1, "import", "payments", "payments.csv", "--payee-class", "barons")
    assert "place" in pilot.bad(2, "import", "payments", "payments.csv", "--place", "nowhere")
    assert "kind" in pilot.bad(2, "import", "payments", "payments.csv", "--payee-kind", "king")
    pilot.key("mill")
    assert "none of these keys" in pilot.bad(2, "import", "payments", "payments.csv", "--key", "mill.key")
    assert "1 administrators' keys" in pilot.bad(
        2, "import", "payments", "payments.csv", "--key", _one_administrator(pilot)
    )
    assert counts()["movement"] == 0
    assert "in the log\t1" in pilot.good("import", "payments", "payments.csv")


def _one_administrator(pilot: House) -> str:
    name, seed = next(iter(read_keys(Path("keyring.json"), b"only for tests").items()))
    write_keys(Path("one.key"), {name: seed}, b"only for tests", 2)
    return "one.key"


def test_another_ledger_needs_another_keyring(pilot: House) -> None:
    write_payments(1)
    pilot.good("import", "payments", "payments.csv")
    for name in ("comarca.db", "operator.state", "genesis.note"):
        Path(name).unlink()
    Path("keyring.json").unlink()
    pilot_on(pilot, DATABASE)
    assert "use another keyring" in pilot.bad(3, "import", "payments", "payments.csv")


# --- killed


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    """The command as a process of its own."""
    code = "from cli.main import main; main(prog_name='comarca')"
    environment = {**os.environ, "COMARCA_PASSWORD_FILE": "password", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)  # fmt: skip


def kill_and_resume(arguments: list[str], grown: Callable[[], int], rounds: int, chance: random.Random) -> int:
    """Kill the command `rounds` times, each somewhere after its journals have grown, then let it end; its code."""
    for _ in range(rounds):
        process = start(*arguments)
        before, deadline = grown(), time.monotonic() + 60
        while process.poll() is None and grown() == before and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.25)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    process = start(*arguments)
    _, said = process.communicate(timeout=120)
    assert b"Traceback" not in said, said
    return process.returncode


def journals() -> int:
    return sum(path.stat().st_size for path in Path().glob("keyring.*") if path.exists())


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_every_payment_is_there_once(pilot: House, seed: int) -> None:
    write_payments(2500, payees=250)
    code = kill_and_resume(["import", "payments", "payments.csv"], journals, 4, random.Random(seed))
    said = json.loads(pilot.run("import", "payments", "payments.csv", "--json").stdout)
    found = counts()
    assert found["movement"] == found["once"] == said["logged"]
    assert found["member"] == 251
    assert said["logged"] + len(said["refused"]) == 2500
    assert code == (1 if said["refused"] else 0)
    assert _rows_paid() == sorted(set(_rows_paid()))
    assert pilot.json("audit")["audit"] == "passed"


def _rows_paid(url: str = DATABASE) -> list[int]:
    store = Store.open(url)
    try:
        with store.read() as connection:
            words = connection.execute(text("SELECT once FROM once")).scalars().all()
            return sorted(int(word.partition("/")[2]) for word in words)
    finally:
        store.close()


def test_on_postgresql(empty: House, postgres_url: str) -> None:
    pilot_on(empty, postgres_url)
    write_payments(1200, payees=600)
    arguments = ["import", "payments", "payments.csv", "--url", postgres_url]
    assert kill_and_resume(arguments, journals, 2, random.Random(7)) == 0
    assert counts(postgres_url) == {"member": 601, "movement": 1200, "once": 1200, "entry": 1802}
    assert _rows_paid(postgres_url) == list(range(1, 1201))
    assert empty.json("audit", "--url", postgres_url)["audit"] == "passed"


# --- through a server


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    process = start("serve", "--port", "0", *arguments)
    try:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        assert line.startswith("Serving at "), line + process.stderr.read().decode()
        yield line.split()[2]
    finally:
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_through_the_server_that_holds_the_file(pilot: House) -> None:
    write_payments(700, payees=350)
    with serving():
        code = kill_and_resume(["import", "payments", "payments.csv"], journals, 2, random.Random(5))
        assert code == 0
        payer = pilot.json("member", "list")[0]
        assert payer["name"] == "COUNCIL" and payer["accounts"][0]["balance"] < 0
    assert counts() == {"member": 351, "movement": 700, "once": 700, "entry": 1052}


def test_everything_through_a_server_by_its_address(house: House) -> None:
    mill, _ = house.admit("mill"), house.admit("shop")
    with serving() as address:
        Path("elsewhere").mkdir()
        for name in ("password", "shop.key", "mill.key", "anna.key", "berta.key"):
            Path(f"elsewhere/{name}").write_bytes(Path(name).read_bytes())
            Path(f"elsewhere/{name}").chmod(0o600)
        os.chdir("elsewhere")
        by = ("--server", address)
        paid = house.json("pay", mill, "1.50", "--key", "shop.key", "--receipt", "r.json", *by)
        assert paid["status"] == "accepted"
        size = house.json("log", "size", *by)
        house.good("verify", "receipt", "r.json", "--origin", size["origin"], "--identity", size["identity"])
        assert house.json("account", "show", mill, "--key", "mill.key", *by)["balance"] == 150
        assert "nothing here that you may see" in house.bad(1, "account", "show", mill, "--key", "shop.key", *by)
        assert [one["amount"] for one in house.json("account", "history", mill, "--key", "mill.key", *by)] == [150]
        house.good("account", "limit", mill, "--ceiling", "2.00", "--reason", "x", "--key", "anna.key", "--key",
                   "berta.key", *by)  # fmt: skip
        assert "payee_cannot_receive" in house.bad(1, "pay", mill, "1.50", "--key", "shop.key", *by)
        assert house.json("log", "checkpoint", *by)["size"] == 5
        assert house.json("log", "entry", "0", *by)["log_index"] == 0
        assert "commercial" in house.good("policy", "show", *by)
        assert "works on the database alone" in house.bad(2, "profile", "show", mill, *by)
        assert "--key" in house.bad(2, "member", "list", *by) and "--key" in house.bad(2, "holder", "list", *by)
        house.good("log", "entry", "3", "--key", "mill.key", "--receipt", "mill.json", *by)
        house.good("verify", "receipt", "mill.json", "--origin", size["origin"], "--identity", size["identity"])
        os.chdir("..")
        assert "in use by `comarca serve`" in house.bad(3, "serve", "--port", "0")
        assert "in use by `comarca serve`" in house.bad(3, "rebuild")
        house.good("pay", mill, "0.10", "--key", "shop.key")  # through the server, as its lock file says
        assert house.json("audit")["size"] == 6


def test_a_port_that_is_taken(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "choose another by --port" in house.bad(3, "serve", "--port", str(port))


def test_serving_nothing(empty: House) -> None:
    assert "no such database" in empty.bad(3, "serve", "--port", "0")
    assert empty.run("serve", "--port", "70000").exit_code == 2
    assert "leave --server out" in empty.bad(2, "serve", "--server", "http://127.0.0.1:9")


def test_serving_without_the_operators_key(house: House) -> None:
    Path("operator.key").unlink()
    assert "operator.key" in house.bad(3, "serve", "--port", "0")
