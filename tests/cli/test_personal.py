"""Personal data by the command: shown, corrected, given to whom it is about, erased; nothing of it left in the file."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ledger.client.gathering import of_draft
from ledger.client.writing import write
from ledger.core.holders import RegisterHolder
from ledger.core.ledgers import YEAR
from ledger.core.words import Anchor, InstructionId
from ledger.log import base64s
from ledger.receipts.verifying import verify
from ledger.signer.keyfile import public_keys
from ledger.store.lockfile import LockFile
from tests.cli.house import BOTH, ORIGIN, House

ABSENT = "0192f3a87c0b7e1a9d2c4b5a69788796"
VERA = (*BOTH, "--key", "vera.key")


def identity(house: House) -> bytes:
    return base64s.decode(house.json("log", "size")["identity"], 32)


def register_auditor(house: House) -> str:
    """Register an auditor by a text that is signed and sent."""
    id = house.key("vera")
    asked = RegisterHolder("auditor", public_keys(Path("vera.key"))[id])
    draft = write("register_holder", asked, origin=ORIGIN, id=InstructionId(bytes.fromhex(id)),
                  not_after=int(time.time()) + 600, anchor=Anchor(1, identity(house)))  # fmt: skip
    Path("vera.note").write_bytes(of_draft(draft).octets)
    house.good("sign", "vera.note", *VERA)
    house.good("submit", "vera.note")
    return id


@pytest.fixture
def lively(house: House) -> House:
    """A house with two members, payments with memos, an auditor, and a policy that keeps instructions for a year."""
    mill, _ = house.admit("mill"), house.admit("bakery")
    for n in range(3):
        house.good(
            "pay", mill, "3.00", "--key", "bakery.key", "--memo", f"flour of May, sack {n}", "--ref", f"SACK {n}"
        )
    register_auditor(house)
    return house


@pytest.fixture
def years_later(lively: House, monkeypatch: pytest.MonkeyPatch) -> House:
    lively.good("policy", "set", "retention", str(YEAR), *BOTH, "--reason", "by the statutes")
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + YEAR + 60)
    return lively


def erase(house: House, *more: object) -> Any:
    return house.json("erase", "--auditor", house.holder("vera"), "--reason", "their time is over", "--clock-is-right",
                      *VERA, *more)  # fmt: skip


def octets() -> bytes:
    """All that the database's files hold."""
    return b"".join(file.read_bytes() for file in sorted(Path().glob("comarca.db*")))


# --- profiles


def test_a_profile_is_shown_and_corrected(lively: House) -> None:
    mill = lively.holder("mill")
    assert lively.json("profile", "show", mill)["profile"]["text"] == "Mill"
    before = lively.json("profile", "show", mill)["facts"]
    lively.good("profile", "set", mill, "Mill of the vall, «Plaça» 2", "--reason", "has moved", *BOTH)
    found = lively.json("profile", "show", mill)
    assert found["profile"]["text"] == "Mill of the vall, «Plaça» 2"
    assert {**found["facts"], "facts_since": 1} == {**before, "facts_since": 1}
    assert "Mill of the vall" in lively.good("profile", "show", mill)
    assert "no member" in lively.bad(1, "profile", "set", lively.holder("vera"), "Vera", "--reason", "so", *BOTH)
    assert "no holder" in lively.bad(1, "profile", "show", ABSENT)


def test_a_profile_is_erased(lively: House) -> None:
    mill = lively.holder("mill")
    lively.good("profile", "set", mill, "Mill Beside The Old Wall", "--reason", "has moved", *BOTH)
    assert b"Mill Beside The Old Wall" in octets()
    assert lively.json("profile", "erase", mill) == {"erased": "profile", "holder": mill}
    assert b"Mill Beside The Old Wall" not in octets()
    assert lively.json("profile", "show", mill)["profile"] is None
    assert "no profile" in lively.bad(1, "profile", "erase", mill)
    assert {one["name"] for one in lively.json("member", "list")} == {None, "Bakery"}


def test_free_texts_are_erased_by_their_age(lively: House) -> None:
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
    old = ("text", "erase", "--before", "2026-01-01")
    assert lively.json(*old)["erased"] == 0
    now = ("text", "erase", "--before", tomorrow, "--field", "memo")
    assert lively.json(*now, "--dry-run")["would erase"] == 3
    assert b"flour of May" in octets()
    assert lively.json(*now) == {"erased": 3, "fields": ["memo"], "before": tomorrow}
    assert b"flour of May" not in octets() and b"SACK 1" in octets()
    assert lively.bad(2, "text", "erase", "--before", "yesterday")


def test_who_serves_the_file_keeps_it(lively: House) -> None:
    lock = LockFile(Path("comarca.db"), "serve")
    for words in (("profile", "erase", lively.holder("mill")), ("text", "erase", "--before", "2026-01-01")):
        assert "in use by `comarca serve`" in lively.bad(3, *words)
    lock.release()


# --- instructions


def test_old_instructions_are_erased(years_later: House) -> None:
    house = years_later
    before = house.json("account", "history", house.holder("mill"))
    assert all(word in octets() for word in (b"flour of May, sack 1", b"SACK 1"))
    assert erase(house)["status"] == "accepted"
    assert not [word for word in (b"flour of May", b"SACK 1", b"SACK 0") if word in octets()]
    assert house.json("account", "history", house.holder("mill")) == before
    assert "nothing to erase" in house.bad(1, "erase", "--auditor", house.holder("vera"), "--reason", "again", *VERA)
    assert house.json("rebuild")["entries"] == house.json("log", "size")["size"]


def test_one_entry_is_erased_and_others_signatures_are_gathered(years_later: House) -> None:
    house = years_later
    kept = house.bad(1, "erase", "--entry", 0, "--auditor", house.holder("vera"), "--reason", "all of it",
                     "--clock-is-right", *VERA)  # fmt: skip
    assert "entry_kept" in kept
    said = house.json("erase", "--entry", 4, "--auditor", house.holder("vera"), "--reason", "asked for", *BOTH)
    assert said["status"] == "unsigned" and said["missing"] == [f"the auditor {house.holder('vera')}"]
    house.good("sign", said["file"], "--key", "vera.key")
    house.good("submit", said["file"], "--clock-is-right")
    assert b"sack 1" not in octets() and b"sack 0" in octets() and b"sack 2" in octets()
    assert "no entry 999" in house.bad(1, "erase", "--entry", 999, "--auditor", ABSENT, "--reason", "it", *VERA)


def test_nothing_is_erased_without_a_policy(lively: House) -> None:
    said = lively.bad(1, "erase", "--auditor", lively.holder("vera"), "--reason", "why not", *VERA)
    assert "policy retention" in said


# --- one's own


def test_an_export_of_ones_own(lively: House) -> None:
    mill = lively.holder("mill")
    lively.good("member", "export", mill, "--out", "mine.json")
    assert Path("mine.json").stat().st_mode & 0o777 == 0o600
    found = json.loads(Path("mine.json").read_bytes())
    assert found == json.loads(lively.good("member", "export", mill)) and found["complete"]
    shown = [verify(json.dumps(one).encode(), ORIGIN, identity(lively)) for one in found["entries"]]
    assert [one.kind for one in shown] == ["admit", "transfer", "transfer", "transfer"]
    assert shown[1].texts == (("memo", "flour of May, sack 0"),)
    assert "Bakery" not in Path("mine.json").read_text()
    assert "is there already" in lively.bad(2, "member", "export", mill, "--out", "mine.json")
    assert "no holder" in lively.bad(1, "member", "export", ABSENT)


def test_an_export_through_a_server_is_for_the_holder_alone(lively: House) -> None:
    mill, before = lively.holder("mill"), json.loads(lively.good("member", "export", lively.holder("mill")))
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0"]
    environment = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        address = server.stderr.readline().split()[2]
        asked = ("member", "export", mill, "--server", address)
        found = json.loads(lively.good(*asked, "--key", "mill.key"))
        assert {**found, "logins": []} == before and len(found["logins"]) == 1
        assert lively.bad(1, *asked, "--key", "bakery.key")
        server.terminate()
