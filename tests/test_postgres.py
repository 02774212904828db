"""The tests' own PostgreSQL: fresh databases, and nothing left behind however its owner ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgres import EmbeddedPostgres

OWNER = """
import sys, time
from tests.postgres import EmbeddedPostgres
with EmbeddedPostgres() as server:
    print(server.folder, flush=True)
    time.sleep(60)
"""


def test_databases_are_fresh_and_go(postgres_server: EmbeddedPostgres) -> None:
    urls = [postgres_server.create_database() for _ in range(2)]
    names = [url.partition("@/")[2].partition("?")[0] for url in urls]
    with psycopg.connect(postgres_server.dsn(names[0])) as connection:
        assert connection.execute("SELECT current_setting('server_encoding')").fetchone() == ("UTF8",)
        connection.execute("CREATE TABLE seen (n int)")
    with psycopg.connect(postgres_server.dsn(names[1])) as connection:
        assert connection.execute("SELECT to_regclass('seen')").fetchone() == (None,)
        postgres_server.drop_database(urls[0])
    postgres_server.drop_database(urls[1])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_server.dsn(names[0]))


def test_a_killed_owner_leaves_no_server_and_no_folder() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        folder = Path(owner.stdout.readline().strip())
        assert (folder / "data").is_dir()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 60
    while folder.exists():  # the shell removes it last, after the server has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)
