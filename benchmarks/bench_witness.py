"""What witnesses cost those who pay: the same load on two servers by turns, of which one collects cosignatures.

The witness is `comarca witness` as a process of its own, on the same cores. A round is a second long or more, so
that a round of collecting or several fall into it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.communities import Communities, served
from benchmarks.http_load import load
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import SqliteDatabases
from ledger.log import checkpoint, keys
from tests.territory import seed
from tests.witness.running import Running, make_witness, running, witness

NAME = "community-1"
CLIENTS, EACH = 32, 25  # payments that a client makes in a round


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Communities, Communities, Running]]:
    with ExitStack() as stack:
        vkey = make_witness(tmp_path)
        log = keys.vkey(f"ledger.example/{NAME}", keys.public_of(seed("operator")))
        seen = stack.enter_context(running(tmp_path, *witness(tmp_path, [log])))
        policy = tmp_path / "policy"
        policy.write_text(f"log {log}\nwitness w1 {vkey} {seen.address}\nquorum w1\n")
        databases = SqliteDatabases(tmp_path)
        with_witness = stack.enter_context(served(databases.create(), tmp_path / "with", policy=str(policy)))
        yield with_witness, stack.enter_context(served(databases.create(), tmp_path / "without")), seen


def test_collecting(sides: tuple[Communities, Communities, Running], turns: Turns, report: Report) -> None:
    with_witness, without, seen = sides
    product, floor = ([side.round(CLIENTS, EACH) for _ in turns.numbers] for side in (with_witness, without))
    seconds, floors = turns(
        lambda n: load(with_witness.address, product[n], 201),
        without=lambda n: load(without.address, floor[n], 201),
    )
    size = checkpoint.parse(Running(seen.process, with_witness.address).ask("GET", f"/{NAME}/checkpoint").body).size
    count = CLIENTS * EACH
    note = f"{count / seconds:,.0f} a second, without {count / floors['without']:,.0f}; {size:,} entries cosigned"
    report.add(Line(f"HTTP, {CLIENTS} clients, a witness asked", "SQLite", 1e6 * seconds / count, "µs a payment",
                    "no witness", 1e6 * floors["without"] / count, note))  # fmt: skip
