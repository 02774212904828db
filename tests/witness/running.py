"""A witness as a person runs it: `comarca witness` as a process of its own, over HTTP."""

import http.client
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from ledger.log import keys
from ledger.log.keys import COSIGNER
from ledger.signer.keyfile import write_keys
from ledger.witness.state import State

PASSWORD = "only for tests"
PATIENCE_S = 60
COMMAND = (sys.executable, "-c", "from cli.main import main; main()")


class Said(NamedTuple):
    """A witness's answer."""

    status: int
    body: bytes
    media_type: str


class Running:
    """A running command that said its address, and requests to it."""

    def __init__(self, process: "subprocess.Popen[str]", address: str):
        self.process, self.address = process, address

    def ask(self, method: str, path: str, body: bytes | None = None) -> Said:
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {"Content-Type": "text/plain"} if body is not None else {})
            answer = connection.getresponse()
            return Said(answer.status, answer.read(), answer.headers["Content-Type"])
        finally:
            connection.close()

    def add(self, body: bytes) -> Said:
        """POST /add-checkpoint."""
        return self.ask("POST", "/add-checkpoint", body)

    def kill(self) -> None:
        """SIGKILL to parent and workers alike, as a power cut."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)


@contextmanager
def running(folder: Path, *arguments: object, **environment: str) -> Iterator[Running]:
    """`comarca ...` in a folder that has a file `password`, until the test is over; it must say its address."""
    command = [*COMMAND, *map(str, arguments)]
    around = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path), **environment}
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=around,
                          start_new_session=True) as process:  # fmt: skip
        try:
            yield Running(process, _address(process))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_S)


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    until, said = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < until and select.select([process.stderr], [], [], 1)[0] is not None:
        line = process.stderr.readline()
        said += line
        if " at http://" in line:
            return line.partition(" at ")[2].split(" ")[0]
        assert line, said
    raise AssertionError(said)


def command(folder: Path, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    around = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path), **environment}
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, cwd=folder, env=around, capture_output=True, text=True, timeout=PATIENCE_S)


def make_witness(folder: Path, name: str = "witness.example/w1", file: str = "w1.key") -> str:
    """A witness's key, made cheaply, with its state; its verifier key."""
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    seed = os.urandom(32)
    vkey = keys.vkey(name, keys.public_of(seed), COSIGNER)
    State.create((folder / file).with_suffix(".state"), vkey)
    write_keys(folder / file, {name: seed}, PASSWORD.encode(), 2)
    return vkey


def witness(folder: Path, logs: Sequence[str], file: str = "w1.key", listen: str = "127.0.0.1:0") -> tuple[object, ...]:
    """The arguments of a witness of these logs, by their verifier keys."""
    return ("witness", "--listen", listen, "--key", file, *(part for log in logs for part in ("--log", log)))
