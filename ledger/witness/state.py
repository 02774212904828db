"""What a witness has cosigned last of each log, in a small SQLite file beside its key.

Whoever forgets this can be shown a second past, so the file is made once, with the key, and never again: a witness
whose state is lost needs a new key. A change is on disk before anything is answered; of two at once one comes first.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.log import merkle
from ledger.signer.keyfile import KeyFileError, check_mode, sync_folder

PATIENCE_S = 10.0  # that a request waits for others
TABLES = """
CREATE TABLE witness (vkey TEXT NOT NULL);
CREATE TABLE latest (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
                     time INTEGER NOT NULL);
"""


class StateError(Exception):
    """The state cannot be used; the message names its file and says what to do."""


class Latest(NamedTuple):
    """The last checkpoint cosigned of a log (size, root, the note as it came) and when, in Unix seconds."""

    size: int
    root: bytes
    note: bytes
    time: int


NOTHING = Latest(0, merkle.EMPTY, b"", 0)


class State:
    """The state at `path` of the witness whose verifier key is `vkey`; raises StateError where there is none. Any
    thread or process may use it."""

    def __init__(self, path: Path, vkey: str):
        self.path = path
        self._seen: dict[str, int] = {}  # by origin, a size that was cosigned for sure
        self._check(vkey)

    @staticmethod
    def create(path: Path, vkey: str) -> None:
        """Make the state of a new key, which has cosigned nothing; raises StateError where a file is there."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.executescript(f"BEGIN; {TABLES} COMMIT;")
                connection.execute("INSERT INTO witness VALUES (?)", (vkey,))
            sync_folder(path.parent)
        except FileExistsError as error:
            raise StateError(f"{path}: is there already, and a witness's state is never replaced") from error
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{path}: the witness's state cannot be made: {error}") from error

    def _check(self, vkey: str) -> None:
        if not self.path.exists():
            raise StateError(f"{self.path}: the witness's state is missing. Bring it back from where it went. If it is "
                             "lost, make a new key by `comarca key new --witness`: without its state this one could "
                             "cosign a second past")  # fmt: skip
        try:
            check_mode(self.path)
            with closing(self._open()) as connection:
                found = connection.execute("SELECT vkey FROM witness").fetchall()
        except KeyFileError as error:
            raise StateError(str(error)) from error
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: damaged, or not a witness's state ({error}); treat it as lost") from error
        if found != [(vkey,)]:
            raise StateError(f"{self.path}: is the state of another key, not of {vkey}")

    def _open(self) -> sqlite3.Connection:
        # EXTRA: the journal's end is on disk too, so that what was committed is never rolled back.
        connection = sqlite3.connect(
            self.path.resolve().as_uri() + "?mode=rw", PATIENCE_S, isolation_level=None, uri=True
        )
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection

    def latest(self, origin: str) -> Latest:
        """What was cosigned last of a log; of size 0 where nothing was. Raises StateError."""
        with self._troubled(), closing(self._open()) as connection:
            return _latest(connection, origin)

    @contextmanager
    def changing(self, origin: str) -> Iterator["Change"]:
        """Read what was cosigned last and put what comes next in its place, alone among all; on disk once it is left.
        Raises StateError, and then nothing has changed."""
        with self._troubled(), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            change = Change(connection, origin)
            self._check_seen(origin, change.latest)
            yield change
            connection.execute("COMMIT")
            self._seen[origin] = change.latest.size

    def _check_seen(self, origin: str, latest: Latest) -> None:
        if latest.size < self._seen.get(origin, 0):
            raise StateError(f"{self.path}: went back to size {latest.size} of {origin}, of which {self._seen[origin]} "
                             "was cosigned: an old copy was put in its place. Bring the newer one back; if it is lost, "
                             "make a new key")  # fmt: skip

    @contextmanager
    def _troubled(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}") from error


class Change:
    """One log's row of the state while nobody else can change it."""

    def __init__(self, connection: sqlite3.Connection, origin: str):
        self._connection, self._origin = connection, origin
        self.latest = _latest(connection, origin)

    def put(self, new: Latest) -> None:
        """Put this in the place of what was cosigned last."""
        self.latest = new
        self._connection.execute("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?)", (self._origin, *new))


def _latest(connection: sqlite3.Connection, origin: str) -> Latest:
    wanted = "SELECT size, root, note, time FROM latest WHERE origin = ?"
    found = connection.execute(wanted, (origin,)).fetchone()
    return Latest(*found) if found is not None else NOTHING
