"""Go's own packages for signed notes and transparent logs, as Debian packages them, where this machine has them."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PACKAGES = Path("/usr/share/gocode")
NOTE = PACKAGES / "src" / "golang.org" / "x" / "mod" / "sumdb" / "note"
ENVIRONMENT = {"GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOTOOLCHAIN": "local", "GOFLAGS": ""}
PROGRAM = Path(__file__).parent / "counterpart.go"


def has_go() -> bool:
    """Whether there are both, the command and the packages."""
    return shutil.which("go") is not None and NOTE.exists()


class Go:
    """The program counterpart.go, made once."""

    def __init__(self, folder: Path):
        if not has_go():
            pytest.skip("Go is not on this machine: apt install golang-go golang-golang-x-mod-dev")
        self.program = folder / "counterpart"
        made = ["go", "build", "-o", str(self.program), str(PROGRAM)]
        subprocess.run(made, env={**os.environ, **ENVIRONMENT}, check=True, timeout=300)

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run it, however it ends."""
        command = [str(self.program), *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)

    def good(self, *arguments: str, given: str = "") -> list[str]:
        """Run it, and it ends well; the words that it prints."""
        run = self.run(*arguments, given=given)
        assert (run.returncode, run.stderr) == (0, ""), run.stderr
        return run.stdout.split()

    def judge(self, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the packages say of notes and proofs."""
        run = self.run("judge", given="".join(json.dumps(asked) + "\n" for asked in questions))
        assert (run.returncode, run.stderr) == (0, ""), run.stderr
        return [json.loads(line) for line in run.stdout.splitlines()]
