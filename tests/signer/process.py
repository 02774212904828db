"""The signer as a process of its own, with its key and state in a folder, started and killed as an operator would."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from ledger.signer.keyfile import write_keys
from ledger.signer.remote import RemoteSigner
from ledger.signer.signer import Signer
from tests.signer.logs import ORIGIN, SEED

COMMAND = [sys.executable, "-c", "from cli.main import main; main()"]
PASSWORD = "only for tests"


class SignerProcess(AbstractContextManager["SignerProcess"]):
    """`comarca signer --listen`, running while this is open. `arguments` are further ones of its command."""

    def __init__(self, folder: Path, *arguments: str, seed: bytes = SEED, origin: str = ORIGIN):
        self.folder, self.origin, self.socket = folder, origin, folder / "signer.sock"
        self.state = folder / "operator.state"
        self.settings = {"COMARCA_PASSWORD_FILE": "signer.password", "PYTHONPATH": str(Path.cwd())}
        self.process: subprocess.Popen[str] | None = None
        self.arguments = arguments
        (folder / "signer.password").write_text(PASSWORD)
        (folder / "signer.password").chmod(0o600)
        if not (folder / "operator.key").exists():
            write_keys(folder / "operator.key", {"operator": seed}, PASSWORD.encode(), 2)
            Signer.create_state(self.state)

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command with these arguments, in the folder."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COMARCA_")}
        command = [*COMMAND, "signer", *arguments]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=self.folder, env=clean | self.settings)

    def change_key(self, seed: bytes) -> None:
        """Give it a new key beside the old one, while it is stopped; the state goes on with the new one."""
        write_keys(self.folder / "operator2.key", {"operator": seed}, PASSWORD.encode(), 2)
        self.state = self.state.rename(self.folder / "operator2.state")
        self.settings |= {"COMARCA_OPERATOR_KEY": "operator2.key", "COMARCA_OPERATOR_KEY_BEFORE": "operator.key"}

    def start(self) -> "SignerProcess":
        """Start it, and wait until it can be asked."""
        self.process = self.popen("--listen", "signer.sock", "--origin", self.origin, *self.arguments)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith(f"Signing for {self.origin} at "), line + self.process.stderr.read()
        return self

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode

    def remote(self, within: float = 20.0) -> RemoteSigner:
        """The signer as a server has it. The machine of tests is slow now and then."""
        return RemoteSigner(self.socket, self.origin, within)

    def __enter__(self) -> "SignerProcess":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
