"""The soak: a real server is killed again and again under load, and nothing that it acknowledged is lost or doubled.

    python -m tests.soak --kills 100 --seed 7 [--url postgresql://...]

Clients, each a thread with a connection of its own, pay back and forth through HTTP. What a client is told it writes to
its own file and flushes to disk before it goes on. The server, all its processes, gets SIGKILL after a random delay and
is started again; clients send what was not answered once more, the same text. In the end `check` reads the clients'
files and the log, and nothing else.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ledger.ambient.ids import new_id
from ledger.audit.auditing import audit
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, HolderId, InstructionId
from ledger.log import checkpoint, keys, merkle
from ledger.rebuild.rebuilding import rebuild
from ledger.receipts.verifying import verify
from ledger.signer.signer import Signer
from ledger.store.database import Store
from ledger.store.log import EntryRow
from tests.tables import entries, projected
from tests.territory import ORIGIN, Clock, TerritoryOfTests, seed

ROOT = Path(__file__).parent.parent
CLIENTS = 4
LIMITS = '{"commercial":[-60,60]}'
PATH = "/v1/ledgers/solana/instructions"
VALID_S = 3600


class Client(threading.Thread):
    """Pays until it is told to stop, and keeps a notebook that a power cut would leave whole."""

    def __init__(self, soak: "Soak", number: int):
        super().__init__(name=f"client-{number}", daemon=True)
        self._soak, self._chance = soak, random.Random(f"{soak.seed}/{number}")
        self._notebook = (soak.folder / f"acknowledged-{number}").open("a", encoding="utf-8")
        self.sent: dict[str, bytes] = {}
        self.refused: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._soak.over.is_set():
                self._pay(self._next())
        except BaseException as error:  # a thread's last word; the soak repeats it
            self.failure = error

    def _next(self) -> bytes:
        """A new payment, or now and then one that was sent before."""
        if self.sent and self._chance.random() < 0.1:
            return self._chance.choice(list(self.sent.values()))
        payer, payee = self._chance.sample(self._soak.members, 2)
        id = InstructionId(new_id())
        draft = self._soak.territory.draft(
            "transfer", Transfer(AccountId(payer), AccountId(payee), self._chance.randint(1, 30)),
            texts={"memo": "soaked"} if self._chance.random() < 0.5 else None, id=id,
        )  # fmt: skip
        octets = draft.signed([(HolderId(payer), self._soak.territory.seeds[payer])])
        self.sent[id.hex()] = octets
        return octets

    def _pay(self, octets: bytes) -> None:
        """Send one text until it is answered, or the soak is over."""
        while not self._soak.over.is_set():
            try:
                status, body = self._soak.post(octets)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            if status in (200, 201):
                self._write(json.loads(body))
                return
            problem = json.loads(body)
            if status == 503:  # not written, or not known: the same text again
                time.sleep(0.01)
                continue
            assert 400 <= status < 500 and "reason" in problem, (status, body)
            self.refused[problem["reason"]] += 1
            return

    def _write(self, receipt: dict[str, Any]) -> None:
        self._notebook.write(json.dumps(receipt) + "\n")
        self._notebook.flush()
        os.fsync(self._notebook.fileno())


class Soak:
    """A territory, a server that is killed, and clients that do not give up."""

    def __init__(self, folder: Path, url: str, seed_: int, processes: int = 1):
        self.folder, self.url, self.seed, self.processes = folder, url, seed_, processes
        self._chance = random.Random(seed_)
        self.over, self.address = threading.Event(), ""
        self.state = folder / "operator.state"
        Signer.create_state(self.state)
        self.territory = TerritoryOfTests(url, limits=LIMITS, clock=Clock(int(time.time())))
        self.members = self.territory.members(6)
        self.identity, self.ledger_id = self.territory.identity, self.territory.ledger_id
        self.territory.store.close()
        self.territory.clock.now += VALID_S - 600
        self.clients = [Client(self, number) for number in range(CLIENTS)]
        self._connections = threading.local()

    # --- the server

    def start(self) -> "subprocess.Popen[str]":
        """A server in a session of its own, answering."""
        command = [sys.executable, "-m", "tests.api.serving_process", self.url, str(self.state), str(self.processes)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert process.stdout is not None
        self.address = process.stdout.readline().strip()
        assert self.address, "the server did not start"
        return process

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """End every process of the server at once, without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def post(self, octets: bytes) -> tuple[int, bytes]:
        """Send, over this thread's connection to the server as it runs now."""
        address = self.address
        kept = getattr(self._connections, "kept", None)
        if kept is None or kept[0] != address:
            parts = urlsplit(address)
            kept = address, http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
            self._connections.kept = kept
        try:
            kept[1].request("POST", PATH, octets, {"Content-Type": "text/plain"})
            response = kept[1].getresponse()
            return response.status, response.read()
        except BaseException:
            kept[1].close()
            self._connections.kept = None
            raise

    # --- the soak

    def run(self, kills: int, most_s: float = 0.6, say: Any = lambda *_: None) -> None:
        """Start, load, kill, `kills` times over; then let everything that waits be answered."""
        process = self.start()
        for client in self.clients:
            client.start()
        try:
            for number in range(kills):
                time.sleep(self._chance.uniform(0, most_s))
                self.kill(process)
                process = self.start()
                say(number + 1, kills)
            time.sleep(most_s)
        finally:
            self.over.set()
            for client in self.clients:
                client.join(30)
            self.kill(process)
        for client in self.clients:
            if client.failure is not None:
                raise client.failure

    # --- what must hold

    def check(self) -> dict[str, Any]:
        """Compare the clients' notebooks with the log; raises AssertionError. Figures for whoever looks on."""
        store = Store.open(self.url)
        try:
            log = entries(store, self.ledger_id)
            told = [json.loads(line) for file in sorted(self.folder.glob("acknowledged-*")) for line in _lines(file)]
            self.check_acknowledged(log, told)
            self.check_log(log)
            passed = audit(store, self.ledger_id, processes=1)
            assert passed.size == len(log)
            before = projected(store, self.ledger_id)
            rebuild(store)
            assert projected(store, self.ledger_id) == before, "projections equal a rebuild"
        finally:
            store.close()
        refused = sum((client.refused for client in self.clients), Counter[str]())
        return {"entries": len(log), "acknowledged": len(told), "refused": dict(refused)}

    def check_acknowledged(self, log: list[EntryRow], told: list[dict[str, Any]]) -> None:
        """Every receipt verifies offline, names the entry that stands there, and a root that this log had."""
        leaves = [row.leaf_hash for row in log]
        places: dict[bytes, int] = {}
        roots: dict[int, bytes] = {}
        for receipt in told:
            shown = verify(json.dumps(receipt).encode(), ORIGIN, self.identity)
            row = log[shown.log_index]
            assert (row.id, row.time) == (shown.id, shown.time), "no acknowledged entry is lost"
            assert places.setdefault(shown.id, shown.log_index) == shown.log_index, "nor in two places"
            signed = shown.checkpoint
            root = roots.setdefault(signed.size, merkle.root(leaves[: signed.size])) if signed.size <= len(log) else b""
            assert signed.root == root, "every checkpoint ever shown is of this log"

    def check_log(self, log: list[EntryRow]) -> None:
        """What is in the log was sent, once; and the signer never signed more than the log has."""
        sent = {id for client in self.clients for id in client.sent}
        logged = [row.id.hex() for row in log if row.kind == "transfer"]
        assert len(set(logged)) == len(logged), "none is doubled"
        assert set(logged) <= sent
        signer = Signer([seed("operator")], ORIGIN, self.state)
        note = signer.latest()
        assert note is not None
        last = checkpoint.verify(note, ORIGIN, keys.public_of(seed("operator")))
        assert last.root == merkle.root([row.leaf_hash for row in log[: last.size]])


def _lines(file: Path) -> list[str]:
    """The whole lines of a notebook."""
    return [line for line in file.read_text(encoding="utf-8").split("\n") if line]


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill a server under load, again and again; lose nothing.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--url", help="a fresh PostgreSQL database; without it a SQLite file")
    arguments = parser.parse_args()
    print(f"soak: {arguments.kills} kills, --seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="comarca-soak-") as folder:
        soak = Soak(Path(folder), arguments.url or f"sqlite:///{folder}/ledger.db", arguments.seed)
        soak.run(arguments.kills, say=lambda done, total: print(f"\r{done}/{total}", end="", flush=True))
        print(f"\nsoak: nothing lost, nothing doubled; {soak.check()}")


if __name__ == "__main__":
    main()
