"""Movements and their totals: whatever filter, they are what filtering the whole list by hand gives."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update

from ledger.core.accounts import MOVEMENTS, Movement
from ledger.core.transfers import Leg
from ledger.core.words import AccountId
from ledger.store import movements, schema
from ledger.store.movements import Filter
from ledger.store.queries import Place
from tests.territory import TerritoryOfTests

TABLE = schema.PROJECTIONS[MOVEMENTS]
RICH = '{"commercial":[-1000000000000000,1000000000000000],"personal":[-10000,20000]}'
WEEK = 7 * 86_400


class Market(TerritoryOfTests):
    """Four members of two classes who have traded for half a year."""

    def __init__(self, url: str):
        super().__init__(url, RICH)
        self.traders = [*self.members(3), *self.members(1, "personal", first=3)]
        self.classes = dict(zip(self.traders, ["commercial"] * 3 + ["personal"], strict=True))
        for n in range(40):
            self.clock.now += WEEK * (n % 3) // 2
            payer, payee = self.traders[n % 4], self.traders[(n + 1 + n % 3) % 4]
            purpose = (None, "SUPP", "RENT")[n % 3]
            self.accepted(self.transfer(payer, payee, 1 + n * n % 17, purpose=purpose))
            if n % 9 == 0:
                legs = [Leg(AccountId(one), 1 + leg, "SALA") for leg, one in enumerate(self.traders[1:3])]
                self.accepted(self.transfer_many(self.traders[0], legs))
        self.kinds_to_come()
        self.all = [*self.page(Filter(), 10_000)]

    def kinds_to_come(self) -> None:
        """Some are of kinds that no instruction makes yet."""
        with self.store.writing() as connection:
            for kind, fourth in (("fee", 1), ("reversal", 2)):
                connection.execute(update(TABLE).where(TABLE.c.log_index % 4 == fourth).values(kind=kind))

    def page(self, wanted: Filter, limit: int, after: Place | None = None) -> list[Movement]:
        return movements.movements(self.store, self.ledger_id, wanted, after, limit)

    def pages(self, wanted: Filter, limit: int) -> Iterator[list[Movement]]:
        place = None
        while found := self.page(wanted, limit, place):
            yield found
            place = Place(found[-1].log_index, found[-1].n)

    def by_hand(self, wanted: Filter) -> list[Movement]:
        return [one for one in self.all if self.fits(one, wanted)]

    def fits(self, one: Movement, wanted: Filter) -> bool:
        sides = (one.payer, one.payee)
        return (
            (wanted.start is None or wanted.start <= one.time)
            and (wanted.end is None or one.time < wanted.end)
            and (wanted.min_amount is None or wanted.min_amount <= one.amount)
            and (wanted.max_amount is None or one.amount <= wanted.max_amount)
            and (wanted.account is None or wanted.account in sides)
            and (wanted.class_ is None or wanted.class_ in map(self.classes.get, sides))
            and all(getattr(wanted, name) in (None, getattr(one, name))
                    for name in ("kind", "purpose", "payer", "payee"))
        )  # fmt: skip

    def group(self, one: Movement, by: set[str]) -> tuple[Any, ...]:
        moment = datetime.fromtimestamp(one.time + 3600, UTC)
        classes = (self.classes[one.payer], self.classes[one.payee]) if "class" in by else (None, None)
        month = moment.year * 12 + moment.month - 1 if "month" in by else None
        return month, one.kind if "kind" in by else None, *classes


@pytest.fixture
def market(database_url: str) -> Iterator[Market]:
    market = Market(database_url)
    yield market
    market.close()


def filters(market: Market) -> st.SearchStrategy[Filter]:
    """Filters of any of the fields, with values that occur and some that do not."""
    times = st.sampled_from([one.time + off for one in market.all[::5] for off in (-1, 0, 1)])
    account = st.sampled_from([*market.traders, market.common["fees"], b"\0" * 16])
    amount = st.integers(0, 18)
    values = {
        "kind": st.sampled_from(["trade", "fee", "reversal", "gift"]), "start": times, "end": times,
        "account": account, "payer": account, "payee": account, "min_amount": amount, "max_amount": amount,
        "purpose": st.sampled_from(["SUPP", "RENT", "SALA", "GOVT"]),
        "class_": st.sampled_from(["commercial", "personal", "public"]),
    }  # fmt: skip
    return st.fixed_dictionaries({}, optional=values).map(lambda given: Filter(**given))  # type: ignore[arg-type]


def test_filters_mean_the_same_as_filtering_by_hand(market: Market) -> None:
    assert len(market.all) == 50 and {one.kind for one in market.all} == {"trade", "fee", "reversal"}
    places = [(one.log_index, one.n) for one in market.all]
    assert places == sorted(places, reverse=True)

    @settings(max_examples=80)
    @given(filters(market), st.integers(1, 12))
    def check(wanted: Filter, limit: int) -> None:
        pages = list(market.pages(wanted, limit))
        assert [one for page in pages for one in page] == market.by_hand(wanted)
        assert all(len(page) == limit for page in pages[:-1])

    check()


def test_totals_are_what_adding_up_by_hand_gives(market: Market) -> None:
    @settings(max_examples=60)
    @given(filters(market), st.sets(st.sampled_from(["month", "kind", "class"])))
    def check(wanted: Filter, by: set[str]) -> None:
        number: Counter[tuple[Any, ...]] = Counter()
        amount: Counter[tuple[Any, ...]] = Counter()
        for one in market.by_hand(wanted):
            number[market.group(one, by)] += 1
            amount[market.group(one, by)] += one.amount
        found = movements.totals(market.store, market.ledger_id, wanted, by)
        assert {tuple(group[:4]): group[4:] for group in found.groups} == {
            key: (number[key], amount[key]) for key in number
        }
        assert len(found.groups) == len(number) and found.log_size == market.door.head().size

    check()


def test_a_sum_beyond_what_a_database_adds(market: Market) -> None:
    """Each row has an amount that the ledger allows; their sum is more than 2^63."""
    with market.store.writing() as connection:
        connection.execute(TABLE.delete())
        one = market.all[0]
        rows = [one._replace(n=n, amount=10**15 - n)._asdict() | {"ledger_id": market.ledger_id} for n in range(10_000)]
        connection.execute(TABLE.insert(), rows)
    (group,) = movements.totals(market.store, market.ledger_id, Filter(), ["kind"]).groups
    assert group.amount == sum(10**15 - n for n in range(10_000)) > 2**63


def plans(market: Market, wanted: Filter) -> list[str]:
    """How SQLite says that it goes about a page."""
    asked: list[tuple[str, Any]] = []

    def heard(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(market.store.reads, "before_cursor_execute", heard)
    try:
        market.page(wanted, 51)
    finally:
        event.remove(market.store.reads, "before_cursor_execute", heard)
    statement, parameters = asked[-1]
    with market.store.read() as connection:
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("wanted", [
    Filter(), Filter(kind="gift"), Filter(min_amount=10**6), Filter(purpose="GOVT"), Filter(start=0, end=2**40),
    Filter(kind="fee", purpose="RENT", min_amount=5, max_amount=6),
])  # fmt: skip
def test_what_a_filter_leaves_out_is_never_fetched(sqlite_url: str, wanted: Filter) -> None:
    """One index has all that is compared, in the order of the list."""
    market = Market(sqlite_url)
    plan = plans(market, wanted)
    assert any("USING COVERING INDEX movement_log_index_id_n_kind_amount_purpose" in line for line in plan), plan
    assert sum("USE TEMP B-TREE" in line for line in plan) == 0, plan
    market.close()


def test_an_accounts_movements_are_found_by_its_index(sqlite_url: str) -> None:
    market = Market(sqlite_url)
    for wanted, index in ((Filter(payer=market.traders[0]), "payer"), (Filter(account=market.traders[0]), "payee")):
        assert any(f"INDEX movement_{index}_log_index" in line for line in plans(market, wanted))
    market.close()
