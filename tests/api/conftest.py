"""Fixtures of the API's tests."""

from collections.abc import Iterator

import pytest

from tests.api.desk import Desk


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    """A served territory on SQLite."""
    desk = Desk(sqlite_url)
    yield desk
    desk.close()


@pytest.fixture
def either_desk(database_url: str) -> Iterator[Desk]:
    """A served territory, on each engine in turn."""
    desk = Desk(database_url)
    yield desk
    desk.close()
