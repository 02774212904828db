"""What must hold at every prefix of every log (docs/rules.md), checked without the code that makes it hold.

`Invariants` keeps a model of its own: it reads the log's octets entry by entry and does the sums by hand. It shares
with the ledger the parsers of formats, and neither decide nor evolve nor check. Numbers name the list in the rules.
"""

import hashlib
import json
from collections import Counter
from typing import Any, NamedTuple

from ledger.log import entry, instruction, keys, merkle, salted
from ledger.store.database import Store
from ledger.store.log import EntryRow, Head
from tests.memory import Rows, replay, rows_of_state
from tests.ring_model import Ring
from tests.tables import entries, projected

MONTH_KINDS = (
    "genesis", "admit", "open_account", "set_limits", "set_facts", "suspend", "reinstate", "set_policy",
    "register_holder", "force_revoke_key", "recover", "set_administrators", "set_operator", "set_clerk",
)  # fmt: skip


class Position(NamedTuple):
    """An account as the model knows it."""

    member: str | None
    balance: int
    floor: int
    ceiling: int
    status: str = "open"


class Invariants:
    """Reads on in a log and checks; raises AssertionError."""

    def __init__(self, store: Store, ledger_id: int):
        self.store, self.ledger_id = store, ledger_id
        self.accounts: dict[str, Position] = {}
        self.ring = Ring()
        self.movements: dict[tuple[str, int], tuple[int, int]] = {}  # id and n -> both balances after it
        self.once: set[tuple[str, str]] = set()
        self.cancelled: set[tuple[str, str]] = set()
        self.read: list[EntryRow] = []

    def check(self, head: Head) -> None:
        """Everything, as it stands after the entries so far."""
        log = entries(self.store, self.ledger_id)
        assert log[: len(self.read)] == self.read, "9: nothing is edited or deleted"
        for row in log[len(self.read) :]:
            self.follow(row)
        rows = projected(self.store, self.ledger_id)
        self.check_tree(head)
        self.check_rows(rows)
        assert rows == rows_of_state(replay(log)), "6: projections equal replay"

    # --- the log, an entry at a time

    def follow(self, row: EntryRow) -> None:
        """Apply one entry to the model, and check what concerns it alone."""
        assert row.log_index == len(self.read), "3: no gaps"
        assert row.note is not None
        sent = instruction.parse(row.note)
        assert hashlib.sha256(sent.text).digest() == row.text_hash
        assert hashlib.sha256(row.note).digest() == row.note_hash
        lines = row.event_lines.split(b"\n")
        assert salted.root(lines) == row.events_root
        leaf = merkle.leaf_hash(entry.encode(row.time, row.note_hash, row.events_root))
        assert leaf == row.leaf_hash
        self.check_time(row, json.loads(sent.object))
        signers = self.signers(row, sent, lines)
        self.apply(row, [json.loads(salted.split(line)[1]) for line in lines], signers)
        self.read.append(row)

    def check_time(self, row: EntryRow, asked: dict[str, Any]) -> None:
        assert not self.read or row.time >= self.read[-1].time, "8: time never runs backwards"
        window = 2_678_400 if row.kind in MONTH_KINDS else 86_400
        assert asked["not_after"] - window <= row.time <= asked["not_after"], "8: inside its validity"
        assert asked["id"] == row.id.hex()

    def signers(self, row: EntryRow, sent: Any, lines: list[bytes]) -> set[str]:
        """The holders whose keys signed the note: live ones, or such as the note itself registers or completes; a veto
        may be a barred key's. The events are applied to the ring here, as what comes after them is judged by it."""
        before = {line.key_id: self.ring.named(line.name, line.key_id) for line in sent.signatures}
        for line in lines:
            self.ring.apply(json.loads(salted.split(line)[1]))
        found = set()
        for line in sent.signatures:
            key = before[line.key_id] or self.ring.named(line.name, line.key_id)
            assert key is not None, "7: a registered key"
            if before[line.key_id] is not None:
                allowed = {"veto": ("live", "barred"), "complete_recovery": ("live", "pending")}
                assert key.status in allowed.get(row.kind, ("live",)), "7: live at that log index"
            assert keys.verify(keys.decode(key.public), line.signature, sent.text), "7: signed"
            found.add(line.name[-32:])
        assert not any((row.id.hex(), holder) in self.cancelled for holder in found), "a cancelled signature"
        return found

    def apply(self, row: EntryRow, events: list[dict[str, Any]], signers: set[str]) -> None:
        net: Counter[str] = Counter()
        for event in events:
            if event["event"] == "moved":
                self.apply_movement(row, event, net)
            elif event["event"] == "account_opened":
                self.accounts[event["account"]] = Position(event.get("member"), 0, event["floor"], event["ceiling"])
            elif event["event"] == "limits_set":
                self.change(event["account"], floor=event["floor"], ceiling=event["ceiling"])
            elif event["event"] == "status_set":
                self.change(event["account"], status=event["status"])
            elif event["event"] == "once_used":
                self.add_new(self.once, (event["account"], event["once"]))
            elif event["event"] == "cancelled":
                self.cancelled.add((event["target"], event["holder"]))
        self.check_limits(net)
        moved = [event for event in events if event["event"] == "moved"]
        for payer in {event["payer"] for event in moved}:
            member = self.accounts[payer].member
            assert member is not None
            total = sum(event["amount"] for event in moved if event["payer"] == payer)
            self.ring.check_payment(payer, member, signers, row.kind, total, row.time)

    def apply_movement(self, row: EntryRow, event: dict[str, Any], net: Counter[str]) -> None:
        payer, payee, amount = event["payer"], event["payee"], event["amount"]
        assert event["id"][0] == row.id.hex()
        assert 0 < amount <= 10**15
        self.change(payer, balance=self.accounts[payer].balance - amount)
        self.change(payee, balance=self.accounts[payee].balance + amount)
        net[payer] -= amount
        net[payee] += amount
        key = (event["id"][0], event["id"][1])
        assert key not in self.movements, "3: exactly once"
        self.movements[key] = self.accounts[payer].balance, self.accounts[payee].balance

    def change(self, account: str, **fields: Any) -> None:
        self.accounts[account] = self.accounts[account]._replace(**fields)

    def add_new(self, words: set[tuple[str, str]], word: tuple[str, str]) -> None:
        assert word not in words, "once is once, for ever"
        words.add(word)

    def check_limits(self, net: Counter[str]) -> None:
        """2: after every accepted instruction, for each account whose position it worsened."""
        for account, change in net.items():
            position = self.accounts[account]
            if change < 0:
                assert position.balance >= position.floor
                assert position.status == "open"
            if change > 0:
                assert position.balance <= position.ceiling
                assert position.status != "closed"

    # --- the tables

    def check_tree(self, head: Head) -> None:
        assert head.size == len(self.read)
        assert head.root == merkle.root([row.leaf_hash for row in self.read])
        assert head.identity == self.read[0].leaf_hash
        assert head.time == self.read[-1].time
        assert len({row.id for row in self.read}) == len(self.read), "3: exactly once"

    def check_rows(self, rows: Rows) -> None:
        accounts = {row.id.hex(): row for row in rows["account"]}
        assert sum(row.balance for row in accounts.values()) == 0, "1: the balances sum to zero"
        assert set(accounts) == set(self.accounts)
        for id, row in accounts.items():
            assert (row.held, row.open_items) == (0, 0), "4: there are no holds yet"
            kept = Position(row.member and row.member.hex(), row.balance, row.floor, row.ceiling, row.status)
            assert kept == self.accounts[id]
            assert row.lowest <= min(row.floor, row.balance - row.held)
            assert row.highest >= max(row.ceiling, row.balance)
            assert (row.negative_since is not None) == (row.balance < 0)
        found = {(row.id.hex(), row.n): (row.payer_balance, row.payee_balance) for row in rows["movement"]}
        assert found == self.movements
        assert {(row.account.hex(), row.once) for row in rows["once"]} == self.once
