"""Movements: lists of them, newest first, and what they come to.

One index has all that a filter compares, in the order of the log, so that a filter which finds little reads this alone
and no rows; two more have whose the movements are.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS, MOVEMENTS, Movement
from ledger.core.days import day_of, month_of
from ledger.core.ledgers import LEDGER
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import read_head
from ledger.store.queries import Place, first_index, index_where, time_at
from ledger.store.sums import sum_of, whole

MOVED, OPENED = schema.PROJECTIONS[MOVEMENTS], schema.PROJECTIONS[ACCOUNTS]


class Filter(NamedTuple):
    """Which movements; None leaves it open. `start <= time < end` in Unix seconds, `min_amount <= amount <= max_amount`
    in minor units; `account` is payer or payee, and so is some account of the class."""

    kind: str | None = None
    start: int | None = None
    end: int | None = None
    account: bytes | None = None
    payer: bytes | None = None
    payee: bytes | None = None
    purpose: str | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    class_: str | None = None


class Group(NamedTuple):
    """Movements that are alike in what was asked for, the rest being None: how many, and the sum of their amounts.
    `month` counts since January of the year 0, on the ledger's calendar."""

    month: int | None
    kind: str | None
    payer_class: str | None
    payee_class: str | None
    number: int
    amount: int


class Totals(NamedTuple):
    """What movements come to, in the log of this size."""

    log_size: int
    groups: tuple[Group, ...]


def movements(store: Store, ledger_id: int, wanted: Filter, after: Place | None, limit: int) -> list[Movement]:
    """At most `limit` movements, newest first, from after a place on.

    A page is found by its place and not by counting, so pages neither tear nor repeat while others write.
    """
    with store.read() as connection:
        conditions = _conditions(connection, ledger_id, wanted)
        if after is not None:
            index, n = MOVED.c.log_index, MOVED.c.n
            conditions.append(and_(index <= after.log_index, or_(index < after.log_index, n < after.n)))
        found: list[Movement] = []
        for side in _sides(wanted):  # nobody pays itself, so no movement stands in both
            found += _page(connection, ledger_id, [*conditions, *side], limit)
    return sorted(found, key=lambda movement: (movement.log_index, movement.n), reverse=True)[:limit]


def _page(connection: Connection, ledger_id: int, conditions: list[ColumnElement[bool]], limit: int) -> list[Movement]:
    """First which, by an index alone, then their rows. An entry has one id, which stands in the order as it does in
    each index."""
    order = (MOVED.c.log_index.desc(), MOVED.c.id.desc(), MOVED.c.n.desc())
    which = select(MOVED.c.id, MOVED.c.n).where(*conditions).order_by(*order).limit(limit).subquery()
    row = MOVED.alias()
    found = select(row).where(row.c.ledger_id == ledger_id, row.c.id == which.c.id, row.c.n == which.c.n)
    return [Movement(*one[1:]) for one in connection.execute(found)]


def _sides(wanted: Filter) -> list[list[ColumnElement[bool]]]:
    """The two ways in which an account has a part, each of which has its index; or one of no condition."""
    if wanted.account is None:
        return [[]]
    return [[MOVED.c.payer == wanted.account], [MOVED.c.payee == wanted.account]]


def _conditions(connection: Connection, ledger_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """All of a filter but the account. Times are turned into log indexes, which have an index."""
    table = MOVED.c
    equal = ("kind", "payer", "payee", "purpose")
    found = [table.ledger_id == ledger_id]
    found += [table[name] == value for name in equal if (value := getattr(wanted, name)) is not None]
    if wanted.min_amount is not None:
        found.append(table.amount >= wanted.min_amount)
    if wanted.max_amount is not None:
        found.append(table.amount <= wanted.max_amount)
    if wanted.start is not None:
        found.append(table.log_index >= first_index(connection, ledger_id, wanted.start))
    if wanted.end is not None:
        found.append(table.log_index < first_index(connection, ledger_id, wanted.end))
    if wanted.class_ is not None:
        of_class = select(OPENED.c.id).where(OPENED.c.ledger_id == ledger_id, OPENED.c["class"] == wanted.class_)
        found.append(or_(table.payer.in_(of_class), table.payee.in_(of_class)))
    return found


# --- what they come to


def totals(store: Store, ledger_id: int, wanted: Filter, by: Collection[str]) -> Totals:
    """How many, and the sum of their amounts, for each `kind`, `class` (of the payer's account and of the payee's),
    `month`, or any of these together. Raises Unavailable."""
    with store.read() as connection:
        size = read_head(connection, ledger_id).size
        conditions = _conditions(connection, ledger_id, wanted)
        months = _months(connection, ledger_id, size, wanted) if "month" in by else [(None, 0, size)]
        found: dict[tuple[Any, ...], tuple[int, int]] = {}
        for month, first, end in months:
            within = [*conditions, MOVED.c.log_index >= first, MOVED.c.log_index < end]
            for side in _sides(wanted):
                for *key, count, high, low in _sums(connection, ledger_id, [*within, *side], by):
                    old_count, old_sum = found.get((month, *key), (0, 0))
                    found[month, *key] = old_count + count, old_sum + whole(high, low)
    in_order = sorted(found.items(), key=lambda item: [(value is not None, value) for value in item[0]])
    return Totals(size, tuple(Group._make((*key, *sums)) for key, sums in in_order))


def _sums(
    connection: Connection, ledger_id: int, conditions: list[ColumnElement[bool]], by: Collection[str]
) -> Iterator[tuple[Any, ...]]:
    """Kind, class of the payer's account and of the payee's, count, the two parts of the sum."""
    kind = [MOVED.c.kind] if "kind" in by else []
    classes: list[Any] = []
    joined: Any = MOVED
    for side in ("payer", "payee") if "class" in by else ():
        account = OPENED.alias(side)
        classes.append(account.c["class"].label(side))
        joined = joined.join(account, and_(account.c.ledger_id == ledger_id, account.c.id == MOVED.c[side]))
    sums = (func.count(), *sum_of(MOVED.c.amount))
    wanted = select(*kind, *classes, *sums).select_from(joined).where(*conditions).group_by(*kind, *classes)
    for row in connection.execute(wanted):
        if row[-3]:  # without groups there is a row of nothing
            yield (row[0] if kind else None, *(row[-5:-3] if classes else (None, None)), *row[-3:])


def _months(connection: Connection, ledger_id: int, size: int, wanted: Filter) -> Iterator[tuple[int, int, int]]:
    """Each month in which something was logged that the filter's times allow: it, and the log indexes of its first
    entry and of the first after it. By halves, as times never run backwards."""
    offset = select(schema.PROJECTIONS[LEDGER].c.utc_offset).where(schema.PROJECTIONS[LEDGER].c.ledger_id == ledger_id)
    utc_offset = connection.execute(offset).scalar_one()
    first = 0 if wanted.start is None else first_index(connection, ledger_id, wanted.start)
    last = size if wanted.end is None else first_index(connection, ledger_id, wanted.end)

    def month(time: int) -> int:
        return month_of(day_of(time, utc_offset))

    while first < last:
        this = month(time_at(connection, ledger_id, first))
        after = index_where(connection, ledger_id, this + 1, month)
        yield this, first, after
        first = after
