"""Fixtures of all tests: fresh databases, on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One server for each process of a test run, started when the first test asks for it."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: EmbeddedPostgres) -> str:
    """The URL of a fresh, empty PostgreSQL database."""
    return postgres_server.create_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of fresh databases, for tests that need several; on each engine in turn."""
    if request.param == "postgresql":
        server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
        return server.create_database
    made: list[str] = []

    def new_file() -> str:
        made.append(f"sqlite:///{tmp_path / f'ledger-{len(made)}.db'}")
        return made[-1]

    return new_file


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The URL of a fresh database, on each engine in turn."""
    return new_database()
