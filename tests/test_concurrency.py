"""Several processes and many threads write to one ledger at once, and the result is exact and gapless."""

import base64
import json
import random
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.core import machine
from ledger.core.keys import LOGGED, Logged
from ledger.core.refusals import Refusal
from ledger.core.words import At
from ledger.log import checkpoint
from ledger.sequencer.sequencer import Sequencer
from ledger.service.door import Accepted
from ledger.store.log import Head
from tests.core.book import WholeState
from tests.invariants import Invariants
from tests.memory import replay, rows_of_state
from tests.tables import entries, projected
from tests.territory import TerritoryOfTests
from tests.writing_process import spoken

ROOT = Path(__file__).parent.parent
TIGHT = '{"commercial":[-30,30]}'


class Batch(NamedTuple):
    """What a process sent at once, and what it was told: the head's size after it, an outcome an item."""

    process: int
    submissions: list[bytes]
    size: int
    outcomes: list[list[Any]]


def write_at_once(territory: TerritoryOfTests, folder: Path, plans: list[list[list[bytes]]]) -> list[Batch]:
    """Run a process a plan, all together; what each of their batches came to."""
    go, children, answers = folder / "go", [], []
    for number, plan in enumerate(plans):
        sent, answer = folder / f"sent-{number}", folder / f"answers-{number}"
        lines = [json.dumps([base64.b64encode(item).decode() for item in batch]) for batch in plan]
        sent.write_text("\n".join(lines), encoding="utf-8")
        arguments = [territory.store.url.render_as_string(hide_password=False), str(territory.ledger_id), str(sent),
                     str(answer), str(go), str(territory.clock.now)]  # fmt: skip
        children.append(subprocess.Popen([sys.executable, "-m", "tests.writing_process", *arguments], cwd=ROOT))
        answers.append(answer)
    try:
        while not all(Path(f"{answer}.ready").exists() for answer in answers):
            assert all(child.poll() is None for child in children), "a writing process ended before it began"
            time.sleep(0.01)
        go.touch()
        assert [child.wait(timeout=120) for child in children] == [0] * len(children)
    finally:
        for child in children:
            child.kill()
            child.wait()
    return [
        Batch(process, batch, *json.loads(line))
        for process, (plan, answer) in enumerate(zip(plans, answers, strict=True))
        for batch, line in zip(plan, answer.read_text(encoding="utf-8").splitlines(), strict=True)
    ]


def judge_again(territory: TerritoryOfTests, batches: list[Batch], start: int) -> None:
    """Decide every item once more, at the very place in the log where its process was answered: refusals too."""
    log = entries(territory.store, territory.ledger_id)
    times = [row.time for row in log]
    state, size = replay(log[:start]), start
    for row in log[:start]:
        state.rows[LOGGED][row.id] = Logged(row.id, row.log_index, row.text_hash, row.kind, row.time)  # type: ignore[arg-type]
    # A batch without an entry was decided on the size it was told; it goes after the one that made that size.
    for batch in sorted(batches, key=lambda b: (b.size, not _accepted(b))):
        for octets, outcome in zip(batch.submissions, batch.outcomes, strict=True):
            size += judge(territory, state, size, times, octets, outcome)
        assert size == batch.size
    assert size == len(log), "no entry that nobody was told of"
    assert rows_of_state(state) == projected(territory.store, territory.ledger_id)


def _accepted(batch: Batch) -> bool:
    return any(name == "accepted" for name, _ in batch.outcomes)


def judge(
    territory: TerritoryOfTests, state: WholeState, size: int, times: list[int], octets: bytes, told: list[Any]
) -> int:
    """Decide one item at this log size; 1 if it is accepted."""
    prepared = territory.verify(octets)
    assert not isinstance(prepared, Refusal)
    at = At(size, times[size] if size < len(times) else times[-1], prepared.instruction.id)
    outcome = machine.decide(state, prepared.instruction, at)
    if not isinstance(outcome, list):
        assert spoken(outcome) == told
        return 0
    assert told == ["accepted", size]
    for event in outcome:
        machine.evolve(state, event, at)
    instruction = prepared.instruction
    state.rows[LOGGED][at.id] = Logged(at.id, size, instruction.text_hash, instruction.kind, at.time)
    return 1


def test_four_processes_with_tight_limits(postgres_url: str, tmp_path: Path) -> None:
    territory = TerritoryOfTests(postgres_url, limits=TIGHT)
    members = territory.members(8)
    start = territory.door.head().size
    chance = random.Random(11)
    shared = [payment(territory, chance, members) for _ in range(10)]
    plans = []
    for _ in range(4):
        items = [payment(territory, chance, members) for _ in range(110)] + shared
        chance.shuffle(items)
        plans.append([items[n : n + 4] for n in range(0, len(items), 4)])
    batches = write_at_once(territory, tmp_path, plans)
    told = [outcome for batch in batches for outcome in batch.outcomes]
    accepted = sorted(index for name, index in told if name == "accepted")
    assert accepted == list(range(start, territory.door.head().size)), "exact and gapless"
    assert sum(name == "refused" for name, _ in told) >= 0.3 * len(told)
    assert {name for name, _ in told} == {"accepted", "repeat", "refused"}
    assert {reason for name, reason in told if name == "refused"} == {"credit_exceeded", "payee_cannot_receive"}
    judge_again(territory, batches, start)
    order = [batch.process for batch in sorted(batches, key=lambda b: b.size) if _accepted(batch)]
    assert sum(one != next_one for one, next_one in pairwise(order)) > 3, "they did write at the same time"
    Invariants(territory.store, territory.ledger_id).check(territory.door.head())
    territory.close()


def payment(territory: TerritoryOfTests, chance: random.Random, members: list[bytes]) -> bytes:
    """Between two of the members, in either direction."""
    payer, payee = chance.sample(members, 2)
    return territory.transfer(payer, payee, chance.randint(8, 30))


def test_two_processes_race_for_the_last_credit(postgres_url: str, tmp_path: Path) -> None:
    territory = TerritoryOfTests(postgres_url, limits=TIGHT)
    members = territory.members(20)
    pairs = list(zip(members[::2], members[1::2], strict=True))
    start = territory.door.head().size
    plans = [[[territory.transfer(payer, payee, 30)] for payer, payee in pairs] for _ in range(2)]
    batches = write_at_once(territory, tmp_path, plans)
    for one, other in zip(batches[: len(pairs)], batches[len(pairs) :], strict=True):
        assert sorted(name for (name, _) in one.outcomes + other.outcomes) == ["accepted", "refused"]
    judge_again(territory, batches, start)
    territory.close()


# --- threads through one sequencer


def sign_with(territory: TerritoryOfTests) -> Any:
    """A signer without a state of its own."""

    def sign(head: Head) -> bytes:
        assert head.root is not None
        return checkpoint.sign(territory.operator, territory.origin, head.size, head.root)

    return sign


def test_threads_through_one_sequencer(database_url: str) -> None:
    territory = TerritoryOfTests(database_url, limits=TIGHT)
    members = territory.members(6)
    start = territory.door.head().size
    chance = random.Random(5)
    plans = [[payment(territory, chance, members) for _ in range(15)] for _ in range(6)]
    answers: list[tuple[Any, bytes]] = []

    def call(plan: list[bytes]) -> None:
        for octets in plan:
            item = territory.verify(octets)
            assert not isinstance(item, Refusal)
            (future,) = sequencer.put([item])
            answers.append(future.result(60))

    with Sequencer(territory.door, sign_with(territory), most=4) as sequencer:
        threads = [threading.Thread(target=call, args=(plan,)) for plan in plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 90
    accepted = sorted(outcome.log_index for outcome, _ in answers if isinstance(outcome, Accepted))
    assert accepted == list(range(start, territory.door.head().size))
    public = territory.genesis_form(TIGHT).operator
    for outcome, note in answers:
        covered = checkpoint.verify(note, territory.origin, public)
        if isinstance(outcome, Accepted):
            assert covered.size > outcome.log_index, "an answer comes with a checkpoint that covers its entry"
    Invariants(territory.store, territory.ledger_id).check(territory.door.head())
    territory.close()


@pytest.mark.parametrize("most", [1, 3])
def test_a_batch_is_never_larger_than_most(sqlite_url: str, most: int) -> None:
    territory = TerritoryOfTests(sqlite_url)
    payer, payee = territory.members(2)
    sizes: list[int] = []
    submit = territory.door.submit

    def watched(batch: Any, checkpoints: Any = ()) -> Any:
        sizes.append(len(batch))
        return submit(batch, checkpoints)

    territory.door.submit = watched  # type: ignore[method-assign]
    items: list[Any] = [territory.verify(territory.transfer(payer, payee, 1)) for _ in range(7)]
    with Sequencer(territory.door, sign_with(territory), most=most) as sequencer:
        outcomes = [future.result(60).outcome for future in sequencer.put(items)]
    assert outcomes == [Accepted(n) for n in range(3, 10)]
    assert max(sizes) <= most
    territory.close()
