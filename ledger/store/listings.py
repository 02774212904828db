"""Lists over a whole ledger, for the administrators' command: members with their accounts, registered holders, the sum
of balances."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.holders import HOLDERS, Holder
from ledger.core.members import MEMBERS, Member
from ledger.log import salted
from ledger.store import schema
from ledger.store.database import Store


class Listed(NamedTuple):
    """A member, what its profile says ("" where none is kept), its accounts in the order they were opened."""

    member: Member
    profile: str
    accounts: tuple[Account, ...]


def list_members(store: Store, ledger_id: int) -> Iterator[Listed]:
    """Every member, in the order of admission."""
    members, accounts, profiles = schema.PROJECTIONS[MEMBERS], schema.PROJECTIONS[ACCOUNTS], schema.profile
    with store.read() as connection:
        owned: dict[bytes, list[Account]] = {}
        mine = select(accounts).where(accounts.c.ledger_id == ledger_id, accounts.c.member.is_not(None))
        for row in connection.execute(mine.order_by(accounts.c.opened)):
            owned.setdefault(bytes(row.member), []).append(Account(*row[1:]))
        lines = select(profiles.c.member, profiles.c.line).where(profiles.c.ledger_id == ledger_id)
        said = {bytes(member): salted.parse_free_text(bytes(line)) for member, line in connection.execute(lines)}
        wanted = select(members).where(members.c.ledger_id == ledger_id).order_by(members.c.admitted)
        found = [Member(*row[1:]) for row in connection.execute(wanted)]
    for member in found:
        yield Listed(member, said.get(member.id, ""), tuple(owned.get(member.id, ())))


class Registered(NamedTuple):
    """A registered holder, and what its profile says ("" where none is kept)."""

    holder: Holder
    profile: str


def list_holders(store: Store, ledger_id: int) -> list[Registered]:
    """Every registered holder, in the order of registration."""
    holders, profiles = schema.PROJECTIONS[HOLDERS], schema.profile
    kept = (profiles.c.ledger_id == holders.c.ledger_id) & (profiles.c.member == holders.c.id)
    wanted = select(holders, profiles.c.line).outerjoin(profiles, kept).where(holders.c.ledger_id == ledger_id)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(holders.c.since)).all()
    return [Registered(Holder(*row[1:-1]), salted.parse_free_text(bytes(row[-1])) if row[-1] else "") for row in rows]


def sum_of_balances(store: Store, ledger_id: int) -> int:
    """All balances together, common accounts too; zero, or something is wrong."""
    table = schema.PROJECTIONS[ACCOUNTS]
    wanted = select(func.coalesce(func.sum(table.c.balance), 0)).where(table.c.ledger_id == ledger_id)
    with store.read() as connection:
        return int(connection.execute(wanted).scalar_one())
