"""A community with a ledger and a witness of its own, each a process as its operator runs it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ledger.log import checkpoint, keys
from ledger.log.checkpoint import Checkpoint
from ledger.signer.keyfile import write_keys
from ledger.signer.signer import Signer
from tests.territory import Clock, TerritoryOfTests, seed
from tests.witness.running import PASSWORD, PATIENCE_S, Running, make_witness, running


class Community:
    """A folder with a ledger of this name, two members in it, and the key of a witness."""

    def __init__(self, folder: Path, name: str, url: str | None = None):
        self.folder, self.name, self.origin = folder, name, f"ledger.example/{name}"
        self.url = url or f"sqlite:///{folder}/ledger.db"
        folder.mkdir(exist_ok=True)
        self.witness = make_witness(folder, f"witness.example/{name}")
        operator = seed(f"operator of {name}")
        self.territory = TerritoryOfTests(self.url, origin=self.origin, clock=Clock(int(time.time())),
                                          operator=keys.public_of(operator))  # fmt: skip
        self.members = self.territory.members(2)
        write_keys(folder / "operator.key", {"operator": operator}, PASSWORD.encode(), 2)
        Signer.create_state(folder / "operator.state")
        self.vkey = keys.vkey(self.origin, keys.public_of(operator))

    @contextmanager
    def serving(self, *arguments: object) -> Iterator["Served"]:
        """`comarca serve` on this ledger."""
        with running(self.folder, "serve", "--port", 0, "--url", self.url, *arguments) as process:
            yield Served(self, process)

    def policy(self, witnesses: dict[str, tuple[str, str]], quorum: str = "", name: str = "policy") -> str:
        """A policy of these witnesses, by their names: verifier keys and addresses. All are needed, or as `quorum`
        says; the name of its file."""
        lines = [f"witness {name} {vkey} {url}" for name, (vkey, url) in witnesses.items()]
        asked = quorum or f"group everybody all {' '.join(witnesses)}\nquorum everybody"
        (self.folder / name).write_text("\n".join([f"log {self.vkey}", *lines, asked, ""]))
        return name


class Served:
    """A served ledger, and what its members and readers ask."""

    def __init__(self, community: Community, process: Running):
        self.community, self.process = community, process
        self.host = urlsplit(process.address)

    def pay(self, times: int = 1) -> int:
        """Pay so often; the log index of the last payment."""
        for _ in range(times):
            said = self._submit(self._payment())
            assert said.status == 201, said
        return _log_index(said)

    def pay_after_all(self) -> int:
        """Pay while processes are missing: the same text again until it is accepted; its log index."""
        octets, until = self._payment(), time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError, HTTPException):
                said = self._submit(octets)
                if said.status in (200, 201):
                    return _log_index(said)
                assert said.status == 503, said
            time.sleep(0.1)
        raise AssertionError("nobody answers")

    def _payment(self) -> bytes:
        here = self.community
        return here.territory.transfer(here.members[0], here.members[1], 1)

    def _submit(self, octets: bytes) -> Any:
        return self.process.ask("POST", f"/v1/ledgers/{self.community.name}/instructions", octets)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """What is published."""
        said = self.process.ask("GET", f"/{self.community.name}/checkpoint")
        assert said.status == 200, said
        return checkpoint.parse(said.body), said.body

    def cosigned(self, size: int, lines: int = 2) -> bytes:
        """The published checkpoint once it is of this size or more, with so many lines or more."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            signed, note = self.checkpoint()
            if signed.size >= size and len(signed.signatures) >= lines:
                return note
            time.sleep(0.1)
        raise AssertionError(f"not cosigned: {note.decode()}")

    def metrics(self) -> dict[str, float]:
        """The metrics of witnesses, by what stands before their values."""
        lines = self.process.ask("GET", "/metrics").body.decode().split("\n")
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("comarca_w")
        }


def _log_index(said: Any) -> int:
    return int(json.loads(said.body)["entry"]["log_index"])
