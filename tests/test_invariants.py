"""Random lives of a ledger: after every batch every invariant of docs/rules.md that exists by now is checked."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ledger.audit.auditing import audit
from ledger.core import machine
from ledger.core.keys import KEYS
from ledger.core.machine import Repeat
from ledger.core.members import MEMBERS
from ledger.core.recoveries import RECOVERIES, WAIT_S
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded
from ledger.rebuild import replay
from ledger.rebuild.rebuilding import rebuild
from ledger.service import door
from ledger.service.door import Accepted, Defect
from ledger.store.database import Store
from tests.invariants import Invariants
from tests.tables import dump, projected
from tests.territory import TerritoryOfTests
from tests.wishes import LIMITS, Wish, Wishes, Wishing

Batch = tuple[int, list[Wish]]  # seconds that pass, and what is wished then
Pauses = st.one_of(st.integers(-5, 7200), st.sampled_from([86_400, WAIT_S]))
Batches = st.lists(st.tuples(Pauses, st.lists(Wishes, min_size=2, max_size=6)), min_size=3, max_size=8)


@pytest.fixture
def ledgers(database_url: str) -> Iterator[Iterator[TerritoryOfTests]]:
    """Any number of fresh ledgers, all in one database: each example leaves those of the others alone."""
    yield (TerritoryOfTests(database_url, limits=LIMITS, origin=f"ledger.example/l{number}") for number in count())


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuild and audit go in steps of three entries, so that these short lives have many."""
    monkeypatch.setattr(replay, "CHUNK", 3)


@pytest.fixture
def no_late_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that a footprint forgot is a defect here, though it would only be loaded late. What is needed of whoever
    pays for a further account that is not its own is found by reading on, as the account's member is; and a holder's
    keys are found by reading its keyring, which only changes of keys do."""

    def decide(transaction: Any, *rest: Any) -> Any:
        try:
            return machine.decide(*rest)
        except NotLoaded as missing:
            assert missing.noun in (MEMBERS, RECOVERIES, KEYS), missing
            return loading(transaction, *rest)

    loading = door.decide
    monkeypatch.setattr(door, "decide", decide)


@pytest.mark.usefixtures("small_chunks", "no_late_loads")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=Batches)
def test_every_invariant_holds_after_every_batch(ledgers: Iterator[TerritoryOfTests], batches: list[Batch]) -> None:
    territory = next(ledgers)
    try:
        live(territory, batches)
    finally:
        territory.close()


def live(territory: TerritoryOfTests, batches: list[Batch]) -> None:
    """Send the batches, look after each, and in the end send everything once more."""
    invariants = Invariants(territory.store, territory.ledger_id)
    territory.members(3)
    invariants.check(territory.door.head())
    wishing = Wishing(territory)
    first: dict[bytes, int] = {}
    for seconds, wishes in batches:
        territory.clock.now += seconds
        wishing.look()
        submissions = [wishing.submission(wish) for wish in wishes]
        send(territory, submissions, first)
        invariants.check(territory.door.head())
    send_again(territory, wishing, first)
    make_again(territory)


def make_again(territory: TerritoryOfTests) -> None:
    """Tables, replay and a rebuild in small chunks are one; and the audit finds nothing, deciding everything again."""
    before = projected(territory.store, territory.ledger_id)
    rebuild(territory.store)
    assert projected(territory.store, territory.ledger_id) == before
    assert audit(territory.store, territory.ledger_id, processes=1).size == territory.door.head().size


def send(territory: TerritoryOfTests, submissions: list[bytes], first: dict[bytes, int]) -> None:
    """Send a batch; note where each text landed first; and see that a batch of refusals changed no byte."""
    before, size = dump(territory.store), territory.door.head().size
    outcomes = territory.send(*submissions)
    for octets, outcome in zip(submissions, outcomes, strict=True):
        assert not isinstance(outcome, Defect), outcome
        if isinstance(outcome, Accepted):
            assert (octets not in first, outcome.log_index) == (True, size), "once, and without gaps"
            first[octets] = size
            size += 1
        elif isinstance(outcome, Repeat):
            assert outcome.log_index == first[octets], "the same text gives the same entry"
        event(outcome.reason if isinstance(outcome, Refusal) else type(outcome).__name__)
    if not any(isinstance(outcome, Accepted) for outcome in outcomes):
        assert dump(territory.store) == before, "a refusal changes no byte"


def send_again(territory: TerritoryOfTests, wishing: Wishing, first: dict[bytes, int]) -> None:
    """However late: what is in the log is answered with its entry, and nothing more comes of it."""
    territory.clock.now += 40 * 86_400
    before = dump(territory.store)
    outcomes = territory.send(*wishing.sent)
    for octets, outcome in zip(wishing.sent, outcomes, strict=True):
        assert (outcome == Repeat(first[octets])) if octets in first else isinstance(outcome, Refusal)
    assert dump(territory.store) == before


def test_random_lives_are_full_of_both(sqlite_url: str) -> None:
    """The instructions that are drawn are neither all refused nor all accepted, and reach most reasons."""
    territory = TerritoryOfTests(sqlite_url, limits=LIMITS)
    territory.members(3)
    wishing = Wishing(territory)
    found: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(Wishes)
    def draw(wish: Wish) -> None:
        wishing.look()
        (outcome,) = territory.send(wishing.submission(wish))
        found[outcome.reason if isinstance(outcome, Refusal) else type(outcome).__name__] += 1

    draw()
    territory.close()
    assert found["Accepted"] >= 20, found
    assert len(found) >= 10, found


def test_ledgers_of_one_database_are_apart(database_url: str) -> None:
    one = TerritoryOfTests(database_url, origin="ledger.example/one")
    other = TerritoryOfTests(database_url, origin="ledger.example/other")
    payer, payee = one.members(2)
    (outcome,) = other.send(one.transfer(payer, payee, 5))
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "malformed"
    for territory in (one, other):
        invariants = Invariants(territory.store, territory.ledger_id)
        invariants.check(territory.door.head())
    assert [head.size for head in Store.open(database_url).heads()] == [3, 1]
    one.close()
    other.close()
