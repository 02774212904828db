"""The whole way by HTTP: 1, 8, 64 and 256 clients that pay one by one, hundreds in one request, a thousand transfers
under one signature, one account in every payment.

The floor of one by one is a route of the same server and stack that does nothing; of many at once, bare verification on
all cores. Clients are raw sockets in this process, on the same cores as the server.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from benchmarks.communities import Communities, served
from benchmarks.http_load import load, request
from benchmarks.http_server import TRIVIAL
from benchmarks.rounds import Line, Report, Turns
from benchmarks.signatures import verifications
from benchmarks.world import SqliteDatabases

EACH = {1: 100, 8: 40, 64: 12, 256: 4}  # payments a client makes in a round
MANY, REQUESTS = 500, 2  # payments of one request, requests (or bulks) of each of two clients
LEGS = 1000  # transfers under one signature
CLIENTS = 64  # who pay one by one beside the bulks and the hot account
CORES = os.cpu_count() or 1


@pytest.fixture(scope="module")
def communities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Communities]:
    folder = tmp_path_factory.mktemp("http")
    with served(SqliteDatabases(folder).create(), folder / "signers") as one:
        yield one


@pytest.mark.parametrize("clients", EACH)
def test_one_by_one(communities: Communities, clients: int, turns: Turns, report: Report) -> None:
    each = EACH[clients]
    rounds = [communities.round(clients, each) for _ in turns.numbers]
    trivial = [[request(TRIVIAL, b"x" * 600)] * each] * clients
    times: list[float] = []
    seconds, floors = turns(
        lambda n: times.extend(load(communities.address, rounds[n], 201)[1]),
        trivial=lambda n: load(communities.address, trivial, 201),
    )
    count, what = clients * each, f"HTTP, {clients} client{'s' * (clients > 1)}"
    per = 1e6 / count
    report.add(Line(what, "SQLite", per * seconds, "µs a payment", "trivial route", per * floors["trivial"],
                    f"{count / seconds:,.0f} a second, trivial {count / floors['trivial']:,.0f}"))  # fmt: skip
    cuts = [1e3 * cut for cut in quantiles(times, n=100)]
    report.add(Line(f"{what}, p99", "SQLite", cuts[98], "ms", "p50", cuts[49]))


def test_hundreds_in_one_request(tmp_path: Path, turns: Turns, report: Report) -> None:
    """A server that talks on as many cores as the floor has, and twice as many clients."""
    clients = 2 * CORES
    with served(SqliteDatabases(tmp_path).create(), tmp_path / "signers", CORES) as communities:
        (ledger,) = communities.ledgers

        def body() -> bytes:
            return json.dumps({"instructions": [ledger.payment().decode() for _ in range(MANY)]}).encode()

        rounds = [
            [[request(ledger.path, body(), "application/json") for _ in range(REQUESTS)] for _ in range(clients)]
            for _ in turns.numbers
        ]
        count = clients * REQUESTS * MANY
        bare = verifications(count)
        seconds, floors = turns(lambda n: load(communities.address, rounds[n], 200), bare=lambda n: bare())
    on = f"SQLite, {CORES} processes, {clients} clients"
    report.add(Line(f"HTTP, {MANY} in one request", on, 1e6 * seconds / count, "µs a payment",
                    "bare verification on all cores", 1e6 * floors["bare"] / CORES / count,
                    f"{count / seconds:,.0f} a second"))  # fmt: skip


def test_one_signature(communities: Communities, turns: Turns, report: Report) -> None:
    """Beside it as many clients as one by one is at its best with, in the same minute."""
    (ledger,) = communities.ledgers
    each = EACH[CLIENTS]
    singles = [communities.round(CLIENTS, each) for _ in turns.numbers]
    bulks = [
        [[request(ledger.path, ledger.bulk(LEGS)) for _ in range(REQUESTS)] for _ in range(2)] for _ in turns.numbers
    ]
    seconds, floors = turns(
        lambda n: load(communities.address, bulks[n], 201),
        singles=lambda n: load(communities.address, singles[n], 201),
    )
    legs = 2 * REQUESTS * LEGS
    report.add(Line(f"HTTP, one signature over {LEGS} transfers", "SQLite", 1e6 * seconds / legs, "µs a transfer",
                    f"one by one, {CLIENTS} clients", 1e6 * floors["singles"] / (CLIENTS * each),
                    f"{legs / seconds:,.0f} transfers a second"))  # fmt: skip


def test_hot_account(communities: Communities, turns: Turns, report: Report) -> None:
    each = EACH[CLIENTS]
    hot, random_pairs = ([communities.round(CLIENTS, each, hot=hot) for _ in turns.numbers] for hot in (True, False))
    seconds, floors = turns(
        lambda n: load(communities.address, hot[n], 201),
        random=lambda n: load(communities.address, random_pairs[n], 201),
    )
    per = 1e6 / (CLIENTS * each)
    report.add(Line(f"HTTP, {CLIENTS} clients, one account in all", "SQLite", per * seconds, "µs a payment",
                    "random pairs", per * floors["random"]))  # fmt: skip
