"""`comarca serve`, as an operator runs it, over a ledger that a test has filled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.signer.keyfile import write_keys
from ledger.signer.signer import Signer

PASSWORD = "only for tests"


@contextmanager
def served(folder: Path, url: str, operator: bytes) -> Iterator[str]:
    """The address of a server of its own, with the operator's key in this folder; it must end well."""
    write_keys(folder / "operator.key", {"operator": operator}, PASSWORD.encode(), 2)
    Signer.create_state(folder / "operator.state")
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "password").chmod(0o600)
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0", "--url", url]
    environment = {"COMARCA_PASSWORD_FILE": "password", "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        try:
            assert line.startswith("Serving at "), line
            yield line.split()[2]
        finally:
            server.terminate()
            assert server.wait(20) == 0
