"""`comarca log export`, `check` and `recover`, as an operator types them, and an auditor."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.store.lockfile import LockFile
from tests.cli.house import ORIGIN, House


@pytest.fixture
def lively(house: House) -> House:
    """A house with two members and a payment."""
    mill, _ = house.admit("mill"), house.admit("bakery")
    house.good("pay", mill, "3.00", "--key", "bakery.key", "--memo", "flour of May")
    return house


@pytest.fixture
def served(lively: House) -> Iterator[str]:
    """The address of its server."""
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0"]
    environment = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        assert line.startswith("Serving at "), line
        yield line.split()[2]
        server.terminate()


def files(folder: str) -> dict[str, bytes]:
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def trust(house: House) -> list[str]:
    return ["--identity", house.json("log", "size")["identity"]]


def test_exported_and_checked(lively: House) -> None:
    said = lively.json("log", "export", "log")
    assert said == {"origin": ORIGIN, "before": 0, "size": 4, "written": 4, "removed": 0}
    assert lively.json("log", "export", "log")["written"] == 0
    assert set(files("log")) == {"checkpoint", "genesis", "tile/0/000.p/4", "tile/entries/000.p/4"}
    found = lively.json("log", "check", "log", *trust(lively))
    size = lively.json("log", "size")
    assert {name: found[name] for name in ("check", "size", "identity", "instructions")} == {
        "check": "passed", "size": 4, "identity": size["identity"], "instructions": False}  # fmt: skip
    key = lively.good("log", "size").split("verifier key\t")[1].strip()
    assert "passed" in lively.good("log", "check", "log", "--verifier-key", key, "--origin", ORIGIN)
    assert not Path("log.private").exists()


def test_what_is_wrong_is_named_with_exit_code_1(lively: House) -> None:
    lively.good("log", "export", "log")
    path = Path("log/tile/0/000.p/4")
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "tile/0/000.p/4: hash 3 is not that of entry 3" in lively.bad(1, "log", "check", "log", *trust(lively))
    Path("log/checkpoint").unlink()
    os.mkfifo("log/checkpoint")
    for command in ("check", "recover"):
        said = lively.bad(1, "log", command, "log", *trust(lively), "--instructions", "log")
        assert "checkpoint: is no file" in said, "nobody waits at a pipe"


def test_checked_against_a_checkpoint_that_was_kept(lively: House) -> None:
    Path("older").write_text(lively.good("log", "checkpoint"))
    lively.admit("farm")
    lively.good("log", "export", "log")
    assert "passed" in lively.good("log", "check", "log", *trust(lively), "--older", "older")
    key = lively.good("log", "size").split("verifier key\t")[1].strip()
    assert "passed" in lively.good("log", "check", "log", *trust(lively), "--older", "older", "--older-key", key)
    other = "ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    lively.bad(1, "log", "check", "log", *trust(lively), "--older", "older", "--older-key", other)
    Path("older").write_text("of a game\n")
    assert "the older checkpoint" in lively.bad(1, "log", "check", "log", *trust(lively), "--older", "older")


@pytest.mark.parametrize(
    ("words", "said"),
    [(("check", "log"), "--verifier-key or --identity"), (("check", "log", "--identity", "x"), "base64"),
     (("check", "log", "--verifier-key", "x"), "verifier key"), (("recover", "log"), "there are no instructions"),
     (("export", "log", "--with-personal-data"), "goes with --with-instructions"),
     (("export", "log", "--with-instructions", "--server", "http://127.0.0.1:1"), "leave --server out"),
     (("check", "log", "--origin", "a.example/b", "--verifier-key",
       "ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"), "--origin says")],
)  # fmt: skip
def test_misused(lively: House, words: tuple[str, ...], said: str) -> None:
    lively.good("log", "export", "log")
    assert said in lively.bad(2, "log", *words)


def test_a_lost_disk(lively: House) -> None:
    shutil.copy("comarca.db", "old.db")
    lively.admit("farm")
    assert "NEVER PUBLISH" in lively.run("log", "export", "log", "--with-instructions", "--with-personal-data").stderr
    lively.good("log", "export", "log", "--with-instructions", "--with-personal-data")
    assert Path("log.private").stat().st_mode & 0o777 == 0o700
    members = lively.good("member", "list")
    for name in Path().glob("comarca.db*"):
        os.remove(name)
    assert "say which ledger" in lively.bad(2, "log", "recover", "log")
    assert not Path("comarca.db").exists()
    identity = lively.json("log", "size", "--url", "sqlite:///old.db")["identity"]
    lively.good("log", "check", "log", "--identity", identity)
    assert lively.json("log", "recover", "log", "--identity", identity)["after"] == 5
    lively.good("audit")
    assert lively.good("member", "list") == members
    assert lively.run("doctor").exit_code == 0
    mill = lively.holder("mill")
    lively.good("pay", mill, "1.00", "--key", "bakery.key")  # and the ledger goes on
    # The same from an old backup, whose identity is known; and a second time nothing is added.
    assert lively.json("log", "recover", "log", "--url", "sqlite:///old.db") == {
        "origin": ORIGIN, "before": 4, "after": 5, "export": 5}  # fmt: skip
    lively.good("audit", "--url", "sqlite:///old.db")
    assert lively.json("log", "recover", "log", "--url", "sqlite:///old.db")["before"] == 5
    other = "JanCBN6Avdm63YHZ5j6JeHg9X1YdY5YeL8LtocalS5U="
    assert "another identity" in lively.bad(1, "log", "recover", "log", "--identity", other)


def test_instructions_are_kept_up_without_being_asked_for_again(lively: House) -> None:
    lively.good("log", "export", "log", "--with-instructions")
    lively.admit("farm")
    lively.good("log", "export", "log")
    shutil.move("log.private", "elsewhere")
    assert lively.json("log", "check", "log", *trust(lively), "--instructions", "elsewhere")["instructions"]


def test_nobody_recovers_under_a_server(lively: House) -> None:
    lively.good("log", "export", "log", "--with-instructions")
    with LockFile(Path("comarca.db"), "serve"):
        assert "in use by `comarca serve`" in lively.bad(3, "log", "recover", "log")


def test_through_a_server_it_is_the_same_log(lively: House, served: str) -> None:
    lively.good("log", "export", "direct")
    lively.good("log", "export", "by-http", "--server", served)
    assert files("by-http") == files("direct")
    assert lively.json("log", "export", "by-http", "--server", served)["written"] == 0
