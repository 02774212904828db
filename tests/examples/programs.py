"""The examples as programs of their own, in a folder with a member's key, against a real server behind a proxy."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.log import base64s
from ledger.signer.keyfile import write_keys
from tests.client.street import Street
from tests.territory import Clock

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PASSWORD = "only for tests"
Run = subprocess.CompletedProcess[str]


class Programs:
    """`bakery` pays `farm` and `mill`; receipts, open payments and the memory are in the folder `desk`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.street = Street(folder, clock=Clock(int(time.time())))
        self.bakery, self.farm, self.mill = (id.hex() for id in self.street.members)
        seed = self.street.territory.seeds[self.street.members[0]]
        write_keys(folder / "bakery.key", {self.bakery: seed}, PASSWORD.encode(), 2)
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "password").chmod(0o600)
        self.desk = folder / "desk"

    def run(self, program: str, *arguments: str, said: str = "", **changed: str) -> Run:
        """Run an example with the flags that all have, some of them changed."""
        flags = {
            "server": self.street.address,
            "origin": self.street.ledger.origin,
            "identity": base64s.encode(self.street.ledger.identity),
            "key": "bakery.key",
            "password-file": "password",
            "folder": "desk",
        } | changed
        given = [text for name, value in flags.items() for text in (f"--{name}", value)]
        command = [*runner(program), str(EXAMPLES / program), *given, *arguments]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(EXAMPLES.parent), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=said, capture_output=True, text=True, timeout=120
        )

    def till(self, program: str, *amounts: str, said: str = "", **changed: str) -> Run:
        """Run a till that pays the farm."""
        return self.run(program, "--payee", self.farm, *amounts, said=said, **changed)

    def balance(self, number: int = 0) -> int:
        """A member's balance, as its own client reads it."""
        with self.street.member(number, memory=self.folder / f"reader-{number}.memory") as member:
            return member.position().balance

    def receipts(self) -> list[Path]:
        """The receipts in the folder, in the order they were made."""
        found = [path for path in self.desk.glob("*.json") if "receipt" in json.loads(path.read_text())]
        return sorted(found, key=lambda path: int(json.loads(path.read_text())["entry"]["log_index"]))

    def open(self) -> list[Path]:
        """The payments whose outcome is not known."""
        return list(self.desk.glob("*.open"))


def runner(program: str) -> list[str]:
    """What runs a program."""
    if not program.endswith(".mjs"):
        return [sys.executable]
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine, and this example is for Node 20 or later")
    return [node]
