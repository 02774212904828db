"""A preview and the real outcome agree whenever nothing came between: over random lives, and in every scenario."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.core import machine
from ledger.core.accounts import ACCOUNTS
from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.core.words import HolderId
from ledger.log import instruction, salted
from ledger.log.malformed import Malformed
from ledger.service.door import Accepted
from ledger.service.preview import UNSIGNED, Asking, Preview, Previewed, preview
from ledger.store import telling
from tests.bookkeeper import Bookkeeper
from tests.tables import dump, entries, projected
from tests.territory import TerritoryOfTests
from tests.ways import ThroughSql
from tests.wishes import LIMITS, Wish, WishesOfTrade, Wishing

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
# What a preview cannot know: who signs in the end, and how well.
OF_SIGNING = (*UNSIGNED, "signature_invalid")


@pytest.fixture(autouse=True)
def told_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MOST", 30_000)


def previews(territory: TerritoryOfTests, octets: bytes) -> dict[bytes, Any]:
    """What each signer of a submission is told when it asks before signing; nothing is written by it."""
    try:
        sent = instruction.parse(octets)
    except Malformed:
        return {}
    unsigned = instruction.unsigned(sent.text, sent.salted)
    before = {name: rows for name, rows in dump(territory.store).items() if name != "told"}
    said = {}
    for holder in {HolderId(bytes.fromhex(line.name[-32:])) for line in sent.signatures}:
        if not has_key(territory, holder):
            continue  # a member that is being admitted has no token yet
        asking = Asking(holder, holder in dict(territory.administrators), territory.clock.now)
        found = preview(territory.door, unsigned, asking)
        said[holder] = found.outcome if isinstance(found, Previewed) else found
    assert {name: rows for name, rows in dump(territory.store).items() if name != "told"} == before
    return said


def has_key(territory: TerritoryOfTests, holder: bytes) -> bool:
    return any(row.holder == holder for row in projected(territory.store, territory.ledger_id)["key"])


def agree(territory: TerritoryOfTests, said: dict[bytes, Any], outcome: Any) -> None:
    """What every signer was told is what came."""
    if isinstance(outcome, Refusal):
        if outcome.reason in OF_SIGNING:
            return
        if outcome.reason == "cancelled":  # by one of the signers: who tells it which
            assert outcome in said.values()
            return
    for holder, foreseen in said.items():
        if isinstance(outcome, (Refusal, Repeat)):
            assert foreseen == outcome
        else:
            assert isinstance(outcome, Accepted) and isinstance(foreseen, Preview), (foreseen, outcome)
            agree_in_full(territory, HolderId(holder), foreseen, outcome.log_index)


def agree_in_full(territory: TerritoryOfTests, holder: HolderId, foreseen: Preview, log_index: int) -> None:
    """Index, time, events, and the reader's own accounts as they stand now."""
    row = entries(territory.store, territory.ledger_id)[log_index]
    events = [machine.read_event(salted.split(line)[1]) for line in row.event_lines.split(b"\n")]
    assert (foreseen.at, foreseen.events) == ((log_index, row.time, row.id), events)
    stand = {one.id: one for one in projected(territory.store, territory.ledger_id)[ACCOUNTS.name]}
    assert all(account.member == holder and account == stand[account.id] for account in foreseen.accounts)
    own = {one.id for one in stand.values() if one.member == holder and one.entry == log_index}
    assert own <= {account.id for account in foreseen.accounts}


@pytest.fixture
def ledgers(database_url: str) -> Iterator[Iterator[TerritoryOfTests]]:
    """Any number of fresh ledgers, all in one database."""
    yield (TerritoryOfTests(database_url, limits=LIMITS, origin=f"ledger.example/p{number}") for number in count())


# Which of its keys a holder will sign with, a preview cannot know either, so these lives are without changes of keys.
Wished = st.lists(st.tuples(st.integers(-5, 7200), WishesOfTrade), min_size=4, max_size=16)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wished=Wished)
def test_in_random_lives(ledgers: Iterator[TerritoryOfTests], wished: list[tuple[int, Wish]]) -> None:
    territory = next(ledgers)
    territory.members(3)
    wishing = Wishing(territory)
    for seconds, wish in wished:
        territory.clock.now += seconds
        wishing.look()
        octets = wishing.submission(wish)
        said = previews(territory, octets)
        agree(territory, said, territory.send(octets)[0])
    territory.close()


class ThroughPreviews(ThroughSql):
    """The door, asked by every signer what would come before each submission that is sent alone."""

    def send(self, submissions: list[bytes]) -> list[Any]:
        said = previews(self.territory, submissions[0]) if len(submissions) == 1 else {}
        outcomes = super().send(submissions)
        agree(self.territory, said, outcomes[0])
        return outcomes


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_in_every_scenario(scenario: Path, database_url: str) -> None:
    way = ThroughPreviews(database_url)
    try:
        Bookkeeper(way).run(scenario.read_text(encoding="utf-8"))
    finally:
        way.territory.close()
