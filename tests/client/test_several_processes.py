"""A member's client against a real server of several processes, each of which knows checkpoints that the other does not
know yet: nothing of that is a shrunk log."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.client.admitting import Ledger
from ledger.client.member import Member, Payment, Receipt
from ledger.signer.signer import Signer
from tests.territory import Clock, TerritoryOfTests


@pytest.fixture
def territory(postgres_url: str, tmp_path: Path) -> Iterator[tuple[TerritoryOfTests, str, list[bytes]]]:
    """A territory that two processes serve, its address and its members."""
    territory = TerritoryOfTests(postgres_url, clock=Clock(int(time.time())))
    members = territory.members(3)
    Signer.create_state(tmp_path / "operator.state")
    command = [sys.executable, "-m", "tests.api.serving_process", postgres_url, str(tmp_path / "operator.state"), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield territory, process.stdout.readline().strip(), members
        process.terminate()
    territory.close()


def test_many_threads_and_two_processes(
    territory: tuple[TerritoryOfTests, str, list[bytes]], tmp_path: Path
) -> None:  # fmt: skip
    made, address, (bakery, farm, mill) = territory
    ledger = Ledger(made.origin, made.identity)
    with (
        Member(address, ledger, bakery, made.seeds[bakery], tmp_path / "memory") as first,
        Member(address, ledger, farm, made.seeds[farm], tmp_path / "memory") as second,
        ThreadPoolExecutor(6) as pool,
    ):
        paid = [pool.submit(one.pay, mill, 1) for _ in range(30) for one in (first, second)]
        many = pool.submit(second.pay_each, [Payment(mill, 1)] * 30)
        seen = [pool.submit(first.visit) for _ in range(10)]
        assert all(isinstance(one, Receipt) for one in many.result())
        assert len({one.result().log_index for one in paid}) == 60
        assert all(one.result().size >= 4 for one in seen)
        assert first.visit().size == 94 and first.seen == second.seen
        assert (first.position().balance, second.position().balance) == (-30, -60)
