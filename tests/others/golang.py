"""Go's own packages for signed notes and transparent logs, as Debian packages them, where this machine has them."""

import os
import shutil
from pathlib import Path

import pytest

PACKAGES = Path("/usr/share/gocode")
NOTE = PACKAGES / "src" / "golang.org" / "x" / "mod" / "sumdb" / "note"
ENVIRONMENT = {"GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOTOOLCHAIN": "local", "GOFLAGS": ""}


def has_go() -> bool:
    """Whether there are both, the command and the packages."""
    return shutil.which("go") is not None and NOTE.exists()


def need_go() -> dict[str, str]:
    """The environment for `go`; skips the test where it is not there."""
    if not has_go():
        pytest.skip("Go is not on this machine: apt install golang-go golang-golang-x-mod-dev")
    return {**os.environ, **ENVIRONMENT}
