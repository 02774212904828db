"""`comarca demo`, what `make run` runs: on a small file, killed, again, after a week, served; the shipped excerpt."""

import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from cli import demo as demonstration
from ledger.files.payments import read_payments
from tests.cli.house import BOTH, FACTS, House
from tests.cli.test_import import counts, start

HEADER = "date,payer,payee,category,amount,currency\n"
LEDGER = "sqlite:///var/comarca.db"


def write_payments(rows: int = 60, name: str = "small.csv") -> str:
    """Payments of which those to BIG pass its ceiling of 250,000.00 from the third on."""
    rows_of = [("BIG", 100_000) if n % 6 == 0 else (f"PAYEE {n % 17}", 10) for n in range(rows)]
    lines = [f"2019-01-03,COUNCIL,{payee},Care,{pounds}.50,GBP\n" for payee, pounds in rows_of]
    Path(name).write_text(HEADER + "".join(lines))
    return name


def play(empty: House, *more: str) -> str:
    return empty.good("demo", "--no-serve", "--file", "small.csv", *more)


def test_it_tells_what_happened(empty: House) -> None:
    write_payments()
    said = play(empty)
    facts = dict(line.split(":", 1) for line in said.strip().split("\n"))
    assert facts["Members"].strip().startswith("19, admitted by 2 of 3")
    assert facts["Payments"].strip().startswith("60 of 60 settled")
    assert facts["Volume"].strip() == "1,000,530.00 BRAD"
    assert facts["Balances"].strip() == "sum to 0.00 BRAD"
    assert facts["Refused"].strip() == "8 payments at first: payee_cannot_receive"
    assert "raised for 1 accounts" in facts["Ceilings"]
    assert "verified offline for BIG" in facts["Receipt"]
    assert "passed: 81 entries" in facts["Audit"]  # the genesis, 19 admissions, 60 payments, 1 raise
    assert Path("var").stat().st_mode & 0o777 == 0o700


def test_the_refused_texts_settle_as_they_were_signed(empty: House) -> None:
    write_payments()
    play(empty)
    records = [json.loads(line) for line in next(Path("var").glob("*.payments")).read_text().split("\n")[1:-1]]
    texts = Counter(record["row"] for record in records if "text" in record)
    assert set(texts.values()) == {1} and len(texts) == 60
    assert [len(record.get("refused", ())) for record in records if "refused" in record] == [8, 0]


def test_a_second_run_goes_on_with_the_same_ledger(empty: House) -> None:
    write_payments()
    first, before = play(empty), counts(LEDGER)
    assert play(empty) == first and counts(LEDGER) == before
    write_payments(rows=80)
    assert "80 of 80 settled" in play(empty)
    assert counts(LEDGER)["movement"] == 140


def test_the_configuration_that_it_leaves_works(empty: House) -> None:
    write_payments()
    play(empty)
    by = ("--config", "var/comarca.toml")
    assert empty.json("log", "size", *by)["size"] == 81
    council, *_ = empty.json("member", "list", *by)
    assert council["accounts"][0]["balance"] == -100_053_000
    identity = Path("var/identity").read_text().strip()
    assert empty.json("verify", "receipt", "var/receipt.json", "--origin", demonstration.ORIGIN, "--identity", identity)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_midway_it_goes_on(empty: House, seed: int) -> None:
    write_payments(rows=900)
    chance = random.Random(seed)
    for wait_s in (chance.random() * 1.5, 1 + chance.random() * 2, 1.5 + chance.random() * 2):
        process = start("demo", "--no-serve", "--file", "small.csv")
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert "900 of 900 settled" in play(empty)
    assert counts(LEDGER) == {"member": 19, "movement": 900, "once": 900, "entry": 921}


def test_after_more_than_a_week_it_goes_on(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write_payments()
    now = time.time
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now() - 8 * 86_400)
        play(empty)
    write_payments(rows=61)
    assert "61 of 61 settled" in play(empty)


def test_a_command_after_a_week_asks_whether_the_clock_is_right(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now() - 8 * 86_400)
        empty.found()
    empty.key("mill")
    admit = ("member", "admit", "--class", "commercial", *FACTS, "--member-key", "mill.key", *BOTH)
    assert "--clock-is-right" in empty.bad(3, *admit)
    kept = next(Path().glob("admit-*.note"))
    assert "--clock-is-right" in empty.bad(3, "submit", str(kept))
    assert empty.json("submit", str(kept), "--clock-is-right")[0]["status"] == "accepted"
    empty.admit("shop")  # an entry of today is proof enough


@contextmanager
def playing(*more: str) -> Iterator[tuple[str, list[str]]]:
    """The demo as a process that serves; its address and the commands that it tells to try."""
    process = start("demo", "--file", "small.csv", *more)
    try:
        assert process.stdout is not None and process.stderr is not None
        lines = []
        while not lines or not lines[-1].startswith("Serving at "):
            line = process.stdout.readline().decode()
            assert line, process.stderr.read().decode()
            lines.append(line)
        yield lines[-1].split()[2], [process.stdout.readline().decode().strip() for _ in range(3)]
    finally:
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_it_serves_and_says_what_to_try(empty: House) -> None:
    write_payments()
    with playing("--port", "0") as (address, tries):
        fetch, listing, verifying = tries
        assert fetch == f"curl -s {address}/v1/ledgers/bradford"
        with urlopen(fetch.split()[-1]) as answer:
            assert json.load(answer)["log_size"] == 81
        for command in (listing, verifying):
            words = shlex.split(command.replace("$(cat var/identity)", Path("var/identity").read_text()))
            assert empty.good(*words[1:])
        again = empty.run("demo", "--file", "small.csv")
        assert "served already" in again.stderr and "Serving" not in again.stdout and fetch in again.stdout


def test_a_port_that_was_asked_for_and_is_taken(empty: House) -> None:
    write_payments()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "choose another by --port" in empty.bad(3, "demo", "--file", "small.csv", "--port", port)
        Path("comarca.toml").write_text("")
        with playing() as (address, _):  # its default port may be taken, too: then it takes a free one
            assert address.startswith("http://127.0.0.1:")


def test_bad_files(empty: House) -> None:
    Path("junk.csv").write_text("x\n")
    assert "no column" in empty.bad(2, "demo", "--no-serve", "--file", "junk.csv")
    assert empty.run("demo", "--no-serve", "--file", "absent.csv").exit_code == 2
    Path("small.csv").write_text(HEADER + "2019-01-03,A,B,C,1.00,GBP\n2019-01-03,A,B,C,-1.00,GBP\n")
    assert "1 bad rows" in empty.bad(1, "demo", "--no-serve", "--file", "small.csv")


# --- the excerpt that is shipped


def test_the_excerpt_is_whole_and_hard_enough() -> None:
    octets = demonstration.EXCERPT.read_bytes()
    found = read_payments(octets, demonstration.SCALE)
    assert len(found.payments) >= 5000 and not found.bad
    limits = demonstration.DESCRIPTION["policies"]["limits"]
    assert sum(one.amount for one in found.payments) <= -limits["public"][0]
    balances: Counter[str] = Counter()
    refused = 0
    for one in found.payments:
        if balances[one.payee] + one.amount > limits["commercial"][1]:
            refused += 1
        else:
            balances[one.payee] += one.amount
    assert refused >= 50
    said = (demonstration.EXCERPT.parent / "README.md").read_text()
    assert "Open Government Licence v3.0" in said and "Metropolitan District" in said


def test_the_program_runs_as_a_script() -> None:
    program = Path(sys.executable).with_name("comarca")
    command = [str(program)] if program.exists() else [sys.executable, "-c", "from cli.main import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([*command, "--help"], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0 and "Exit codes" in ran.stdout
