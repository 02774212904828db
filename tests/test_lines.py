"""Lines between the process that talks and the one that writes: in order, each its own outcome, none left waiting."""

import pickle
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any, cast

import pytest

from ledger.core.refusals import Refusal
from ledger.intake.submission import Prepared
from ledger.log import checkpoint
from ledger.sequencer import lines
from ledger.sequencer.lines import Line, Lines, listen
from ledger.sequencer.sequencer import Logged, Sequencer, Told
from ledger.service.door import Accepted, ClockTrouble
from ledger.store.errors import Unavailable
from ledger.store.log import Head, leaf_hashes
from ledger.store.rows import rows_of
from tests.territory import TerritoryOfTests

WAIT_S = 20


class Office:
    """A territory whose sequencer is reached by lines alone."""

    def __init__(self, url: str, folder: Path):
        self.territory = TerritoryOfTests(url)
        self.members = self.territory.members(2)
        self.sequencer = Sequencer(self.territory.door, self._sign)
        self.path = folder / "line"
        self.listener = listen(self.path)
        Lines(self.listener, {"solana": self.sequencer})

    def _sign(self, head: Head) -> bytes:
        assert head.root is not None
        return checkpoint.sign(self.territory.operator, head.origin, head.size, head.root)

    def payment(self, amount: int) -> Prepared:
        prepared = self.territory.door.verify(self.territory.transfer(*self.members, amount))
        assert isinstance(prepared, Prepared)
        return prepared


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path) -> Iterator[Office]:
    office = Office(sqlite_url, tmp_path)
    yield office
    office.sequencer.close()
    office.territory.close()


def test_each_gets_its_own_outcome_and_a_checkpoint_that_covers_it(office: Office) -> None:
    first, second = Line(office.path, "solana"), Line(office.path, "solana")
    size = office.territory.door.head().size
    answers = [first.put([office.payment(1), office.payment(10**9)]), second.put([office.payment(2)])]
    ((accepted, refused), (other,)) = [[future.result(WAIT_S) for future in futures] for futures in answers]
    assert isinstance(accepted.outcome, Accepted) and isinstance(other.outcome, Accepted)
    assert {accepted.outcome.log_index, other.outcome.log_index} == {size, size + 1}
    assert accepted.outcome.row is not None and accepted.outcome.row.log_index == accepted.outcome.log_index
    assert isinstance(refused.outcome, Refusal) and refused.outcome.reason == "credit_exceeded"
    assert first.latest is not None and checkpoint.parse(accepted.checkpoint).size > accepted.outcome.log_index
    first.close()
    second.close()


def test_trouble_keeps_its_words_and_its_type(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(office.path, "solana")
    monkeypatch.setattr(office.territory.door, "_trouble", lambda last: "the clock has stood still")
    (future,) = line.put([office.payment(1)])
    with pytest.raises(ClockTrouble, match="stood still"):
        future.result(WAIT_S)
    line.close()


def test_a_closed_sequencer_says_so(office: Office) -> None:
    line, item = Line(office.path, "solana"), office.payment(1)
    office.sequencer.close()
    (future,) = line.put([item])
    with pytest.raises(Unavailable, match="stopping"):
        future.result(WAIT_S)
    line.close()


def test_whoever_waits_at_a_line_that_is_cut_is_told(office: Office, tmp_path: Path) -> None:
    silent: Listener = listen(tmp_path / "silent")
    line = Line(tmp_path / "silent", "solana")
    (future,) = line.put([office.payment(1)])
    link = silent.accept()
    assert link.recv_bytes() == b"solana"
    link.close()
    with pytest.raises(Unavailable, match="has ended before it answered"):
        future.result(WAIT_S)
    (again,) = line.put([office.payment(1)])  # the next one comes by a new line
    second = silent.accept()
    assert second.recv_bytes() == b"solana" and second.recv_bytes()
    line.close()
    with pytest.raises(Unavailable):
        again.result(WAIT_S)
    silent.close()
    with pytest.raises(Unavailable, match="not there"):
        line.put([office.payment(1)])


class Slow:
    """An item that is still being packed when its line ends."""

    def __init__(self, begun: threading.Event, ended: threading.Event):
        self._begun, self._ended = begun, ended

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        self._begun.set()
        assert self._ended.wait(WAIT_S)
        return int, (7,)


def test_whoever_comes_when_a_line_ends_is_answered_by_the_next(office: Office, tmp_path: Path) -> None:
    with listen(tmp_path / "ends") as listener, ThreadPoolExecutor(1) as pool:
        line = Line(tmp_path / "ends", "solana")
        (lost,) = line.put([office.payment(1)])
        begun, ended = threading.Event(), threading.Event()
        put = pool.submit(line.put, cast(Any, [Slow(begun, ended)]))
        assert begun.wait(WAIT_S)
        listener.accept().close()
        with pytest.raises(Unavailable, match="has ended before it answered"):
            lost.result(WAIT_S)
        ended.set()
        (slow,) = put.result(WAIT_S)
        (later,) = line.put([office.payment(1)])
        second = listener.accept()
        assert second.recv_bytes() == b"solana"
        for future in (slow, later):
            ((number, _),) = pickle.loads(second.recv_bytes())
            second.send_bytes(pickle.dumps(([(number, Logged(number, b""))], Told(None, None))))
            assert future.result(WAIT_S) == Logged(number, b"")
        line.close()


def test_a_line_whose_reader_fails_is_followed_by_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    line = Line(office.path, "solana")

    def fail(first: int, leaves: Sequence[bytes]) -> None:
        line.learn = lines.unlearned
        raise ValueError("a defect")

    line.learn = fail
    (future,) = line.put([office.payment(1)])
    with pytest.raises(Unavailable, match="has ended before it answered"):
        future.result(WAIT_S)
    (again,) = line.put([office.payment(2)])
    assert isinstance(again.result(WAIT_S).outcome, Accepted)
    line.close()


def test_whoever_does_not_answer_is_said_to_be_stuck(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "SILENT_S", 1.0)
    good = Line(office.path, "solana")
    assert good.ask() is None
    good.close()
    silent: Listener = listen(tmp_path / "stuck")  # it takes lines, and never reads
    line = Line(tmp_path / "stuck", "solana")
    assert line.ask() == "the process that writes does not answer"
    item = office.payment(1)
    futures = [future for _ in range(1500) for future in line.put([item])]  # more than a socket holds
    with pytest.raises(Unavailable):
        futures[0].result(WAIT_S)
    line.close()
    silent.close()


def test_outcomes_are_finished_together_and_leaves_learnt_before(office: Office) -> None:
    line, learnt, together = Line(office.path, "solana"), [], []

    def finish(logged: Sequence[tuple[Prepared, Logged]]) -> list[bytes]:
        assert learnt
        together.append(len(logged))
        return [item.instruction.id for item, _ in logged]

    line.learn, line.finish = lambda first, leaves: learnt.append((first, list(leaves))), finish
    size, items = office.territory.door.head().size, [office.payment(n) for n in (1, 10**9, 2)]
    assert [one.result(WAIT_S) for one in line.put(items)] == [item.instruction.id for item in items]
    assert together == [3]
    ((first, leaves),) = [one for one in learnt if one[1]]
    with office.territory.store.read() as connection:
        assert (first, leaves) == (size, leaf_hashes(rows_of(connection, office.territory.ledger_id), size, size + 2))
    line.close()


def test_whoever_waits_gets_the_outcome_where_nothing_can_be_made_of_it(office: Office) -> None:
    line = Line(office.path, "solana")

    def fail(logged: Sequence[tuple[Prepared, Logged]]) -> list[bytes]:
        raise ValueError("a defect")

    line.finish = fail
    for _ in range(2):
        (future,) = line.put([office.payment(1)])
        assert isinstance(future.result(WAIT_S).outcome, Accepted)
    line.close()
