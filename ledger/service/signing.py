"""Checkpoints: the signer is asked for a committed head, and shown that the log goes on from what it signed last."""

from collections.abc import Callable

from ledger.log import merkle
from ledger.signer.signer import Signer, SignerRefused
from ledger.store.database import Store
from ledger.store.log import Head, nodes, read_head
from ledger.store.rows import rows_of


def signing(signer: Signer, store: Store, ledger_id: int) -> Callable[[Head], bytes]:
    """A function from a committed head to a signed checkpoint of it, or of a later one; raises SignerRefused."""

    def consistency(old: int, new: int) -> list[bytes]:
        with store.read() as connection:
            size = read_head(connection, ledger_id).size
            if not old <= new <= size:
                raise SignerRefused(f"a proof from size {old} to {new} was asked for, and the log has {size} entries")
            return merkle.consistency_path(old, new, nodes(rows_of(connection, ledger_id), new))

    def sign(head: Head) -> bytes:
        if head.root is None:
            raise SignerRefused("the log is empty, and an empty log has no checkpoint")
        return signer.sign(head.size, head.root, consistency)

    return sign
