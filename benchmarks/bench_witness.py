"""What witnesses cost those who pay: the same load on two servers by turns, of which one collects cosignatures.

The witness is `comarca witness` as a process of its own, on the same cores. A round is a second long or more, so
that a round of collecting or several fall into it.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.http_load import load, request
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import WIDE
from ledger.log import checkpoint, keys
from ledger.signer.signer import Signer
from tests.territory import ORIGIN, Clock, TerritoryOfTests, seed
from tests.witness.running import Running, make_witness, running, witness

PATH = "/v1/ledgers/solana/instructions"
CLIENTS, EACH = 32, 25  # payments that a client makes in a round


class Side:
    """A served territory of members who trade."""

    def __init__(self, folder: Path, policy: str, stack: ExitStack):
        folder.mkdir()
        url = f"sqlite:///{folder / 'ledger.db'}"
        self.territory = TerritoryOfTests(url, limits=WIDE, clock=Clock(int(time.time())))
        stack.callback(self.territory.close)
        self._members, self._random = self.territory.members(200), random.Random(1)
        Signer.create_state(Path(f"{folder / 'state'}-solana"))
        command = [sys.executable, "-m", "benchmarks.http_server", url, str(folder / "state"), "1", "16", policy]
        server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(server.terminate)
        assert server.stdout is not None
        self.address = server.stdout.readline().strip()

    def rounds(self, numbers: range) -> list[list[list[bytes]]]:
        """For each round and client the requests that it sends."""
        return [[[request(PATH, self._payment()) for _ in range(EACH)] for _ in range(CLIENTS)] for _ in numbers]

    def _payment(self) -> bytes:
        payer, payee = self._random.sample(self._members, 2)
        return self.territory.transfer(payer, payee, self._random.randint(1, 1000))


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Side, Side, Running]]:
    with ExitStack() as stack:
        vkey = make_witness(tmp_path)
        log = keys.vkey(ORIGIN, keys.public_of(seed("operator")))
        seen = stack.enter_context(running(tmp_path, *witness(tmp_path, [log])))
        (tmp_path / "policy").write_text(f"log {log}\nwitness w1 {vkey} {seen.address}\nquorum w1\n")
        yield Side(tmp_path / "with", str(tmp_path / "policy"), stack), Side(tmp_path / "without", "", stack), seen


def test_collecting(sides: tuple[Side, Side, Running], turns: Turns, report: Report) -> None:
    with_witness, without, seen = sides
    product, floor = with_witness.rounds(turns.numbers), without.rounds(turns.numbers)
    seconds, floors = turns(
        lambda n: load(with_witness.address, product[n], 201),
        without=lambda n: load(without.address, floor[n], 201),
    )
    size = checkpoint.parse(Running(seen.process, with_witness.address).ask("GET", "/solana/checkpoint").body).size
    count = CLIENTS * EACH
    note = f"{count / seconds:,.0f} a second, without {count / floors['without']:,.0f}; {size:,} entries cosigned"
    report.add(Line(f"HTTP, {CLIENTS} clients, a witness asked", "SQLite", 1e6 * seconds / count, "µs a payment",
                    "no witness", 1e6 * floors["without"] / count, note))  # fmt: skip
