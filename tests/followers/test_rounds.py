"""Rounds: all witnesses are shown the same checkpoint at a time, and nobody waits for one that rests."""

import pytest

from ledger.followers.collecting import PAUSE_S, ROUND_S, Rounds
from ledger.log import keys, policy
from ledger.log.keys import COSIGNER
from tests.territory import seed


class Log:
    """A log that grows and a clock that a test moves."""

    def __init__(self) -> None:
        self.size, self.now, self.asked = 1, 100.0, 0

    def latest(self) -> tuple[int, bytes]:
        self.asked += 1
        return self.size, b"note"

    def rounds(self, quorum: str = "quorum none", names: str = "abc") -> Rounds:
        witnesses = (f"witness {n} {keys.vkey(n, keys.public_of(seed(n)), COSIGNER)}\n" for n in names)
        asked = policy.parse(f"{''.join(witnesses)}{quorum}\n".encode())
        return Rounds(frozenset(names), asked, self.latest, lambda: self.now)

    def grow(self, seconds: float = PAUSE_S) -> None:
        self.size, self.now = self.size + 10, self.now + seconds


def size(rounds: Rounds) -> int:
    found = rounds.target()
    assert found is not None
    return found[0]


ALL = "group q all a b c\nquorum q"
TWO = "group q 2 a b c\nquorum q"


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_round_waits_for_all_who_do_not_rest(log: Log) -> None:
    rounds = log.rounds(ALL)
    assert size(rounds) == 1
    log.grow()
    for name in "ab":
        rounds.answered(name, 1, True)
        assert size(rounds) == 1
    rounds.rests("c")
    assert size(rounds) == 11
    log.grow()
    rounds.answered("a", 11, True)
    rounds.answered("b", 11, False)
    assert size(rounds) == 21  # nobody waits for c
    rounds.answered("c", 11, True)  # which is back, and answers late
    log.grow()
    assert size(rounds) == 21
    for name in "abc":
        rounds.answered(name, 21, True)
    assert size(rounds) == 31


def test_a_quorum_ends_a_round_that_somebody_is_slow_in(log: Log) -> None:
    rounds = log.rounds(TWO)
    assert size(rounds) == 1
    rounds.answered("a", 1, True)
    log.grow()
    assert size(rounds) == 1
    rounds.answered("b", 1, True)
    assert size(rounds) == 11


def test_no_round_is_for_ever(log: Log) -> None:
    rounds = log.rounds(ALL)
    assert size(rounds) == 1
    log.grow(ROUND_S - 1)
    assert size(rounds) == 1
    log.grow(2)
    assert size(rounds) == 21


def test_the_newest_is_looked_for_once_a_pause(log: Log) -> None:
    rounds = log.rounds()
    for _ in range(50):
        assert size(rounds) == 1
        log.now += PAUSE_S / 10
    assert log.asked in (5, 6)


def test_a_log_that_does_not_grow_is_shown_again_to_nobody(log: Log) -> None:
    rounds = log.rounds()
    assert size(rounds) == 1
    log.now += 100
    assert size(rounds) == 1
