"""The clock is believed, or not, for reasons in words."""

import pytest

from ledger.ambient.clock import ClockGuard, boot_time

DAY = 86_400
NOON = 1_795_600_000


class Clocks:
    """A clock that anybody may set, and one that nobody sets."""

    def __init__(self) -> None:
        self.wall, self.steady = float(NOON), 1000.0

    def guard(self, clock_is_right: bool = False) -> ClockGuard:
        return ClockGuard(lambda: self.wall, lambda: self.steady, clock_is_right)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.mark.parametrize("last", [None, 0])
def test_an_empty_log_knows_nothing_of_time(clocks: Clocks, last: int | None) -> None:
    assert clocks.guard().trouble(last) is None


@pytest.mark.parametrize(("behind", "well"), [(-60, True), (0, True), (5, True), (6, False), (DAY, False)])
def test_behind_the_last_entry(clocks: Clocks, behind: int, well: bool) -> None:
    trouble = clocks.guard().trouble(NOON + behind)
    assert (trouble is None) == well
    assert well or f"{behind} s behind the last entry" in str(trouble)


def test_no_word_of_the_operator_helps_a_clock_that_is_behind(clocks: Clocks) -> None:
    assert clocks.guard(clock_is_right=True).trouble(NOON + 6) is not None


@pytest.mark.parametrize(("jump", "well"), [(5, True), (-5, True), (6, False), (-6, False), (3600, False)])
def test_a_jump_against_the_steady_clock(clocks: Clocks, jump: int, well: bool) -> None:
    guard = clocks.guard(clock_is_right=True)
    clocks.pass_by(3600)
    assert guard.trouble(NOON) is None
    clocks.wall += jump
    trouble = guard.trouble(NOON)
    assert (trouble is None) == well
    assert well or f"jumped by {jump:+d} s" in str(trouble)


def test_set_right_again_it_is_believed_again(clocks: Clocks) -> None:
    guard = clocks.guard()
    clocks.wall += 60
    assert guard.trouble(NOON) is not None
    clocks.wall -= 60
    assert guard.trouble(NOON) is None


@pytest.mark.parametrize(("days", "well"), [(6.9, True), (7, True), (7.1, False), (400, False)])
def test_a_start_long_after_the_last_entry(clocks: Clocks, days: float, well: bool) -> None:
    last = NOON - int(days * DAY)
    trouble = clocks.guard().trouble(last)
    assert (trouble is None) == well
    assert well or "--clock-is-right" in str(trouble)
    assert clocks.guard(clock_is_right=True).trouble(last) is None


def test_a_service_that_waits_long_for_an_entry_is_no_start(clocks: Clocks) -> None:
    guard = clocks.guard()
    assert guard.trouble(NOON - DAY) is None
    clocks.pass_by(30 * DAY)
    assert guard.trouble(NOON - DAY) is None


def test_doubt_at_the_start_does_not_pass_with_time(clocks: Clocks) -> None:
    guard = clocks.guard()
    for _ in range(3):
        assert guard.trouble(NOON - 8 * DAY) is not None
        clocks.pass_by(DAY)


def test_the_machine_has_a_steady_clock() -> None:
    assert 0 < boot_time() <= boot_time()
    assert ClockGuard().trouble(None) is None
