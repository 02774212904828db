"""What the benchmarks share: databases, ledgers to copy, and one table at the end."""

import os
import platform
from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.rounds import Report, Turns
from benchmarks.world import Base, Databases, PostgresqlDatabases, SqliteDatabases
from tests.postgres import EmbeddedPostgres

REPORT = pytest.StashKey[Report]()
ROUNDS = 11


def pytest_configure(config: pytest.Config) -> None:
    """Room for what is measured."""
    config.stash[REPORT] = Report()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The one table."""
    report = config.stash[REPORT]
    if report.lines:
        terminalreporter.section("medians of rounds in turns; ratio = floor / measured")
        machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
        terminalreporter.write_line(f"{machine}, load {os.getloadavg()[0]:.1f}")
        for line in report.table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where a benchmark puts its lines."""
    return pytestconfig.stash[REPORT]


@pytest.fixture
def turns(benchmark: BenchmarkFixture) -> Turns:
    """Floors and product in turns; COMARCA_BENCH_ROUNDS=1 for a look at whether all of it runs."""
    return Turns(benchmark, int(os.environ.get("COMARCA_BENCH_ROUNDS", ROUNDS)))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Each engine in turn. PostgreSQL commits durably, as SQLite does."""
    if request.param == "sqlite":
        yield SqliteDatabases(tmp_path_factory.mktemp("ledgers"))
        return
    with EmbeddedPostgres({"shared_buffers": "256MB"}) as server:
        yield PostgresqlDatabases(server)


@pytest.fixture(scope="session")
def base(databases: Databases) -> Base:
    """2,000 members on each engine in turn."""
    return Base(databases)


@pytest.fixture(scope="session")
def sqlite_base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """2,000 members on SQLite, for what needs one engine alone."""
    return Base(SqliteDatabases(tmp_path_factory.mktemp("ledger")))
