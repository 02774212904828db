"""Rebuild: drop every projection of a database and make it anew from the logs of its ledgers.

One transaction, every head locked: either all is new, or all is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import update
from sqlalchemy.engine import Connection

from ledger.core.forms import BadForm
from ledger.log.malformed import Malformed
from ledger.rebuild.replay import Happened, Replay, read_happened
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import StoreError
from ledger.store.log import Head, read_head
from ledger.store.rows import rows_of

Progress = Callable[[int, int], None]  # entries done, entries in all


def quiet(done: int, total: int) -> None:
    """Say nothing."""


def rebuild(store: Store, progress: Progress = quiet) -> int:
    """Make the projections of every ledger of this database anew; the number of entries replayed.

    Raises Unavailable, and StoreError where the log holds what this program cannot replay: then nothing has changed.
    """
    names = [head.ledger_id for head in store.heads()]
    with store.writing_tables() as connection:
        heads = [read_head(connection, ledger_id, lock=True) for ledger_id in names]
        total, done = sum(head.size for head in heads), 0
        with schema.projections_made_anew(connection):
            for head in heads:
                for more in _replay(connection, head):
                    done += more
                    progress(done, total)
        connection.execute(update(schema.head).values(fingerprint=schema.fingerprint()))
    return done


def _replay(connection: Connection, head: Head) -> Iterator[int]:
    """Fill the projections of one ledger; the number of entries of each chunk."""
    replay = Replay(rows_of(connection, head.ledger_id))
    for entries in read_happened(connection, head.ledger_id, 0, head.size):
        with _saying_where(entries):
            replay.add(entries)
        yield len(entries)
    replay.save()


@contextmanager
def _saying_where(entries: list[Happened]) -> Iterator[None]:
    """Where a replay stops, and what to do about it."""
    try:
        yield
    except (BadForm, Malformed, LookupError) as error:
        where = f"entries {entries[0].log_index} to {entries[-1].log_index}"
        raise StoreError(f"{where} cannot be replayed: {error}; `comarca audit` says which is wrong") from error
