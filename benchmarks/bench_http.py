"""The whole way by HTTP: 1, 8, 64 and 256 clients that pay one by one, and hundreds in one request.

The floor of one by one is a route of the same server and stack that does nothing; of many at once, bare verification on
all cores. Clients are raw sockets in this process, on the same cores as the server.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from benchmarks.http_load import load, request
from benchmarks.http_server import TRIVIAL
from benchmarks.rounds import Line, Report, Turns
from benchmarks.signatures import verifications
from benchmarks.world import WIDE
from ledger.signer.signer import Signer
from tests.territory import Clock, TerritoryOfTests

PATH = "/v1/ledgers/solana/instructions"
EACH = {1: 100, 8: 40, 64: 12, 256: 4}  # payments a client makes in a round
MANY, REQUESTS = 500, 2  # payments of one request, requests of each of two clients


class Served:
    """A served territory of 500 members who trade, and its address."""

    def __init__(self, territory: TerritoryOfTests, address: str):
        self.territory, self.address = territory, address
        self._members, self._random = territory.members(500), random.Random(1)

    def payment(self) -> bytes:
        """A random payment, signed."""
        payer, payee = self._random.sample(self._members, 2)
        return self.territory.transfer(payer, payee, self._random.randint(1, 1000))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("http")
    url = f"sqlite:///{folder / 'ledger.db'}"
    territory = TerritoryOfTests(url, limits=WIDE, clock=Clock(int(time.time())))
    Signer.create_state(Path(f"{folder / 'state'}-solana"))
    served = Served(territory, "")
    command = [sys.executable, "-m", "benchmarks.http_server", url, str(folder / "state"), "1", "16"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        served.address = server.stdout.readline().strip()
        yield served
        server.terminate()
    territory.close()


@pytest.mark.parametrize("clients", EACH)
def test_one_by_one(served: Served, clients: int, turns: Turns, report: Report) -> None:
    each = EACH[clients]
    rounds = [[[request(PATH, served.payment()) for _ in range(each)] for _ in range(clients)] for _ in turns.numbers]
    trivial = [[request(TRIVIAL, b"x" * 600)] * each] * clients
    times: list[float] = []
    seconds, floors = turns(
        lambda n: times.extend(load(served.address, rounds[n], 201)[1]),
        trivial=lambda n: load(served.address, trivial, 201),
    )
    count = clients * each
    cuts = quantiles(times, n=100)
    note = f"{count / seconds:,.0f} a second, p50 {1e3 * cuts[49]:.1f} ms, p99 {1e3 * cuts[98]:.1f} ms"
    per = 1e6 / count
    report.add(Line(f"HTTP, {clients} clients", "SQLite", per * seconds, "µs a payment", "trivial route",
                    per * floors["trivial"], note))  # fmt: skip


def test_hundreds_in_one_request(served: Served, turns: Turns, report: Report) -> None:
    def body() -> bytes:
        return json.dumps({"instructions": [served.payment().decode() for _ in range(MANY)]}).encode()

    rounds = [
        [[request(PATH, body(), "application/json") for _ in range(REQUESTS)] for _ in range(2)] for _ in turns.numbers
    ]
    count = 2 * REQUESTS * MANY
    bare = verifications(count)
    seconds, floors = turns(lambda n: load(served.address, rounds[n], 200), bare=lambda n: bare())
    cores = os.cpu_count() or 1
    report.add(Line(f"HTTP, {MANY} in one request", "SQLite", 1e6 * seconds / count, "µs a payment",
                    "bare verification on all cores", 1e6 * floors["bare"] / cores / count,
                    f"{count / seconds:,.0f} a second"))  # fmt: skip
