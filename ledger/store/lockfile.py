"""The lock file of a SQLite database: `<file>.lock`, held by a server or by a command that writes, never by two.

SQLite would let several processes write in turn, but the builds that many systems ship can corrupt a file by it
(docs/decisions.md), and two servers would answer with two checkpoints. The lock is the kernel's (flock), so it ends
with its process, however that ends. What stands in the file is JSON: `{"pid": 7, "who": "serve", "address":
"http://127.0.0.1:8000"}`; the address is there once a server answers, and commands write through it.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from ledger.store.errors import StoreError

PROBES = 20  # how often a lock is tried before it is taken for held: whoever only looks holds it for a moment
PROBE_S = 0.01


class Held(StoreError):
    """Another process has the database. `address` is its server's, or None where it is no server (yet)."""

    def __init__(self, database: Path, said: dict[str, Any]):
        self.address: str | None = said.get("address")
        who = f"`comarca {said['who']}`" if "who" in said else "another process"
        where = f" at {self.address}" if self.address else ""
        super().__init__(f"{database}: in use by {who}{where} (process {said.get('pid', 'unknown')}); "
                         "one process writes at a time")  # fmt: skip


class LockFile:
    """Holds the lock of one database from its making to `release`; a context manager. Raises Held.

    A process that this one forks shares the lock, and keeps it until it ends, too; only the maker releases it.
    """

    def __init__(self, database: Path, who: str):
        self._maker = os.getpid()
        self._who = who
        self._file = os.open(lock_path(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(self._file, fcntl.LOCK_EX, PROBES):
            said = _read(self._file)
            os.close(self._file)
            raise Held(database, said)
        self._write({"pid": self._maker, "who": who})

    def publish(self, address: str) -> None:
        """Say where the server answers."""
        self._write({"pid": self._maker, "who": self._who, "address": address})

    def release(self) -> None:
        """Let others have the database. The file stays, empty: removing it would let two hold "the" lock."""
        if self._file < 0 or os.getpid() != self._maker:
            return
        os.ftruncate(self._file, 0)
        os.close(self._file)
        self._file = -1

    def _write(self, said: dict[str, Any]) -> None:
        octets = json.dumps(said).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, octets, 0)

    def __enter__(self) -> "LockFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_path(database: Path) -> Path:
    """Where the lock of a database file stands: beside the file itself, whichever link names it."""
    real = database.resolve()
    return real.with_name(real.name + ".lock")


def server_of(database: Path) -> str | None:
    """The address of the server that holds this database now, or None. What a dead one left behind counts nothing."""
    try:
        file = os.open(lock_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        address = _read(file).get("address")
        return address if address is not None and not _locked(file, fcntl.LOCK_SH, 1) else None
    finally:
        os.close(file)


def _locked(file: int, how: int, tries: int) -> bool:
    for n in range(tries):
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if n + 1 < tries:
                time.sleep(PROBE_S)
    return False


def _read(file: int) -> dict[str, Any]:
    """What stands in the file; nothing where it is empty or half written."""
    try:
        said = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
