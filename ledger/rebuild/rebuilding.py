"""Rebuild: drop every projection of a database and make it anew from the logs of its ledgers.

One transaction, every head locked: either all is new, or all is as it was.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import update

from ledger.core.forms import BadForm
from ledger.log.malformed import Malformed
from ledger.rebuild.replay import read_entries, replay
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.errors import StoreError
from ledger.store.log import EntryRow, read_head
from ledger.store.rows import Rows, rows_of

Progress = Callable[[int, int], None]  # entries done, entries in all


def quiet(done: int, total: int) -> None:
    """Say nothing."""


def rebuild(store: Store, progress: Progress = quiet) -> int:
    """Make the projections of every ledger of this database anew; the number of entries replayed.

    Raises Unavailable, and StoreError where the log holds what this program cannot replay: then nothing has changed.
    """
    names = [head.ledger_id for head in store.heads()]
    with store.writing() as connection:
        heads = [read_head(connection, ledger_id, lock=True) for ledger_id in names]
        total, done = sum(head.size for head in heads), 0
        schema.recreate_projections(connection)
        for head in heads:
            for entries in read_entries(connection, head.ledger_id, 0, head.size):
                _replay(rows_of(connection, head.ledger_id), entries)
                done += len(entries)
                progress(done, total)
        connection.execute(update(schema.head).values(fingerprint=schema.fingerprint()))
    return done


def _replay(rows: Rows, entries: Sequence[EntryRow]) -> None:
    try:
        replay(rows, entries)
    except (BadForm, Malformed, LookupError) as error:
        where = f"entries {entries[0].log_index} to {entries[-1].log_index}"
        raise StoreError(f"{where} cannot be replayed: {error}; `comarca audit` says which is wrong") from error
