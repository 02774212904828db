"""The house's ledger served by a process of its own, as `comarca serve` does it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LATER = "import time; now = time.time; time.time = lambda: now() + {}; "


@contextmanager
def served(later_s: int = 0) -> Iterator[str]:
    """The server's address, in the folder that the test is in; its clock goes so many seconds ahead."""
    code = (LATER.format(later_s) if later_s else "") + "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "--port", "0"]
    environment = {"COMARCA_PASSWORD_FILE": "password", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        assert line.startswith("Serving at "), line
        try:
            yield line.split()[2].rstrip(".,")
        finally:
            server.terminate()
            assert server.wait(20) == 0
