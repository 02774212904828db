"""The sequencer: 1, 8 and 64 callers, each of whom waits for its outcome and the signed checkpoint before the next.

The floor is the raw driver committing batches as large as there are callers, which is the best that any gathering
could come to; it signs nothing. The signer is the real one, whose state is flushed for every checkpoint.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.floor import floor_of, record
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import Base
from ledger.intake.submission import Prepared
from ledger.sequencer.sequencer import Sequencer
from ledger.service.door import Accepted
from ledger.service.signing import signing
from ledger.signer.signer import Signer
from tests.territory import seed

EACH = {1: 40, 8: 20, 64: 8}  # payments a caller makes in a round


@pytest.mark.parametrize("callers", EACH)
def test_sequencer(base: Base, callers: int, turns: Turns, report: Report, tmp_path: Path) -> None:
    with base.world() as recorder, base.world() as lower, base.world() as world:
        rounds = [[world.prepared(callers) for _ in range(EACH[callers])] for _ in turns.numbers]
        recorded = [[record(recorder, batch) for batch in batches] for batches in rounds]
        floor = floor_of(lower)
        Signer.create_state(tmp_path / "state")
        sign = signing(Signer([seed("operator")], base.origin, tmp_path / "state"), world.store, world.ledger_id)
        with Sequencer(world.door, sign) as sequencer, ThreadPoolExecutor(callers) as threads:

            def call(payments: list[Prepared]) -> None:
                for payment in payments:
                    (future,) = sequencer.put([payment])
                    assert type(future.result().outcome) is Accepted

            seconds, floors = turns(
                lambda n: list(threads.map(call, [list(own) for own in zip(*rounds[n], strict=True)])),
                floor=lambda n: [floor.run(batch) for batch in recorded[n]],  # type: ignore[func-returns-value]
            )
        floor.close()
    items = callers * EACH[callers]
    what, note = f"sequencer, {callers} callers", f"{items / seconds:,.0f} entries a second"
    micros, least = 1e6 * seconds / items, 1e6 * floors["floor"] / items
    report.add(Line(what, base.databases.name, micros, "µs an entry", f"raw driver by {callers}", least, note))
