"""`comarca audit --sign`: an auditor's cosignature, as it is typed and as others verify it."""

import shutil
from pathlib import Path

import pytest

from ledger.log import checkpoint, cosignature, keys
from ledger.log.keys import COSIGNER
from ledger.store.database import Store
from tests.cli.house import ORIGIN, House

NAME = "auditor.example/vera"


@pytest.fixture
def audited(house: House) -> House:
    """A ledger with a payment in it, and an auditor's key."""
    mill, _ = house.admit("mill"), house.admit("shop")
    house.good("pay", mill, "1.00", "--key", "shop.key")
    house.good("key", "new", "vera.key", "--witness", NAME)
    return house


def test_an_audit_that_passed_is_signed(audited: House) -> None:
    audited.good("audit", "--sign", "vera.key", "--out", "audited")
    note = Path("audited").read_bytes()
    signed = checkpoint.parse(note)
    _, public = keys.parse_vkey(audited.json("key", "show", "vera.key")[0]["key"], COSIGNER)
    assert cosignature.find(signed.signatures, NAME, public, signed.text) is not None
    assert note.startswith(audited.good("log", "checkpoint").encode()), "the operator's own comes first"
    assert (signed.origin, signed.size) == (ORIGIN, audited.json("audit")["size"])
    line = audited.json("audit", "--sign", "vera.key")["cosignature"]
    assert line.startswith(f"— {NAME} ")
    audited.good("log", "export", "log")
    audited.good("log", "check", "log", "--identity", audited.json("log", "size")["identity"], "--older", "audited")


def test_it_goes_on_from_what_was_signed_before(audited: House) -> None:
    shutil.copy("comarca.db", "older.db")
    audited.good("audit", "--sign", "vera.key")
    mill = audited.holder("mill")
    audited.good("pay", mill, "1.00", "--key", "shop.key")
    audited.good("audit", "--sign", "vera.key")
    said = audited.bad(1, "audit", "--sign", "vera.key", "--url", "sqlite:///older.db")
    assert f"this is not the log of which {NAME} has cosigned the first 5 entries" in said
    assert audited.json("audit", "--url", "sqlite:///older.db")["size"] == 4, "though nothing is wrong in it"


def test_nothing_is_signed_where_something_is_wrong(audited: House) -> None:
    store = Store.open("sqlite:///comarca.db")
    with store.writes.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET balance = balance + 1 WHERE balance > 0")
    store.close()
    assert "table account" in audited.bad(1, "audit", "--sign", "vera.key", "--out", "audited")
    assert not Path("audited").exists()


def test_keys_and_files_that_are_none_for_this(audited: House) -> None:
    for name in ("shop", "operator"):
        assert "signs no audits" in audited.bad(2, "audit", "--sign", f"{name}.key")
    assert "whose signature?" in audited.bad(2, "audit", "--out", "audited")
    assert "name another file" in audited.bad(2, "audit", "--sign", "vera.key", "--out", "password")
    Path("vera.state").unlink()
    assert "state is missing" in audited.bad(3, "audit", "--sign", "vera.key")


def test_a_member_audits_from_outside(audited: House) -> None:
    mill, shop = audited.holder("mill"), audited.holder("shop")
    audited.good("log", "entry", 3, "--receipt", "paid.json", "--holder", mill)
    audited.good("member", "export", shop, "--out", "mine.json")
    audited.good("log", "export", "log")
    outside = ("audit", "--export", "log", "--identity", audited.json("log", "size")["identity"])
    said = audited.good(*outside, "paid.json", "mine.json", "--url", "sqlite:///absent.db")
    assert (
        f"account {shop}\tits balance of -100 minor units is the sum of 1 movements, of which receipts prove 1" in said
    )
    assert "not proved\tthat these receipts are all" in said
    found = audited.json(*outside, "paid.json")
    assert (found["audit"], found["size"], found["receipts"], found["balances"]) == ("passed", 4, 1, [])
    Path("paid.json").write_text(Path("paid.json").read_text().replace('"log_index": 3', '"log_index": 2'))
    assert "not verified" in audited.bad(1, *outside, "paid.json")
    assert "neither a receipt nor a member's export" in audited.bad(2, *outside, "password")
    assert "name the ledger's --identity" in audited.bad(2, "audit", "--export", "log", "mine.json")
    assert "name its folder by --export" in audited.bad(2, "audit", "mine.json")
