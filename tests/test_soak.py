"""Ten kills of a server on SQLite, a few on PostgreSQL with two server processes. `make soak` kills a hundred times."""

import random
from pathlib import Path

from tests.soak import Soak


def drawn() -> int:
    """A fresh seed, printed, so that a failure can be run again."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"soak: --seed {seed}")
    return seed


def test_ten_kills_lose_nothing_and_double_nothing(sqlite_url: str, tmp_path: Path) -> None:
    soak = Soak(tmp_path, sqlite_url, drawn())
    soak.run(10)
    figures = soak.check()
    assert figures["acknowledged"] > 50, figures
    assert figures["refused"], figures


def test_kills_of_two_processes_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    soak = Soak(tmp_path, postgres_url, drawn(), processes=2)
    soak.run(4)
    figures = soak.check()
    assert figures["acknowledged"] > 20, figures
