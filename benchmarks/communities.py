"""Served ledgers for the benchmarks: communities whose members trade, in one database, under a real server.

    with served(databases.create(), folder, processes=2, ledgers=8) as communities:
        load(communities.address, communities.round(clients=64, each=12), 201)

Clients go round the ledgers. Submissions are signed before the clock starts, as a member's device would have done.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.http_load import request
from benchmarks.world import WIDE
from ledger.core.transfers import Leg
from ledger.core.words import AccountId
from ledger.signer.signer import Signer
from ledger.store.database import Store
from tests.territory import Clock, TerritoryOfTests

MEMBERS = 500  # of each ledger


class Community(TerritoryOfTests):
    """A ledger among others of one database, and what its members send."""

    def __init__(self, url: str, name: str, members: int = MEMBERS):
        super().__init__(url, WIDE, f"ledger.example/{name}", Clock(int(time.time())))
        self.path = f"/v1/ledgers/{name}/instructions"
        self._members, self._random = self.members(members), random.Random(1)
        self.store.close()  # from now on the server has it

    def payment(self, hot: bool = False) -> bytes:
        """A signed payment between two members; `hot`: one of the two is always the same."""
        self.clock.now = int(time.time())
        payer, payee = self._random.sample(self._members[1:], 2)
        if hot:
            payer, payee = self._random.sample((payer, self._members[0]), 2)
        return self.transfer(payer, payee, self._random.randint(1, 1000))

    def bulk(self, legs: int) -> bytes:
        """Payments of one member to others, as many as `legs`, under one signature."""
        self.clock.now = int(time.time())
        payer, *others = self._random.sample(self._members, len(self._members))
        payees = (AccountId(others[n % len(others)]) for n in range(legs))
        return self.transfer_many(payer, [Leg(payee, self._random.randint(1, 100)) for payee in payees])


class Communities:
    """The ledgers of a served database, and the server's address."""

    def __init__(self, ledgers: Sequence[Community], address: str):
        self.ledgers, self.address = ledgers, address

    def round(self, clients: int, each: int, hot: bool = False) -> list[list[bytes]]:
        """The requests of each client: payments one by one."""
        served = [self.ledgers[client % len(self.ledgers)] for client in range(clients)]
        return [[request(one.path, one.payment(hot)) for _ in range(each)] for one in served]


@contextmanager
def served(
    url: str, folder: Path, processes: int = 1, ledgers: int = 1, members: int = MEMBERS, policy: str = ""
) -> Iterator[Communities]:
    """Make the ledgers in an empty database, and serve them by one process that writes and `processes` that talk; the
    witnesses of `policy`, a file, are asked."""
    Store.create(url).close()
    names = [f"community-{n}" for n in range(1, ledgers + 1)]
    made = [Community(url, name, members) for name in names]
    folder.mkdir()
    for name in names:
        Signer.create_state(folder / f"state-{name}")
    with server(url, folder / "state", processes, policy) as address:
        yield Communities(made, address)


@contextmanager
def server(url: str, state: Path, processes: int = 1, policy: str = "") -> Iterator[str]:
    """Serve all ledgers of a database; the server's address. The signer of each has a state of its own, STATE-NAME."""
    arguments = [url, str(state), str(processes), policy]
    command = [sys.executable, "-m", "benchmarks.http_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
