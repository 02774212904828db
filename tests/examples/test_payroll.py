"""The payroll: one signature, each wage once, whatever comes between and however often it is run."""

import json
from pathlib import Path

from tests.client.street import Answer, Passing, busy
from tests.examples.programs import Programs, Run

SUBMIT = "POST /v1/ledgers/solana/instructions"


def pay(programs: Programs, wages: str, run: str = "2026-05") -> Run:
    (programs.folder / "wages.csv").write_text(wages)
    return programs.run("payroll.py", "--run", run, "wages.csv")


def wages(programs: Programs, first: str = "1200.00", second: str = "950.50") -> str:
    return f"payee,amount\n{programs.farm},{first}\n{programs.mill},{second}\n"


def test_paid_once_however_often_it_is_run(programs: Programs) -> None:
    for _ in range(2):
        run = pay(programs, wages(programs))
        assert (run.returncode, run.stderr) == (0, ""), run.stderr
        assert f"1: 1200.00 SOL to {programs.farm}" in run.stdout and "entry 4" in run.stdout
    assert (programs.balance(), programs.balance(1), programs.balance(2)) == (-215050, 120000, 95050)
    receipt = json.loads((programs.desk / "2026-05.json").read_text())
    assert len(receipt["legs"]) == 2


def test_resumed_after_an_unknown_outcome(programs: Programs) -> None:
    def logged_and_busy(passing: Passing) -> Answer:
        passing.pass_on()
        return 503, {"Retry-After": "0"}, busy(passing)[2]

    programs.street.spoils += [(SUBMIT, logged_and_busy)] * 8
    run = pay(programs, wages(programs))
    assert run.returncode == 1 and "Run this again" in run.stderr
    run = pay(programs, wages(programs))
    assert run.returncode == 0 and programs.balance() == -215050


def test_the_words_hold_even_where_the_folder_is_lost(programs: Programs) -> None:
    assert pay(programs, wages(programs)).returncode == 0
    for path in programs.desk.iterdir():
        path.unlink()
    run = pay(programs, wages(programs))
    assert run.returncode == 1 and "once_used" in run.stderr
    assert programs.balance() == -215050


def test_refused_as_a_whole_and_mended(programs: Programs) -> None:
    run = pay(programs, wages(programs, second="4000.00"))
    assert run.returncode == 1 and "credit_exceeded" in run.stderr and programs.balance() == 0
    assert pay(programs, wages(programs)).returncode == 0 and programs.balance() == -215050


def test_a_run_is_not_signed_for_other_wages_again(programs: Programs) -> None:
    assert pay(programs, wages(programs)).returncode == 0
    run = pay(programs, wages(programs, first="1300.00"))
    assert run.returncode == 2 and "signed before" in run.stderr
    assert pay(programs, wages(programs), run="2026-06").returncode == 0
    assert programs.balance() == -430100


def test_files_that_are_no_wages(programs: Programs) -> None:
    farm = programs.farm
    for text in ("", "payee,amount\n", f"payee\n{farm}\n", f"payee,amount\n{farm},nine\n", f"payee,amount\n{farm},0\n",
                 "payee,amount\nfarm,1\n", f"payee,amount\n{farm},1\n{farm},2\n"):  # fmt: skip
        run = pay(programs, text)
        assert run.returncode == 2 and "wages.csv" in run.stderr and "Traceback" not in run.stderr, (text, run.stderr)
    assert not any(f"{method} {path}" == SUBMIT for method, path in programs.street.passed)
    assert list(Path(programs.desk).glob("*.signed")) == []
