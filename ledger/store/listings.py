"""Lists over a whole ledger: members with their accounts, registered holders; and what all balances come to."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select

from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.holders import HOLDERS, Holder
from ledger.core.members import MEMBERS, Member
from ledger.log import salted
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import read_head
from ledger.store.queries import Place
from ledger.store.sums import sum_of, whole


class MemberFilter(NamedTuple):
    """Which members; None leaves it open. `class_` and `status` are those of an account, and of one where both are
    given."""

    kind: str | None = None
    place: str | None = None
    inside: bool | None = None
    sse: bool | None = None
    sector: str | None = None
    class_: str | None = None
    status: str | None = None


class Listed(NamedTuple):
    """A member, what its profile says (None where none is kept), its accounts in the order they were opened."""

    member: Member
    profile: str | None
    accounts: tuple[Account, ...]


def list_members(store: Store, ledger_id: int, wanted: MemberFilter, after: Place | None, limit: int) -> list[Listed]:
    """At most `limit` members in the order of admission, each by an entry of its own, from after a place on. Raises
    Unavailable."""
    table, accounts, profiles = schema.PROJECTIONS[MEMBERS], schema.PROJECTIONS[ACCOUNTS], schema.profile
    query = select(table).where(table.c.ledger_id == ledger_id, *_conditions(ledger_id, wanted))
    if after is not None:
        query = query.where(table.c.admitted > after.log_index)
    with store.read() as connection:
        found = [Member(*row[1:]) for row in connection.execute(query.order_by(table.c.admitted).limit(limit))]
        ids = [member.id for member in found]
        owned: dict[bytes, list[Account]] = {id: [] for id in ids}
        theirs = select(accounts).where(accounts.c.ledger_id == ledger_id, accounts.c.member.in_(ids))
        for row in connection.execute(theirs.order_by(accounts.c.opened, accounts.c.id)):
            owned[bytes(row.member)].append(Account(*row[1:]))
        kept = select(profiles.c.member, profiles.c.line)
        lines = connection.execute(kept.where(profiles.c.ledger_id == ledger_id, profiles.c.member.in_(ids)))
        said = {bytes(member): salted.parse_free_text(bytes(line)) for member, line in lines}
    return [Listed(member, said.get(member.id), tuple(owned[member.id])) for member in found]


def _conditions(ledger_id: int, wanted: MemberFilter) -> Iterator[ColumnElement[bool]]:
    table, accounts = schema.PROJECTIONS[MEMBERS], schema.PROJECTIONS[ACCOUNTS]
    for name in ("kind", "place", "inside", "sse", "sector"):
        if (value := getattr(wanted, name)) is not None:
            yield table.c[name] == (int(value) if isinstance(value, bool) else value)
    of_account = {"class": wanted.class_, "status": wanted.status}
    asked = [accounts.c[name] == value for name, value in of_account.items() if value is not None]
    if asked:
        own = select(accounts.c.id).where(accounts.c.ledger_id == ledger_id, accounts.c.member == table.c.id, *asked)
        yield own.exists()


class Registered(NamedTuple):
    """A registered holder, and what its profile says, if one is kept."""

    holder: Holder
    profile: str | None


def list_holders(store: Store, ledger_id: int, after: Place | None, limit: int) -> list[Registered]:
    """At most `limit` registered holders in the order of registration, each by an entry of its own, from after a place
    on. Raises Unavailable."""
    holders, profiles = schema.PROJECTIONS[HOLDERS], schema.profile
    kept = (profiles.c.ledger_id == holders.c.ledger_id) & (profiles.c.member == holders.c.id)
    wanted = select(holders, profiles.c.line).outerjoin(profiles, kept).where(holders.c.ledger_id == ledger_id)
    if after is not None:
        wanted = wanted.where(holders.c.since > after.log_index)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(holders.c.since).limit(limit)).all()
    return [Registered(Holder(*row[1:-1]), salted.parse_free_text(bytes(row[-1])) if row[-1] else None) for row in rows]


class Balances(NamedTuple):
    """The accounts of one kind and class: how many, the sum of those above zero, and of those below."""

    kind: str
    class_: str | None
    accounts: int
    positive: int
    negative: int


def balances(store: Store, ledger_id: int) -> tuple[int, list[Balances]]:
    """The balances of all accounts by kind and class, and the log size at which they stand so. Raises Unavailable."""
    table = schema.PROJECTIONS[ACCOUNTS]
    alike, balance = (table.c.kind, table.c["class"]), table.c.balance
    above, below = (case((condition, balance), else_=0) for condition in (balance > 0, balance < 0))
    wanted = select(*alike, func.count(), *sum_of(above), *sum_of(below)).where(table.c.ledger_id == ledger_id)
    with store.read() as connection:
        size = read_head(connection, ledger_id).size
        rows = connection.execute(wanted.group_by(*alike)).all()
    found = [Balances._make((*row[:3], whole(*row[3:5]), whole(*row[5:]))) for row in rows]
    return size, sorted(found, key=lambda one: (one.kind, one.class_ or ""))
