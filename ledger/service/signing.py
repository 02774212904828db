"""Checkpoints: the signer is asked for a committed head, and shown that the log goes on from what it signed last.

Which key signs is what the log says: the operator's that stands after the last entry, and for 30 days of the log's own
time each one before it, so that a monitor which knows only that one goes on.

A database that holds less than was signed is an old backup, or not the one: nothing is written upon it.

The proof that a signer mostly asks for, from what was signed here last to now, is made of that head's frontier and the
leaves since; all others of the stored nodes.
"""

from collections.abc import Callable
from itertools import pairwise

from ledger.core.days import DAY_S
from ledger.log import checkpoint, merkle
from ledger.signer.signer import SignerRefused, SignsCheckpoints, missing_key
from ledger.store.database import Store
from ledger.store.log import Head, leaf_hashes, nodes, operator_keys, read_head, times_of
from ledger.store.rows import Rows, rows_of

BOTH_S = 30 * DAY_S  # after a change of the operator's key, both sign


def signing(signer: SignsCheckpoints, store: Store, ledger_id: int) -> Callable[[Head], bytes]:
    """A function from a committed head to a signed checkpoint of it, or of a later one; it raises SignerRefused, and so
    does this already where the database holds less than was signed, or the signer has not the key that stands."""
    return _Signing(signer, store, ledger_id).sign


class _Signing:
    def __init__(self, signer: SignsCheckpoints, store: Store, ledger_id: int):
        self._signer, self._store, self._ledger_id = signer, store, ledger_id
        self._last: Head | None = None
        if latest := signer.latest():
            self._check_holds(latest, 0)
        self._check_key()

    def sign(self, head: Head) -> bytes:
        """A checkpoint that covers this head."""
        if head.root is None:
            raise SignerRefused("the log is empty, and an empty log has no checkpoint")
        last = self._last
        with self._store.read() as connection:
            rows = rows_of(connection, self._ledger_id)
            by = operators(rows, head.size, head.time)
            leaves = leaf_hashes(rows, last.size, head.size) if last is not None and last.size < head.size else []

        def consistency(old: int, new: int) -> list[bytes]:
            if last is not None and (old, new) == (last.size, head.size) and leaves:
                frontier = merkle.Frontier.parse(last.size, last.frontier)
                return merkle.consistency_path(old, new, merkle.nodes_of_batch(frontier, leaves))
            return self._consistency(old, new)

        note = self._signer.sign(head.size, head.root, by, consistency)
        self._check_holds(note, head.size)
        self._last = head
        return note

    def _consistency(self, old: int, new: int) -> list[bytes]:
        with self._store.read() as connection:
            size = read_head(connection, self._ledger_id).size
            if not old <= new <= size:
                raise SignerRefused(f"a proof from size {old} to {new} was asked for, and the log has {size} entries")
            return merkle.consistency_path(old, new, nodes(rows_of(connection, self._ledger_id), new))

    def _check_holds(self, note: bytes, known: int) -> None:
        """Refuse a checkpoint of more than the database holds, of which `known` entries are known. What another process
        signed is in the database, as it is signed after it is committed."""
        signed = checkpoint.parse(note).size
        if signed > known and signed > (there := self._size()):
            raise SignerRefused(
                f"{signed} entries are signed, and the database holds {there}: it is an old backup, or another "
                "database. Nothing is written upon it. Bring the newer one back, or refill this one with "
                "`comarca log recover` (docs/recovering.md)"
            )

    def _check_key(self) -> None:
        """Refuse to begin without the key that stands: what is written would stay unsigned."""
        with self._store.read() as connection:
            head = read_head(connection, self._ledger_id)
            by = operators(rows_of(connection, self._ledger_id), head.size, head.time) if head.size else []
        if by and by[0] not in self._signer.keys:
            raise SignerRefused(missing_key(head.size, by[0]))

    def _size(self) -> int:
        with self._store.read() as connection:
            return read_head(connection, self._ledger_id).size


def operators(rows: Rows, size: int, time: int) -> list[bytes]:
    """Who signs the checkpoint of this size, whose last entry has this time: the operator's key that stands there, then
    those that stood until less than 30 days before, latest first."""
    found = operator_keys(rows, size)
    if len(found) == 1:  # as it is asked for each batch, and the operator's key changes once in years
        return [found[0][0]]
    began = times_of(rows, [since for _, since in found])
    return [found[0][0], *(before for (_, since), (before, _) in pairwise(found) if time - began[since] <= BOTH_S)]
