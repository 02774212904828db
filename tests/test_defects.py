"""When this program or its database fails: a defect fails its item alone, trouble with the database fails the whole
batch as unknown, and neither leaves half of anything behind.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from ledger.ambient.clock import ClockGuard
from ledger.core import accounts, machine
from ledger.core.accounts import Moved
from ledger.core.words import At, MovementId
from ledger.log import checkpoint
from ledger.sequencer.sequencer import Sequencer, Unsigned
from ledger.service.door import Accepted, ClockTrouble, Defect, Door
from ledger.store import database
from ledger.store.errors import Unavailable
from ledger.store.rows import Rows
from tests.invariants import Invariants
from tests.tables import dump
from tests.territory import TerritoryOfTests

MARKED = 666


@pytest.fixture
def territory(database_url: str) -> Iterator[TerritoryOfTests]:
    made = TerritoryOfTests(database_url)
    yield made
    made.close()


def whole(territory: TerritoryOfTests) -> None:
    """The log and the tables are sound."""
    Invariants(territory.store, territory.ledger_id).check(territory.door.head())


def fail_at_marked(function: Callable[..., Any], what: type[Exception] = ZeroDivisionError) -> Callable[..., Any]:
    """The function, failing where the second argument is of the marked amount."""

    def failing(state: Any, asked: Any, *rest: Any) -> Any:
        if getattr(asked, "amount", None) == MARKED:
            raise what("a defect of this program")
        return function(state, asked, *rest)

    return failing


@pytest.mark.parametrize("places", [(0,), (9,), (3, 4), (0, 5, 9), tuple(range(10))])
def test_a_defect_in_decide_fails_its_item_alone(
    territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch, places: tuple[int, ...]
) -> None:
    kind = machine.BY_KIND["transfer"]
    monkeypatch.setitem(machine.BY_RULES["1"], "transfer", kind._replace(decide=fail_at_marked(kind.decide)))
    payer, payee = territory.members(2)
    size = territory.door.head().size
    outcomes = territory.send(*(territory.transfer(payer, payee, MARKED if n in places else n + 1) for n in range(10)))
    assert [n for n, outcome in enumerate(outcomes) if outcome == Defect("ZeroDivisionError")] == list(places)
    indexes = [outcome.log_index for outcome in outcomes if isinstance(outcome, Accepted)]
    assert indexes == list(range(size, size + 10 - len(places))), "the others in their order, without gaps"
    whole(territory)


def test_a_defect_in_evolve_fails_its_item_alone(territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(machine.EVOLVE, accounts.Moved, fail_at_marked(accounts.moved))
    payer, payee = territory.members(2)
    outcomes = territory.send(*(territory.transfer(payer, payee, amount) for amount in (1, MARKED, 2)))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Defect, Accepted]
    whole(territory)


def test_the_database_states_the_limits_once_more(territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that forgot the limits meet the CHECK of the guard columns: that item fails, the others stand."""

    def lawless(state: Any, asked: Any, at: At, signers: Any) -> list[Any]:
        return [Moved(MovementId(at.id, 0), asked.payer, asked.payee, asked.amount, "trade")]

    kind = machine.BY_KIND["transfer"]
    monkeypatch.setitem(machine.BY_RULES["1"], "transfer", kind._replace(decide=lawless))
    payer, payee, other = territory.members(3)
    outcomes = territory.send(
        territory.transfer(payer, payee, 1),
        territory.transfer(other, payee, 500_001),
        territory.transfer(payee, payer, 2),
    )
    assert [type(outcome) for outcome in outcomes] == [Accepted, Defect, Accepted]
    whole(territory)


def test_money_out_of_nothing_is_never_written(territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved_one_side(state: Any, event: Any, at: Any) -> None:
        accounts.moved(state, event, at)
        if event.amount == MARKED:
            payer = state.row(accounts.ACCOUNTS, event.payer)
            state.put(accounts.ACCOUNTS, payer._replace(balance=payer.balance + 1))

    monkeypatch.setitem(machine.EVOLVE, accounts.Moved, moved_one_side)
    payer, payee = territory.members(2)
    outcomes = territory.send(territory.transfer(payer, payee, MARKED), territory.transfer(payer, payee, 1))
    assert outcomes[0] == Defect("Unbalanced")
    assert isinstance(outcomes[1], Accepted)
    whole(territory)


def test_a_defect_writes_nothing(territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = territory.members(2)
    octets = territory.transfer(payer, payee, MARKED, memo="a memo that must not stay behind")
    before = dump(territory.store)
    with monkeypatch.context() as patched:
        patched.setitem(machine.EVOLVE, accounts.Moved, fail_at_marked(accounts.moved))
        assert [type(outcome) for outcome in territory.send(octets)] == [Defect]
    assert dump(territory.store) == before
    assert [type(outcome) for outcome in territory.send(octets)] == [Accepted], "mended, the same text settles"


# --- trouble with the database


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("disk I/O error"), psycopg.OperationalError("the server is gone"),
              sqlite3.DatabaseError("database disk image is malformed"), psycopg.InterfaceError("connection closed")],
    ids=repr,
)  # fmt: skip
def test_trouble_with_the_database_is_unavailable_for_all(
    territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    payer, payee = territory.members(2)
    submissions = [territory.transfer(payer, payee, 1) for _ in range(4)]
    before, tried = dump(territory.store), []

    def fail(self: Rows, state: Any) -> None:
        tried.append(1)
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Rows, "save", fail)
        with pytest.raises(Unavailable):
            territory.send(*submissions)
    assert len(tried) == 1, "not halved and tried again"
    assert dump(territory.store) == before
    assert [type(outcome) for outcome in territory.send(*submissions)] == [Accepted] * 4
    whole(territory)


def test_a_server_that_is_gone_without_a_word_is_given_up(postgres_url: str) -> None:
    """Nobody says so but the system, which has to be asked to look."""
    territory = TerritoryOfTests(postgres_url)
    for engine in (territory.store.reads, territory.store.writes):
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            asked = driver.info.get_parameters()
            assert int(asked["tcp_user_timeout"]) <= 20_000
            assert (
                int(asked["keepalives_idle"]) + int(asked["keepalives_interval"]) * int(asked["keepalives_count"]) <= 20
            )
    territory.close()


def test_a_server_that_goes_away_in_the_middle(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    territory = TerritoryOfTests(postgres_url)
    payer, payee = territory.members(2)
    octets = territory.transfer(payer, payee, 5)
    save = Rows.save

    def killed(self: Rows, state: Any) -> None:
        pid = self.driver.execute("SELECT pg_backend_pid()").fetchone()[0]
        with territory.store.writes.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        save(self, state)

    with monkeypatch.context() as patched:
        patched.setattr(Rows, "save", killed)
        with pytest.raises(Unavailable):
            territory.send(octets)
    assert [type(outcome) for outcome in territory.send(octets)] == [Accepted]
    whole(territory)
    territory.close()


def test_a_full_disk_is_unavailable_and_loses_nothing(sqlite_url: str) -> None:
    territory = TerritoryOfTests(sqlite_url)
    payer, payee = territory.members(2)
    with territory.store.writes.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
    acknowledged, refused = 0, 0
    while refused < 3:
        octets = [territory.transfer(payer, payee, 1, memo="x" * 200) for _ in range(5)]
        try:
            acknowledged += [type(outcome) for outcome in territory.send(*octets)].count(Accepted)
        except Unavailable as error:
            assert "full" in str(error)
            refused += 1
    assert acknowledged > 0
    assert territory.door.head().size == 3 + acknowledged, "what was acknowledged is there, and nothing else"
    whole(territory)
    with territory.store.writes.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert [type(outcome) for outcome in territory.send(*octets)] == [Accepted] * 5, (
        "room was made; the same texts settle"
    )
    whole(territory)
    territory.close()


def test_a_locked_database_is_unavailable(sqlite_url: str) -> None:
    territory = TerritoryOfTests(sqlite_url)
    payer, payee = territory.members(2)
    octets = territory.transfer(payer, payee, 1)
    with territory.store.writes.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    blocker = sqlite3.connect(str(territory.store.url.database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        territory.send(octets)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert [type(outcome) for outcome in territory.send(octets)] == [Accepted]
    territory.close()


# --- the clock


@pytest.mark.parametrize(
    ("wall", "steady", "says"),
    [(-6, 0, "behind the last entry"), (3600, 0, "jumped by"), (-3, 4, "jumped by"), (0, 30, "jumped by")],
)
def test_a_clock_that_jumped_stops_writing(territory: TerritoryOfTests, wall: int, steady: int, says: str) -> None:
    payer, payee = territory.members(2)
    elapsed = [0]
    guard = ClockGuard(territory.clock, lambda: elapsed[0])
    door = Door(territory.store, territory.ledger_id, territory.clock, guard.trouble)
    item: Any = territory.verify(territory.transfer(payer, payee, 1))
    before = dump(territory.store)
    territory.clock.now += wall
    elapsed[0] += steady
    with pytest.raises(ClockTrouble, match=says):
        door.submit([item])
    assert dump(territory.store) == before
    territory.clock.now += steady - wall
    assert [type(outcome) for outcome in door.submit([item])[0]] == [Accepted], "the clock was set right"


def test_a_long_silence_needs_the_operators_word(territory: TerritoryOfTests) -> None:
    payer, payee = territory.members(2)
    territory.clock.now += 8 * 86_400
    item: Any = territory.verify(territory.transfer(payer, payee, 1))
    for said, expected in ((False, None), (True, Accepted)):
        guard = ClockGuard(territory.clock, lambda: 0, clock_is_right=said)
        door = Door(territory.store, territory.ledger_id, territory.clock, guard.trouble)
        if expected:
            assert [type(outcome) for outcome in door.submit([item])[0]] == [expected]
        else:
            with pytest.raises(ClockTrouble, match="--clock-is-right"):
                door.submit([item])


def test_a_clock_that_goes_back_a_little_writes_the_last_time_again(territory: TerritoryOfTests) -> None:
    payer, payee = territory.members(2)
    last = territory.door.head().time
    territory.clock.now -= 4
    assert [type(outcome) for outcome in territory.send(territory.transfer(payer, payee, 1))] == [Accepted]
    assert territory.door.head().time == last


# --- through the sequencer


def test_the_sequencer_answers_everyone_and_goes_on(
    territory: TerritoryOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = territory.members(2)
    items: list[Any] = [territory.verify(territory.transfer(payer, payee, 1)) for _ in range(3)]
    broken = [False]

    def sign(head: Any) -> bytes:
        if broken[0]:
            raise OSError("the key file is gone")
        return checkpoint.sign(territory.operator, territory.origin, head.size, head.root)

    def fail(self: Rows, state: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with Sequencer(territory.door, sign) as sequencer:
        with monkeypatch.context() as patched:
            patched.setattr(Rows, "save", fail)
            for future in sequencer.put(items):
                with pytest.raises(Unavailable):
                    future.result(60)
        broken[0] = True
        for future in sequencer.put(items[:1]):
            with pytest.raises(Unsigned):
                future.result(60)
        broken[0] = False
        outcomes = [future.result(60) for future in sequencer.put(items)]
    assert outcomes[0].outcome == machine.Repeat(3), "committed but unsigned: the same text later gets the receipt"
    assert [outcome.outcome for outcome in outcomes[1:]] == [Accepted(4), Accepted(5)]
    assert checkpoint.parse(outcomes[0].checkpoint).size == 6
    with pytest.raises(Unavailable, match="stopping"):
        sequencer.put(items)
    whole(territory)


def test_the_sequencer_outlives_a_defect_in_keeping_checkpoints(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    territory = TerritoryOfTests(sqlite_url)
    payer, payee = territory.members(2)
    items: list[Any] = [territory.verify(territory.transfer(payer, payee, 1)) for _ in range(2)]

    def sign(head: Any) -> bytes:
        return checkpoint.sign(territory.operator, territory.origin, head.size, head.root)

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a defect of this program")

    with Sequencer(territory.door, sign) as sequencer:
        with monkeypatch.context() as patched:
            patched.setattr(database, "save_checkpoints", fail)
            (future,) = sequencer.put(items[:1])
            with pytest.raises(ZeroDivisionError):
                future.result(60)
        (future,) = sequencer.put(items[1:])
        assert future.result(60).outcome == Accepted(3)
    assert sequencer.latest is not None
    assert checkpoint.parse(sequencer.latest).size == 4
    with territory.store.read() as connection:
        sizes = connection.execute(text("SELECT size FROM checkpoint ORDER BY size")).scalars().all()
    assert sizes == [3, 4], "every checkpoint that was signed is kept in the end"
    territory.close()


def test_what_is_queued_cannot_be_cancelled(sqlite_url: str) -> None:
    territory = TerritoryOfTests(sqlite_url)
    payer, payee = territory.members(2)
    item: Any = territory.verify(territory.transfer(payer, payee, 1))
    with Sequencer(territory.door, lambda h: checkpoint.sign(territory.operator, h.origin, h.size, h.root or b"")) as s:
        (future,) = s.put([item])
        assert not future.cancel()
        assert future.result(60).outcome == Accepted(3)
    territory.close()
