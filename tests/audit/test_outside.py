"""An audit from outside: honest logs pass with all that a member holds; a second log, a hidden movement and a balance
that does not add up are found."""

import json
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.fault import Fault
from ledger.audit.outside import Proved, Unreadable, audit_held, read_held
from ledger.checking.checking import Trust, check
from ledger.checking.files import Site
from ledger.log import keys
from ledger.service import own_data
from ledger.service.door import Door
from ledger.service.receipts import Receipts
from ledger.store.database import Store
from tests.exports.exporting import export
from tests.lived import Lived


@pytest.fixture
def folder(lived: Lived, tmp_path: Path) -> Path:
    """The public log, and beside it the miller's own export and two of its receipts."""
    (tmp_path / "early.json").write_text(json.dumps(lived.receipt("transfer", lived.miller, 20)))
    (tmp_path / "transfer.json").write_text(json.dumps(lived.receipt("transfer", lived.miller)))
    (tmp_path / "mine.json").write_text(own_export(lived))
    export(lived, tmp_path / "log")
    return tmp_path


def own_export(lived: Lived) -> str:
    return "".join(own_data.export(Receipts(lived.store, lived.ledger_id), lived.miller, lived.checkpoint()))


def audited(lived: Lived, folder: Path, *names: str) -> Proved:
    checked = check(folder / "log", Trust(keys.public_of(lived.operator), lived.identity))
    return audit_held(Site(folder / "log"), checked, [read_held(folder / name) for name in names])


def test_receipts_are_in_the_log_and_their_checkpoints_its_beginnings(lived: Lived, folder: Path) -> None:
    assert audited(lived, folder, "early.json", "transfer.json") == (2, 2, 0, [], 0)


def test_a_balance_is_the_sum_of_movements_that_receipts_prove(lived: Lived, folder: Path) -> None:
    proved = audited(lived, folder, "mine.json")
    balances = {one.account: one for one in proved.balances}
    own = balances[lived.miller.hex()]
    assert own.balance == 120 + 10 + 30 - 7 - 30 - 5
    assert (own.movements, own.proved) == (6, 5), "the payment that was erased has no receipt any more"
    assert proved.erased == 1 and proved.receipts > 10


def test_what_came_after_the_log_was_copied(lived: Lived, folder: Path) -> None:
    lived.log("later", lived.transfer(lived.miller, lived.baker, 1))
    (folder / "later.json").write_text(json.dumps(lived.receipt("later", lived.miller)))
    assert audited(lived, folder, "later.json") == (1, 0, 1, [], 0)


def test_a_receipt_of_another_log_of_the_same_ledger(lived: Lived, folder: Path, tmp_path: Path) -> None:
    """The operator keeps two logs, alike up to yesterday, and shows each member its own."""
    with lived.store.read() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql(f"VACUUM INTO '{tmp_path / 'other.db'}'")
        connection.exec_driver_sql("BEGIN")
    other = copy(lived)
    other.store = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    other.door = Door(other.store, other.ledger_id, other.clock)
    for one, amount in ((lived, 1), (other, 2)):
        one.log(f"pays {amount}", one.transfer(one.miller, one.baker, amount))
    export(lived, folder / "log")
    for name, what in (("mine.json", "pays 1"), ("yours.json", "pays 2")):
        (folder / name).write_text(json.dumps((lived if what == "pays 1" else other).receipt(what, lived.miller)))
    assert audited(lived, folder, "mine.json").beginnings == 1
    with pytest.raises(Fault, match=r"yours\.json: its checkpoint of \d+ entries is not a beginning .* two logs"):
        audited(lived, folder, "yours.json")
    other.store.close()


Spoil = Callable[[dict[str, Any]], None]


def spoiled(folder: Path, spoil: Spoil) -> None:
    found = json.loads((folder / "mine.json").read_text())
    spoil(found)
    (folder / "mine.json").write_text(json.dumps(found))


def a_movement_hidden(found: dict[str, Any]) -> None:
    del found["movements"][0]


def another_amount(found: dict[str, Any]) -> None:
    found["movements"][-1]["amount"] += 1


def another_payer(found: dict[str, Any]) -> None:
    found["movements"][-1]["payer"] = "00" * 16


def another_balance(found: dict[str, Any]) -> None:
    found["accounts"][0]["balance"] += 1


def another_balance_on_the_way(found: dict[str, Any]) -> None:
    found["movements"][2]["balance"] += 1


def a_receipt_spoiled(found: dict[str, Any]) -> None:
    found["entries"][-2]["entry"]["log_index"] += 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_movement_hidden, r"^account .*: its balance is shown as 118, and the movements listed come to"),
        (another_amount, r"the movement of entry \d+: amount is listed as 121, and its receipt says 120"),
        (another_payer, r"the movement of entry \d+: payer is listed as 0+, and its receipt says"),
        (another_balance, r"its balance is shown as 119, and the movements listed come to 118"),
        (another_balance_on_the_way, r"after entry \d+ the balance is shown as"),
        (a_receipt_spoiled, r"mine\.json: entries\.\d+: not verified"),
    ],
)
def test_what_does_not_go_together_is_found(lived: Lived, folder: Path, spoil: Spoil, said: str) -> None:
    spoiled(folder, spoil)
    with pytest.raises(Fault, match=said):
        audited(lived, folder, "mine.json")


def test_a_movement_with_a_receipt_must_be_listed(lived: Lived, folder: Path) -> None:
    def hide(found: dict[str, Any]) -> None:
        last = next(one for one in found["movements"] if one["log_index"] == lived.index["transfer by a delegate"])
        found["movements"] = [one for one in found["movements"] if one["log_index"] < last["log_index"]]
        found["accounts"][0]["balance"] = found["movements"][0]["balance"]

    spoiled(folder, hide)
    with pytest.raises(Fault, match=r"of which there is a receipt, is not listed"):
        audited(lived, folder, "mine.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"export":"comarca/member@v1"}',
                                  '{"export":"comarca/member@v1","complete":true}'])  # fmt: skip
def test_files_that_are_none(folder: Path, text: str) -> None:
    (folder / "none.json").write_text(text)
    with pytest.raises(Unreadable, match=r"none\.json: "):
        read_held(folder / "none.json")


def test_an_export_without_its_movements(lived: Lived, folder: Path) -> None:
    spoiled(folder, lambda found: found["movements"][0].pop("amount"))
    with pytest.raises(Unreadable, match="missing"):
        audited(lived, folder, "mine.json")
