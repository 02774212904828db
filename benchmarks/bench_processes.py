"""Two processes that talk with clients, beside one: on one ledger, and on eight of one database.

One more process commits and signs, however many talk (docs/architecture.md). Clients and, on PostgreSQL, the database
run on the same cores: with two of them, one process that talks leaves little for a second to take.
"""

import os
from pathlib import Path

import pytest

from benchmarks.communities import served
from benchmarks.http_load import load
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import Databases

CLIENTS, EACH = 64, 12  # payments a client makes in a round
MEMBERS = 100  # of each ledger


@pytest.mark.parametrize("ledgers", [1, 8])
def test_two_processes(databases: Databases, ledgers: int, turns: Turns, report: Report, tmp_path: Path) -> None:
    with (
        served(databases.create(), tmp_path / "two", 2, ledgers, MEMBERS) as two,
        served(databases.create(), tmp_path / "one", 1, ledgers, MEMBERS) as one,
    ):
        rounds = [(two.round(CLIENTS, EACH), one.round(CLIENTS, EACH)) for _ in turns.numbers]
        seconds, floors = turns(
            lambda n: load(two.address, rounds[n][0], 201),
            one=lambda n: load(one.address, rounds[n][1], 201),
        )
    count = CLIENTS * EACH
    on = f"{databases.name}, {ledgers} ledger{'s' * (ledgers > 1)}, {os.cpu_count()} cores with the clients"
    note = f"{count / seconds:,.0f} a second, one process {count / floors['one']:,.0f}"
    report.add(Line(f"HTTP, {CLIENTS} clients, two processes", on, 1e6 * seconds / count, "µs a payment",
                    "one process", 1e6 * floors["one"] / count, note))  # fmt: skip
