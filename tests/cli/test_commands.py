"""Every command with good input and with bad: exit codes, one line of error, nothing but data on stdout."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from ledger.store.database import Store
from ledger.store.lockfile import LockFile
from tests.cli.house import BOTH, FACTS, ORIGIN, House

ABSENT = "0192f3a87c0b7e1a9d2c4b5a69788796"


# --- keys


def test_keys(empty: House) -> None:
    (made,) = empty.json("key", "new", "anna.key")
    assert len(made["holder"]) == 32 and made["key"].startswith("A")
    assert empty.json("key", "show", "anna.key") == [made]
    assert Path("anna.key").stat().st_mode & 0o777 == 0o600
    assert empty.good("key", "show", "anna.key") == f"holder\tpublic key\n{made['holder']}\t{made['key']}\n"
    assert empty.json("key", "new", "op.key", "--operator")[0]["holder"] is None


def test_bad_keys(empty: House) -> None:
    empty.good("key", "new", "anna.key")
    assert "never replaced" in empty.bad(2, "key", "new", "anna.key")
    Path("junk.key").write_text("{}")
    Path("junk.key").chmod(0o600)
    assert "junk.key" in empty.bad(3, "key", "show", "junk.key")
    Path("anna.key").chmod(0o644)
    assert "chmod 600" in empty.bad(3, "key", "show", "anna.key")
    assert empty.run("key", "show", "absent.key").exit_code == 2


def test_a_wrong_password(house: House) -> None:
    mill = house.admit("mill")
    house.admit("shop")
    Path("other").write_text("wrong")
    Path("other").chmod(0o600)
    said = house.bad(3, "pay", mill, "1.00", "--key", "shop.key", "--password-file", "other")
    assert "shop.key: wrong password" in said and "password in other;" in said and "each one's is asked for" in said
    assert "no-such" in house.bad(3, "pay", mill, "1.00", "--key", "shop.key", "--password-file", "no-such")


def test_no_password_and_nobody_to_ask(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(main, ["key", "new", "x.key"], env={"COMARCA_PASSWORD_FILE": None})
    assert result.exit_code == 2 and "--password-file" in result.stderr and result.stdout == ""


# --- members and accounts


def test_members(house: House) -> None:
    mill = house.admit("mill")
    (found,) = house.json("member", "list")
    assert (found["id"], found["name"], found["facts"]["kind"]) == (mill, "Mill", "business")
    assert found["accounts"][0]["class"] == "commercial"
    house.good("member", "facts", mill, "--kind", "association", "--place", "ES/08215", "--sse", "--reason", "a coop",
               "--profile", "Mill Cooperative", *BOTH)  # fmt: skip
    (found,) = house.json("member", "list")
    assert (found["name"], found["facts"]["kind"], found["facts"]["sse"]) == ("Mill Cooperative", "association", True)
    lines = house.good("member", "list").split("\n")
    assert lines[0].split("\t") == ["name", "account", "kind", "class", "status", "balance"]
    assert lines[1].split("\t")[1:] == [mill, "association", "commercial", "open", "0.00"]


def test_members_by_their_public_key_alone(house: House) -> None:
    house.key("mill")
    ((found,),) = [house.json("key", "show", "mill.key")]
    said = house.json("member", "admit", "--class", "commercial", *FACTS, "--holder", found["holder"], "--public-key",
                      found["key"], *BOTH, "--out", "mill.note")  # fmt: skip
    assert said["status"] == "unsigned" and said["missing"] == [f"the new member {found['holder']}"]
    house.good("sign", "mill.note", "--key", "mill.key")
    (outcome,) = house.json("submit", "mill.note")
    assert (outcome["status"], outcome["id"], outcome["log_index"]) == ("accepted", found["holder"], 1)


def test_a_text_that_lacks_administrators(house: House) -> None:
    mill = house.admit("mill")
    said = house.json("account", "suspend", mill, "--reason", "x", "--key", "anna.key")
    assert said["status"] == "unsigned" and said["missing"][0].startswith("1 more of the administrators")
    assert "signatures_missing" in house.bad(1, "submit", said["file"])
    assert house.json("account", "show", mill)["status"] == "open"
    house.good("sign", said["file"], "--key", "carla.key")
    house.good("submit", said["file"])
    assert house.json("account", "show", mill)["status"] == "suspended"
    (again,) = house.json("submit", said["file"])
    assert again["status"] == "repeated"
    assert house.good("submit", said["file"]).endswith("\taccepted before\n")


def test_bad_members(house: House) -> None:
    mill = house.admit("mill")
    house.key("shop")
    admit = ("member", "admit", "--class", "commercial", "--member-key", "shop.key", *BOTH)
    assert "place" in house.bad(2, *admit, "--kind", "business", "--place", "nowhere")
    assert "sector" in house.bad(2, *admit, *FACTS, "--sector", "x y")
    assert "facts_invalid" in house.bad(1, *admit, "--kind", "person", "--place", "ES/1", "--sector", "nace2.1/10.71")
    assert "facts_invalid" in house.bad(1, *admit, *FACTS, "--beneficiary", ABSENT)
    assert house.run(*admit, "--kind", "king", "--place", "ES/1").exit_code == 2
    assert "classes commercial or public" in house.bad(1, *admit[:3], "barons", *admit[4:], *FACTS)
    assert "name the key file by --member-key" in house.bad(
        2, "member", "admit", "--class", "commercial", *FACTS, *BOTH
    )
    assert "id_used" in house.bad(1, *admit[:4], "--member-key", "mill.key", *BOTH, *FACTS)
    assert "none of these keys is an administrator's" in house.bad(2, *admit[:6], *FACTS, "--key", "mill.key")
    assert "--holder" in house.bad(2, "member", "admit", "--class", "commercial", *FACTS, "--holder", "x",
                                   "--public-key", "y", *BOTH)  # fmt: skip
    assert "no holder" in house.bad(1, "member", "facts", ABSENT, *FACTS, "--reason", "x", *BOTH)
    assert "superseded" in house.bad(1, "member", "facts", mill, *FACTS, "--reason", "x", "--was", "0", *BOTH)


def test_accounts(house: House) -> None:
    mill = house.admit("mill")
    house.good("account", "limit", mill, "--floor", "-12.50", "--reason", "small", *BOTH)
    found = house.json("account", "show", mill)
    assert (found["floor"], found["ceiling"], found["available"], found["limits_since"]) == (-1250, 500_000, 1250, 2)
    house.good("account", "limit", mill, "--ceiling", "100", "--reason", "small", *BOTH)
    assert "ceiling\t100.00 SOL" in house.good("account", "show", mill)
    opened = house.json("account", "open", mill, "--class", "public", *BOTH)
    assert house.json("account", "show", opened["id"])["member"] == mill
    house.good("account", "suspend", mill, "--reason", "x", *BOTH)
    house.good("account", "reinstate", mill, "--reason", "x", *BOTH)
    assert house.json("account", "show", mill)["status"] == "open"
    assert house.json("account", "history", mill) == []


def test_bad_accounts(house: House) -> None:
    mill = house.admit("mill")
    assert "32 lower-case hex digits" in house.bad(2, "account", "show", "mill")
    assert "no account" in house.bad(1, "account", "show", ABSENT)
    assert "no account" in house.bad(1, "account", "suspend", ABSENT, "--reason", "x", *BOTH)
    assert "not an amount" in house.bad(2, "account", "limit", mill, "--floor", "-1,5", "--reason", "x", *BOTH)
    assert "decimals" in house.bad(2, "account", "limit", mill, "--floor", "-1.505", "--reason", "x", *BOTH)
    assert "floor" in house.bad(2, "account", "limit", mill, "--floor", "5", "--reason", "x", *BOTH)
    assert house.run("account", "limit", mill, *BOTH).exit_code == 2
    assert "member_unknown" in house.bad(1, "account", "open", ABSENT, "--class", "public", *BOTH)
    assert house.run("account", "history", mill, "--limit", "0").exit_code == 2


# --- policies


def test_policies(house: House) -> None:
    house.good("policy", "set", "limits", '{"commercial":[-1, 1]}', "--reason", "assembly", *BOTH)
    assert house.json("policy", "show")["limits"] == {"body": {"commercial": [-1, 1]}, "since": 1}
    Path("retention.json").write_text("31536000\n")
    house.good("policy", "set", "retention", "@retention.json", *BOTH)
    assert "retention\t2\t31536000" in house.good("policy", "show")


def test_bad_policies(house: House) -> None:
    assert "not JSON" in house.bad(2, "policy", "set", "limits", "{", *BOTH)
    assert "integer" in house.bad(2, "policy", "set", "limits", '{"commercial":[-1.5,1]}', *BOTH)
    assert "policy_invalid" in house.bad(1, "policy", "set", "limits", '{"commercial":[1,1]}', *BOTH)
    said = house.bad(1, "policy", "set", "retention", "60", *BOTH)
    assert "policy_invalid" in said and said.count("retention: seconds") == 1
    assert "(what rules: this program knows 1)" in house.bad(1, "policy", "set", "rules", "9", *BOTH)
    assert house.run("policy", "set", "taxes", "1", *BOTH).exit_code == 2
    assert house.run("policy", "set", "limits", "@absent.json", *BOTH).exit_code == 3


# --- paying


def test_paying(house: House) -> None:
    mill, shop = house.admit("mill"), house.admit("shop")
    paid = house.json("pay", mill, "34.30", "--key", "shop.key", "--memo", "flour", "--ref", "may", "--purpose",
                      "GDDS", "--once", "invoice 7", "--receipt", "flour.json")  # fmt: skip
    assert (paid["status"], paid["log_index"]) == ("accepted", 3)
    assert house.json("account", "show", shop)["balance"] == -3430
    identity = house.json("log", "size")["identity"]
    shown = house.json("verify", "receipt", "flour.json", "--origin", ORIGIN, "--identity", identity)
    assert shown["verified"] and shown["texts"] == {"memo": "flour"} and shown["signers"] == [shop]
    (movement,) = house.json("account", "history", mill)
    assert [movement[name] for name in ("amount", "payer", "balance", "purpose")] == [3430, shop, 3430, "GDDS"]
    table = house.good("account", "history", shop).split("\n")[1].split("\t")
    assert table[1:] == ["3", "trade", mill, "-34.30", "-34.30"]
    house.good("log", "entry", "3", "--holder", mill, "--receipt", "mill.json")
    assert "verified" in house.good("verify", "receipt", "mill.json", "--origin", ORIGIN, "--identity", identity)


def test_paying_many(house: House) -> None:
    mill, shop, farm = house.admit("mill"), house.admit("shop"), house.admit("farm")
    Path("wages.csv").write_text(f"payee,amount,once\n{mill},1.00,may/1\n{farm},2.50,may/2\n")
    assert house.json("pay", "--many", "wages.csv", "--key", "shop.key", "--receipt", "wages.json")["log_index"] == 4
    assert house.json("account", "show", shop)["balance"] == -350
    assert "once_used" in house.bad(1, "pay", "--many", "wages.csv", "--key", "shop.key")
    Path("wages.json2").write_text(json.dumps([{"payee": mill, "amount": 100}, {"payee": ABSENT, "amount": 1}]))
    assert "payee_unknown" in house.bad(1, "pay", "--many", "wages.json2", "--key", "shop.key")
    assert house.json("account", "show", shop)["balance"] == -350
    house.good("log", "entry", "4", "--holder", mill, "--receipt", "mill.json")
    assert farm not in Path("mill.json").read_text()


def test_paying_from_a_further_account(house: House) -> None:
    mill, shop = house.admit("mill"), house.admit("shop")
    second = house.json("account", "open", shop, "--class", "public", *BOTH)["id"]
    house.good("pay", mill, "1.00", "--key", "shop.key", "--from", second)
    assert house.json("account", "show", second)["balance"] == -100


def test_bad_payments(house: House) -> None:
    mill, shop = house.admit("mill"), house.admit("shop")
    pay = ("pay", mill, "1.00", "--key", "shop.key")
    line = house.bad(1, "pay", mill, "9000.00", "--key", "shop.key")
    assert "credit_exceeded" in line and "available 5,000.00 SOL" in line
    refused = house.run("pay", mill, "9000.00", "--key", "shop.key", "--json")
    assert refused.exit_code == 1 and json.loads(refused.stdout)["details"]["short_by"] == 400_000
    house.good("account", "limit", mill, "--ceiling", "0.50", "--reason", "x", *BOTH)
    assert "payee_cannot_receive" in house.bad(1, *pay)
    house.good("account", "suspend", shop, "--reason", "x", *BOTH)
    assert "account_suspended" in house.bad(1, *pay)
    for amount, said in (("0", "amount"), ("-1", "amount"), ("1e3", "not an amount"), ("1.001", "decimals"),
                         ("NaN", "not an amount"), ("9" * 18, "amount")):  # fmt: skip
        assert said in house.bad(2, "pay", "--key", "shop.key", "--", mill, amount)
    assert "PAYEE" in house.bad(2, "pay", "the mill", "1.00", "--key", "shop.key")
    assert "payee_unknown" in house.bad(1, "pay", ABSENT, "1.00", "--key", "shop.key")
    assert "same_account" in house.bad(1, "pay", shop, "1.00", "--key", "shop.key")
    assert "account_unknown" in house.bad(1, *pay, "--from", mill)
    assert "ref" in house.bad(2, *pay, "--ref", "x" * 36)
    assert "purpose" in house.bad(2, *pay, "--purpose", "goods")
    assert "name PAYEE and AMOUNT" in house.bad(2, "pay", mill, "--key", "shop.key")
    assert "no key to sign with" in house.bad(2, "pay", mill, "1.00")
    assert "say which account pays" in house.bad(2, *pay, "--key", "mill.key")
    assert "not named by its holder" in house.bad(2, "pay", mill, "1.00", "--key", "operator.key")
    Path("bad.csv").write_text(f"payee,amount\n{mill},1.00\n{mill},-1.00\n")
    assert "row 2" in house.bad(2, "pay", "--many", "bad.csv", "--key", "shop.key")
    assert "leave the others out" in house.bad(2, *pay, "--many", "bad.csv")
    Path("there.json").write_text("")
    assert "is there already" in house.bad(2, *pay, "--receipt", "there.json")
    assert house.json("account", "history", shop) == []


def test_cancelling(house: House) -> None:
    mill = house.admit("mill")
    house.admit("shop")
    house.good("cancel", ABSENT, "--key", "shop.key")
    paid = house.json("pay", mill, "1.00", "--key", "shop.key")
    assert "already_logged" in house.bad(1, "cancel", paid["id"], "--key", "shop.key")
    assert "ID" in house.bad(2, "cancel", "x", "--key", "shop.key")
    assert "name the one that signed" in house.bad(2, "cancel", ABSENT, *BOTH)


# --- papers, log, receipts


def test_bad_papers(house: House) -> None:
    mill = house.admit("mill")
    Path("junk.note").write_text("hello\n")
    assert "not an instruction" in house.bad(2, "sign", "junk.note", "--key", "anna.key")
    assert "not an instruction" in house.bad(2, "submit", "junk.note")
    said = house.json("account", "suspend", mill, "--reason", "x", "--key", "anna.key", "--out", "one.note")
    house.good("account", "suspend", mill, "--reason", "y", "--key", "anna.key", "--out", "two.note")
    assert "not copies of one instruction" in house.bad(2, "sign", "one.note", "two.note")
    assert "is there already" in house.bad(2, "account", "suspend", mill, "--reason", "y", "--key", "anna.key",
                                           "--out", "one.note")  # fmt: skip
    Path("one.note").write_bytes(Path("one.note").read_bytes().replace(b'"was":1', b'"was":0'))
    house.good("sign", "one.note", "--key", "berta.key")
    assert "signature_invalid" in house.bad(1, "submit", "one.note")
    assert "--holder" in house.bad(2, "sign", "two.note", "--key", "berta.key", "--holder", "x")
    house.good("sign", "two.note", "--key", "mill.key")
    house.good("sign", "two.note", "--key", "berta.key")
    assert "signature_without_role" in house.bad(1, "submit", "two.note")
    Path("unsigned.note").write_bytes(Path("two.note").read_bytes().split(b"\n\n")[0] + b"\n")
    assert "nobody has signed it" in house.bad(2, "submit", "unsigned.note")
    assert said["status"] == "unsigned" and house.json("account", "show", mill)["status"] == "open"


def test_signing_says_what_it_says(house: House) -> None:
    mill = house.admit("mill")
    house.good("account", "suspend", mill, "--reason", "a stolen key", "--key", "anna.key", "--out", "one.note")
    result = house.run("sign", "one.note", "--key", "berta.key")
    assert "suspend in ledger.example/solana" in result.stderr and "a stolen key" in result.stderr
    assert "stolen" not in result.stdout


def test_the_log(house: House) -> None:
    mill = house.admit("mill")
    assert house.json("log", "entry", "1")["log_index"] == 1
    assert "log index\t0" in house.good("log", "entry", "0")
    assert "no entry 9" in house.bad(1, "log", "entry", "9")
    assert house.run("log", "entry", "-1").exit_code == 2
    assert house.json("log", "checkpoint")["size"] == 2
    assert "whose?" in house.bad(2, "log", "entry", "1", "--receipt", "r.json")
    assert "no party" in house.bad(1, "log", "entry", "0", "--receipt", "r.json", "--holder", mill)
    assert "32 lower-case" in house.bad(2, "log", "entry", "0", "--receipt", "r.json", "--holder", "mill")
    assert not Path("r.json").exists()


def test_bad_receipts(house: House) -> None:
    mill = house.admit("mill")
    house.good("log", "entry", "1", "--holder", mill, "--receipt", "r.json")
    identity = house.json("log", "size")["identity"]
    verify = ("verify", "receipt", "r.json", "--origin", ORIGIN, "--identity", identity)
    house.good(*verify)
    Path("comarca.db").rename("gone.db")
    house.good(*verify)  # nothing but file, origin and identity
    assert "identity" in house.bad(1, *verify[:-1], "A" * 43 + "=")
    assert house.bad(1, *verify[:4], "ledger.example/other", *verify[5:])
    assert "--identity: base64" in house.bad(2, *verify[:-1], "nonsense")
    Path("r.json").write_text(Path("r.json").read_text().replace('"index": 1', '"index": 2'))
    house.bad(1, *verify)
    Path("r.json").write_text("[]")
    assert "r.json: not verified: " in house.bad(1, *verify)
    assert house.run("verify", "receipt", "absent.json", *verify[3:]).exit_code == 2


# --- audit, rebuild, config


def test_audit_and_rebuild(house: House) -> None:
    mill, _ = house.admit("mill"), house.admit("shop")
    house.good("pay", mill, "1.00", "--key", "shop.key")
    assert "audit\tpassed" in house.good("audit")
    store = Store.open("sqlite:///comarca.db")
    with store.writes.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET balance = balance + 1 WHERE balance > 0")
    store.close()
    assert "account" in house.bad(1, "audit")
    assert house.json("rebuild") == {"entries": 4}
    assert json.loads(house.good("audit", "--json"))["audit"] == "passed"
    assert "no such database" in house.bad(3, "audit", "--url", "sqlite:///absent.db")
    assert "no such database" in house.bad(3, "rebuild", "--url", "sqlite:///absent.db")
    assert "works on the database alone" in house.bad(2, "audit", "--server", "http://127.0.0.1:9")
    with store.writes.begin() as connection:
        connection.exec_driver_sql("DELETE FROM head")
    store.close()
    assert "table entry: has rows of ledger 1, and there is no head of it" in house.bad(1, "audit")


def test_config(empty: House) -> None:
    Path("comarca.toml").write_text('ledger = "solana"\nport = 9\n')
    found = empty.json("config", "--url", "postgresql://anna:secret@db/x")
    assert found["ledger"] == {"value": "solana", "from": "comarca.toml"}
    assert found["url"]["from"] == "flag" and "secret" not in found["url"]["value"]
    assert found["password_file"] == {"value": "password", "from": "COMARCA_PASSWORD_FILE"}
    assert found["host"]["from"] == "default"
    assert "setting\tvalue\tfrom" in empty.good("config")


def test_bad_config(empty: House) -> None:
    Path("comarca.toml").write_text("port = 'many'\n")
    assert "port" in empty.bad(2, "config")
    Path("comarca.toml").write_text("prot = 1\n")
    assert "no such setting" in empty.bad(2, "config")
    assert "absent.toml" in empty.bad(2, "config", "--config", "absent.toml")


def test_common_options_stand_before_or_after(house: House) -> None:
    assert json.loads(house.good("--json", "log", "size")) == (said := house.json("log", "size"))
    assert f"verifier key\t{said['verifier_keys'][0]}" in house.good("log", "size")
    assert "no ledger 'x'" in house.bad(3, "--ledger", "x", "log", "size")


def test_the_operators_key_is_missing(house: House) -> None:
    mill = house.admit("mill")
    house.admit("shop")
    Path("operator.key").rename("elsewhere.key")
    assert "operator.key" in house.bad(3, "pay", mill, "1.00", "--key", "shop.key")
    Path("elsewhere.key").rename("operator.key")
    Path("operator.state").rename("elsewhere.state")
    assert "state is missing" in house.bad(3, "pay", mill, "1.00", "--key", "shop.key")
    assert house.json("log", "size")["size"] == 3


def test_a_server_that_is_not_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert "does not answer" in house.bad(3, "log", "size", "--server", "http://127.0.0.1:9")
    assert "not the address" in house.bad(2, "log", "size", "--server", "nonsense")


def test_another_command_holds_the_ledger(house: House) -> None:
    mill = house.admit("mill")
    house.admit("shop")
    with LockFile(Path("comarca.db"), "import"):
        assert "in use by `comarca import`" in house.bad(3, "pay", mill, "1.00", "--key", "shop.key")
        assert house.json("log", "size")["size"] == 3  # reading goes on
