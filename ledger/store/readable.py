"""Which accounts a holder may read: its own, those of members in its custody, and those that a grant lets it read.

A grant counts as it stands at the ledger's own time, that of the last entry, as everything does that is decided.
"""

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.engine import Connection

from ledger.core.accounts import ACCOUNTS
from ledger.core.grants import GRANTS, READ
from ledger.core.keys import ALIVE, KEYS, ROTATED
from ledger.core.members import MEMBERS
from ledger.store import schema


def may_read(ledger_id: int, holder: bytes) -> ColumnElement[bool]:
    """The condition on a row of the table of accounts."""
    table = schema.PROJECTIONS[ACCOUNTS]
    return or_(
        table.c.member == holder,
        table.c.member.in_(_in_custody(ledger_id, holder)),
        table.c.id.in_(_granted(ledger_id, holder)),
    )


def readable(connection: Connection, ledger_id: int, holder: bytes) -> frozenset[bytes]:
    """The ids of the accounts."""
    table = schema.PROJECTIONS[ACCOUNTS]
    wanted = select(table.c.id).where(table.c.ledger_id == ledger_id, may_read(ledger_id, holder))
    return frozenset(map(bytes, connection.execute(wanted).scalars()))


def _in_custody(ledger_id: int, holder: bytes) -> Select[tuple[bytes]]:
    table = schema.PROJECTIONS[MEMBERS]
    return select(table.c.id).where(table.c.ledger_id == ledger_id, table.c.custodian == holder)


def _granted(ledger_id: int, holder: bytes) -> Select[tuple[bytes]]:
    grants, keys, head = schema.PROJECTIONS[GRANTS], schema.PROJECTIONS[KEYS], schema.head
    return select(grants.c.account).where(
        grants.c.ledger_id == ledger_id,
        grants.c.holder == holder,
        grants.c.kinds.contains(f'"{READ}"'),
        or_(
            grants.c.until.is_(None),
            grants.c.until >= select(head.c.time).where(head.c.ledger_id == ledger_id).scalar_subquery(),
        ),
        select(keys.c.public)
        .where(keys.c.ledger_id == ledger_id, keys.c.public == grants.c.by, keys.c.status.in_((*ALIVE, ROTATED)))
        .exists(),
    )
