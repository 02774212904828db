"""Fixtures of all tests: fresh databases, on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import FORGETFUL, EmbeddedPostgres

# A test fails for what it finds, never for how long a busy machine takes.
settings.register_profile("comarca", deadline=None)
settings.load_profile("comarca")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One server for each process of a test run, started when the first test asks for it."""
    with EmbeddedPostgres(FORGETFUL) as server:
        yield server


@pytest.fixture
def new_postgres_database(postgres_server: EmbeddedPostgres) -> Iterator[Callable[[], str]]:
    """Makes URLs of fresh, empty PostgreSQL databases; they go with the test."""
    made: list[str] = []

    def new_one() -> str:
        made.append(postgres_server.create_database())
        return made[-1]

    yield new_one
    for url in made:
        postgres_server.drop_database(url)


@pytest.fixture
def postgres_url(new_postgres_database: Callable[[], str]) -> str:
    """The URL of a fresh, empty PostgreSQL database."""
    return new_postgres_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of fresh databases, for tests that need several; on each engine in turn."""
    if request.param == "postgresql":
        new_one: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        return new_one
    made: list[str] = []

    def new_file() -> str:
        made.append(f"sqlite:///{tmp_path / f'ledger-{len(made)}.db'}")
        return made[-1]

    return new_file


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The URL of a fresh database, on each engine in turn."""
    return new_database()
