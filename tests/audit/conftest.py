"""A database of two ledgers in which everything has happened; each test that damages it puts it right again."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ledger.core.ledgers import SetPolicy
from tests.lived import Lived
from tests.postgres import EmbeddedPostgres
from tests.territory import LIMITS, START, Clock

LONG = 520  # entries: more than two tiles are wide


class Pair(NamedTuple):
    """A short ledger, for all that needs no tile, and one that fills two; with two checkpoints each."""

    short: Lived
    long: Lived


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two ledgers in which everything has happened, in one database, on each engine in turn."""
    if request.param == "sqlite":
        yield from lived_pair(f"sqlite:///{tmp_path_factory.mktemp('audited') / 'ledgers.db'}")
        return
    server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield from lived_pair(url)
    server.drop_database(url)


def lived_pair(url: str) -> Iterator[Pair]:
    pair = Pair(Lived(url), Lived(url, origin="ledger.example/other", clock=Clock(START + 1)))
    for lived in pair:
        lived.keep_checkpoint()
    pair.long.send(*(pair.long.transfer(pair.long.miller, pair.long.baker, 1) for _ in range(LONG)))
    policy = SetPolicy("limits", LIMITS, pair.long.index["set_policy"])  # that not all their policies are the same
    pair.long.log("set_policy again", pair.long.draft("set_policy", policy).signed(pair.long.administrators[:2]))
    for lived in pair:
        lived.send(lived.transfer(lived.miller, lived.baker, 1))
        lived.keep_checkpoint()
    yield pair
    for lived in pair:
        lived.close()


@pytest.fixture
def lived(sqlite_url: str) -> Iterator[Lived]:
    """A short ledger of the test's own, for what has nothing to do with the engine."""
    territory = Lived(sqlite_url)
    yield territory
    territory.close()


@pytest.fixture
def lived_anywhere(database_url: str) -> Iterator[Lived]:
    """A short ledger of the test's own, on each engine in turn."""
    territory = Lived(database_url)
    yield territory
    territory.close()
