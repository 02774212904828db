"""Ledgers in which everything has happened; each test that damages one puts it right again."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.damage import Damage
from tests.lived import Lived
from tests.postgres import EmbeddedPostgres

LONG = 260  # entries: more than a tile is wide


class Pair(NamedTuple):
    """A ledger that fills a tile, with two checkpoints, and one that is short, for all that needs no tile."""

    long: Lived
    short: Lived

    def of(self, table: str) -> Lived:
        """The ledger whose table of this name has rows."""
        return self.long if table == "tile" else self.short


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two ledgers in which everything has happened, on each engine in turn, without the guards of their tables."""
    if request.param == "sqlite":
        yield from lived_pair(files(tmp_path_factory))
        return
    server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
    urls = [server.create_database(), server.create_database()]
    yield from lived_pair(urls)
    for url in urls:
        server.drop_database(url)


@pytest.fixture(scope="module")
def strange_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The same on SQLite alone."""
    yield from lived_pair(files(tmp_path_factory))


def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("audited")
    return [f"sqlite:///{folder / name}.db" for name in ("long", "short")]


def lived_pair(urls: list[str]) -> Iterator[Pair]:
    pair = Pair(*map(Lived, urls))
    for lived in pair:
        lived.keep_checkpoint()
        Damage(lived.store).drop_triggers()
    pair.long.send(*(pair.long.transfer(pair.long.miller, pair.long.baker, 1) for _ in range(LONG)))
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
