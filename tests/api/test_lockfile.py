"""The lock of a SQLite file: one holder, an address while it lives, nothing left when it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.store.lockfile import Held, LockFile, lock_path, server_of

HOLD = """
import sys; from pathlib import Path; from ledger.store.lockfile import LockFile
lock = LockFile(Path(sys.argv[1]), "serve"); lock.publish("http://127.0.0.1:1"); print("held", flush=True); input()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    with LockFile(database, "import"):
        with pytest.raises(Held) as held:
            LockFile(database, "serve")
        assert f"in use by `comarca import` (process {os.getpid()})" in str(held.value)
        assert "\n" not in str(held.value) and held.value.address is None
    LockFile(database, "serve").release()


def test_the_address_is_known_while_the_server_lives(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    assert server_of(database) is None
    with LockFile(database, "serve") as lock:
        assert server_of(database) is None
        lock.publish("http://127.0.0.1:8080")
        assert server_of(database) == "http://127.0.0.1:8080"
        with pytest.raises(Held) as held:
            LockFile(database, "pay")
        assert held.value.address == "http://127.0.0.1:8080" and "http://127.0.0.1:8080" in str(held.value)
    assert server_of(database) is None


def test_a_killed_holder_leaves_nothing(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        assert server_of(database) == "http://127.0.0.1:1"
        holder.kill()
    assert server_of(database) is None
    LockFile(database, "serve").release()


def test_a_link_to_the_database_is_the_same_database(tmp_path: Path) -> None:
    database, link = tmp_path / "ledger.db", tmp_path / "link.db"
    database.touch()
    link.symlink_to(database)
    with LockFile(database, "serve"), pytest.raises(Held):
        LockFile(link, "serve")


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b"\xff", json.dumps({"address": "http://127.0.0.1:9"}).encode()])
def test_what_stands_in_a_lock_file_that_nobody_holds_counts_nothing(tmp_path: Path, left: bytes) -> None:
    database = tmp_path / "ledger.db"
    lock_path(database).write_bytes(left)
    assert server_of(database) is None
    LockFile(database, "serve").release()


def test_releasing_twice_is_releasing_once(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "ledger.db", "serve")
    lock.release()
    with LockFile(tmp_path / "ledger.db", "serve"):
        lock.release()
        with pytest.raises(Held):
            LockFile(tmp_path / "ledger.db", "serve")
