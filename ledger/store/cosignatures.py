"""Cosignatures of checkpoints, as they were collected: of each witness the last, and those of the checkpoint published.

No part of the log: what is not collected yet can be asked for again.
"""

from typing import NamedTuple

from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError

from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import StoreError


class Kept(NamedTuple):
    """The line of a witness, by its key's name and ID, on the checkpoint of a size."""

    size: int
    name: str
    key_id: bytes
    line: bytes


def check(store: Store) -> None:
    """Raise StoreError where the database was made before there were cosignatures."""
    with store.read() as connection:
        if not inspect(connection).has_table(schema.cosignature.name):
            raise StoreError(f"{store}: has no room for cosignatures yet; run `comarca rebuild`")


def keep(store: Store, ledger_id: int, new: Kept, published: int) -> None:
    """Keep a line that was verified, in the place of the witness's lines on other sizes than that `published` (0: none
    is). Raises Unavailable."""
    table = schema.cosignature
    theirs = (table.c.ledger_id == ledger_id, table.c.name == new.name, table.c.key_id == new.key_id)
    try:
        with store.writing() as connection:
            others = (table.c.size != published) | (table.c.size == new.size)
            connection.execute(table.delete().where(*theirs, others))
            connection.execute(table.insert().values(ledger_id=ledger_id, **new._asdict()))
    except IntegrityError:  # another process kept it at the same time
        return


def forget_before(store: Store, ledger_id: int, size: int) -> None:
    """Let the lines on checkpoints of smaller sizes go. Raises Unavailable."""
    table = schema.cosignature
    with store.writing() as connection:
        connection.execute(table.delete().where(table.c.ledger_id == ledger_id, table.c.size < size))


def kept(store: Store, ledger_id: int) -> list[Kept]:
    """The lines that are kept, the largest size first."""
    table = schema.cosignature
    wanted = select(table.c.size, table.c.name, table.c.key_id, table.c.line)
    mine = wanted.where(table.c.ledger_id == ledger_id)
    with store.read() as connection:
        rows = connection.execute(mine.order_by(table.c.size.desc(), table.c.name, table.c.key_id))
        return [Kept(size, name, bytes(key_id), bytes(line)) for size, name, key_id, line in rows]
