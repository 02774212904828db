"""Checkpoints: the signer is asked for a committed head, and shown that the log goes on from what it signed last.

Which key signs is what the log says: the operator's that stands after the last entry, and for 30 days of the log's own
time each one before it, so that a monitor which knows only that one goes on.

A database that holds less than was signed is an old backup, or not the one: nothing is written upon it.
"""

from collections.abc import Callable
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ledger.core.days import DAY_S
from ledger.core.keys import KEYS
from ledger.log import checkpoint, merkle
from ledger.signer.signer import SignerRefused, SignsCheckpoints
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import Head, nodes, read_head
from ledger.store.rows import rows_of

BOTH_S = 30 * DAY_S  # after a change of the operator's key, both sign


def signing(signer: SignsCheckpoints, store: Store, ledger_id: int) -> Callable[[Head], bytes]:
    """A function from a committed head to a signed checkpoint of it, or of a later one; it raises SignerRefused, and so
    does this already where the database holds less than was signed."""

    def size() -> int:
        with store.read() as connection:
            return read_head(connection, ledger_id).size

    def consistency(old: int, new: int) -> list[bytes]:
        with store.read() as connection:
            size = read_head(connection, ledger_id).size
            if not old <= new <= size:
                raise SignerRefused(f"a proof from size {old} to {new} was asked for, and the log has {size} entries")
            return merkle.consistency_path(old, new, nodes(rows_of(connection, ledger_id), new))

    def sign(head: Head) -> bytes:
        if head.root is None:
            raise SignerRefused("the log is empty, and an empty log has no checkpoint")
        with store.read() as connection:
            by = operators(connection, ledger_id, head.size, head.time)
        note = signer.sign(head.size, head.root, by, consistency)
        _check_holds(note, head.size, size)
        return note

    if latest := signer.latest():
        _check_holds(latest, 0, size)
    return sign


def _check_holds(note: bytes, known: int, size: Callable[[], int]) -> None:
    """Refuse a checkpoint of more than the database holds: `known` entries at least, else as many as `size` says. What
    another process signed is in the database, as it is signed after it is committed."""
    signed = checkpoint.parse(note).size
    if signed > known and signed > (there := size()):
        raise SignerRefused(
            f"{signed} entries are signed, and the database holds {there}: it is an old backup, or another database. "
            "Nothing is written upon it. Bring the newer one back, or refill this one with `comarca log recover` "
            "(docs/recovering.md)"
        )


def operators(connection: Connection, ledger_id: int, size: int, time: int) -> list[bytes]:
    """Who signs the checkpoint of this size, whose last entry has this time: the operator's key that stands there, then
    those that stood until less than 30 days before, latest first."""
    key, entry = schema.PROJECTIONS[KEYS], schema.entry
    named = select(key.c.public, entry.c.time).join(
        entry, (entry.c.ledger_id == key.c.ledger_id) & (entry.c.log_index == key.c.since)
    )
    named = named.where(key.c.ledger_id == ledger_id, key.c.holder.is_(None), key.c.since < size)
    found = [tuple(row) for row in connection.execute(named.order_by(key.c.since.desc()))]
    return [found[0][0], *(before for (_, until), (before, _) in pairwise(found) if time - until <= BOTH_S)]
