"""The worked example of docs/formats.md, made by another program: our own door makes the same log of it, octet for
octet, refuses what it says must be refused at the very check it names, and knows what was sent before.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.core import machine
from ledger.core.refusals import Refusal
from ledger.core.words import At
from ledger.service.door import Accepted, Door
from ledger.store.database import Store
from tests.memory import MemoryDoor, replay, rows_of_state
from tests.tables import dump, entries, projected

VECTORS = Path(__file__).parent / "vectors" / "comarca"
ORIGIN = "ledger.example/solana"
ENTRIES: list[dict[str, Any]] = json.loads((VECTORS / "entries.json").read_text(encoding="utf-8"))
REFUSED: dict[str, Any] = json.loads((VECTORS / "refused.json").read_text(encoding="utf-8"))
REPEATS: list[dict[str, Any]] = json.loads((VECTORS / "repeats.json").read_text(encoding="utf-8"))
JUDGED_AT: int = REFUSED["judged_at"]["log_index"]


class WrittenSalts:
    """The salts that the example drew, in the order of its event lines."""

    def __init__(self) -> None:
        self._lines = (line for item in ENTRIES for line in item["event_lines"])

    def draw(self) -> bytes:
        salt: str = next(self._lines).split(" ")[0]
        return salt.encode()


class Clock:
    now = 0

    def __call__(self) -> float:
        return self.now


def fill(door: Any, clock: Clock, count: int) -> None:
    """Send the example's first submissions, each at its entry's time, with the salts it drew."""
    door._salts = WrittenSalts()
    for item in ENTRIES[:count]:
        clock.now = int(item["entry"].split("\n")[1].removeprefix("time "))
        prepared = door.verify(item["submission"].encode())
        assert not isinstance(prepared, Refusal), prepared
        assert door.submit([prepared])[0] == [Accepted(item["log_index"])]


@pytest.fixture(scope="module")
def judge() -> MemoryDoor:
    """The log as it stood where the refused submissions are judged."""
    clock = Clock()
    door = MemoryDoor(ORIGIN, clock)
    fill(door, clock, JUDGED_AT)
    return door


def octets_of(item: dict[str, Any]) -> bytes:
    if "note_base64" in item:
        return base64.b64decode(item["note_base64"])
    note: str = item["note"]
    return note.encode()


@pytest.mark.parametrize("item", REFUSED["submissions"], ids=lambda item: item["what"])
def test_each_is_refused_at_the_check_that_it_names(judge: MemoryDoor, item: dict[str, Any]) -> None:
    outcome: Any = judge.verify(octets_of(item))
    if not isinstance(outcome, Refusal):
        instruction = outcome.instruction
        outcome = machine.decide(judge.state, instruction, At(JUDGED_AT, REFUSED["judged_at"]["time"], instruction.id))
    check = outcome.check if isinstance(outcome, Refusal) else 0
    assert check == item["check"], outcome


def test_the_door_makes_the_same_log(database_url: str) -> None:
    store = Store.create(database_url)
    clock = Clock()
    door = Door(store, store.add_ledger(ORIGIN), clock)
    fill(door, clock, len(ENTRIES))
    for row, item in zip(entries(store, door.ledger_id), ENTRIES, strict=True):
        assert base64.b64encode(row.text_hash).decode() == item["text_sha256"]
        assert base64.b64encode(row.leaf_hash).decode() == item["leaf_hash"]
        assert row.event_lines.decode().split("\n") == item["event_lines"]
        assert (row.note or b"").decode() == item["note"]
        legs = (row.legs or b"").decode().split("\n") if row.legs else []
        assert legs == (item["lines"] if row.kind == "transfer_many" else [])
    replayed = rows_of_state(replay(entries(store, door.ledger_id)))
    assert replayed == projected(store, door.ledger_id)
    assert base64.b64encode(door.head().root or b"").decode() in ENTRIES[-1]["proof"]
    store.close()


def test_nothing_refused_and_nothing_repeated_changes_a_byte(database_url: str) -> None:
    store = Store.create(database_url)
    clock = Clock()
    door = Door(store, store.add_ledger(ORIGIN), clock)
    fill(door, clock, JUDGED_AT)
    clock.now = REFUSED["judged_at"]["time"]
    before = dump(store)
    prepared = [door.verify(octets_of(item)) for item in REFUSED["submissions"] if item["check"]]
    batch = [item for item in prepared if not isinstance(item, Refusal)]
    outcomes, head = door.submit(batch)
    assert [type(outcome) for outcome in outcomes] == [Refusal] * len(batch)
    for repeat in REPEATS:
        again = door.verify(repeat["submission"].encode())
        assert not isinstance(again, Refusal)
        assert door.submit([again])[0] == [machine.Repeat(repeat["log_index"])]
    assert head.size == JUDGED_AT
    assert dump(store) == before
    store.close()
