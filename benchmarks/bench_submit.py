"""`submit`, the writer's part, on both engines: batches of 1, 10, 100 and 1000 payments between 2,000 random accounts,
and bulks of 1,000 legs.

Beside it the floor, which is the same reads and rows by the raw driver; the inserts alone; and one libsodium
verification for each entry or leg. A floor above 1.6 times its inserts would flatter, so no more than that counts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.floor import floor_of, record
from benchmarks.rounds import Line, Report, Turns
from benchmarks.signatures import verifications
from benchmarks.world import Base, World
from ledger.intake.submission import Prepared

BATCHES = {1: 40, 10: 20, 100: 8, 1000: 1}  # batches a round
LEGS = 1000
FLATTERS = 1.6


@pytest.mark.parametrize("size", BATCHES)
def test_submit(base: Base, size: int, turns: Turns, report: Report) -> None:
    count = BATCHES[size]
    micros = beside_floors(base, turns, lambda world: [world.prepared(size) for _ in range(count)], size * count)
    report.add(line(f"submit, batches of {size}", base, "µs an entry", micros))
    report.add(of_verification(f"submit, batches of {size}, an entry", base, micros))


def test_bulk(base: Base, turns: Turns, report: Report) -> None:
    micros = beside_floors(base, turns, lambda world: [[world.bulk(LEGS)]], LEGS)
    report.add(line(f"submit, one bulk of {LEGS} legs", base, "µs a leg", micros))
    report.add(of_verification(f"submit, one bulk of {LEGS} legs, a leg", base, micros))


def test_hot_account(base: Base, turns: Turns, report: Report) -> None:
    """One account in every payment, beside random pairs in a twin of the ledger."""
    size = max(BATCHES)
    with base.world() as world, base.world() as twin:
        busy = world.members[0]
        rounds = [(world.prepared(size, busy), twin.prepared(size)) for _ in turns.numbers]
        seconds, floors = turns(lambda n: world.submit(rounds[n][0]), random=lambda n: twin.submit(rounds[n][1]))
    report.add(Line(f"submit, batches of {size}, one account in all", base.databases.name, 1e6 * seconds / size,
                    "µs an entry", "random pairs", 1e6 * floors["random"] / size))  # fmt: skip


def beside_floors(
    base: Base, turns: Turns, draw: Callable[[World], list[list[Prepared]]], items: int
) -> dict[str, float]:
    """Microseconds an item of submitting the batches of a round, of its floors, and of verifying one signature."""
    with base.world() as recorder, base.world() as lower, base.world() as lowest, base.world() as world:
        rounds = [draw(world) for _ in turns.numbers]
        recorded = [[record(recorder, batch) for batch in batches] for batches in rounds]
        floor, inserts, verify = floor_of(lower), floor_of(lowest), verifications(items)
        seconds, floors = turns(
            lambda n: each(world.submit, rounds[n]),
            floor=lambda n: each(floor.run, recorded[n]),
            inserts=lambda n: each(inserts.insert_only, recorded[n]),
            verify=lambda n: verify(),
        )
        floor.close()
        inserts.close()
    cpu = {f"{name} cpu": turns.cpu[name] for name in ("product", "floor", "verify")}
    return {name: 1e6 * found / items for name, found in {"submit": seconds, **floors, **cpu}.items()}


def each(run: Callable[[Any], None], batches: Sequence[Any]) -> None:
    """Run over each batch."""
    for batch in batches:
        run(batch)


def line(what: str, base: Base, unit: str, micros: dict[str, float]) -> Line:
    """The line of the table."""
    floor, inserts = micros["floor"], micros["inserts"]
    note = (
        f"raw driver {floor:.1f}, its inserts {inserts:.1f} ({floor / inserts:.2f}); by this process's CPU: "
        f"{micros['product cpu']:.1f}, raw driver {micros['floor cpu']:.1f} "
        f"({micros['floor cpu'] / micros['product cpu']:.2f})"
    )
    counted = min(floor, FLATTERS * inserts)
    return Line(what, base.databases.name, micros["submit"], unit, "raw driver, counted", counted, note)


def of_verification(what: str, base: Base, micros: dict[str, float]) -> Line:
    """The same beside one verification."""
    note = f"by this process's CPU {micros['product cpu'] / micros['verify cpu']:.2f} of one"
    return Line(what, base.databases.name, micros["submit"], "µs", "one verification", micros["verify"], note)
