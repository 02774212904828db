"""What intake and receipts ask of the database: holders' keys and the roots of earlier logs. Both never change once
there, so they are remembered, a bounded number of them."""

from collections.abc import Callable
from functools import lru_cache

from ledger.core.keys import PENDING
from ledger.core.words import HolderId
from ledger.log import keys, merkle
from ledger.service.keychains import SigningKey
from ledger.store.database import Store
from ledger.store.log import keys_of_holder, nodes, read_head
from ledger.store.rows import rows_of

REMEMBERED = 65_536  # keys and roots each


class _Passing(Exception):
    """Not there yet, or not for long as it is: a reason to ask again the next time, so it must not be remembered."""

    def __init__(self, found: SigningKey | None = None):
        self.found = found


class Keys:
    """The keys of one ledger's holders. Threads may share it."""

    def __init__(self, store: Store, ledger_id: int):
        self._store, self._ledger_id = store, ledger_id
        self._key: Callable[[str, bytes], SigningKey] = lru_cache(REMEMBERED)(self._read)

    def of(self, name: str, key_id: bytes) -> SigningKey | None:
        """The key, live or not, that made a signature line of this name with this key ID, or None."""
        try:
            return self._key(name, key_id)
        except _Passing as passing:
            return passing.found

    def _read(self, name: str, key_id: bytes) -> SigningKey:
        with self._store.read() as connection:
            found = keys_of_holder(rows_of(connection, self._ledger_id), bytes.fromhex(name[-32:]))
        for public, since, status, by_note in found:
            if keys.key_id(name, public) == key_id:
                key = SigningKey(since, public, by_note)
                if status == PENDING:  # one that a recovery names is to become live elsewhere
                    raise _Passing(key)
                return key
        raise _Passing


class Lookups:
    """Keys and roots of one ledger."""

    def __init__(self, store: Store, ledger_id: int, origin: str):
        self._store, self._ledger_id, self._origin = store, ledger_id, origin
        self.keys = Keys(store, ledger_id)
        self._root: Callable[[int], bytes] = lru_cache(REMEMBERED)(self._read_root)

    def key_of(self, holder: HolderId, key_id: bytes) -> bytes | None:
        """The holder's public key with this key ID, live or not, or None."""
        found = self.keys.of(f"{self._origin}/{holder.hex()}", key_id)
        return None if found is None else found.public

    def root_at(self, size: int) -> bytes | None:
        """The root of the log's first `size` entries, or None where it has fewer."""
        try:
            return self._root(size)
        except _Passing:
            return None

    def _read_root(self, size: int) -> bytes:
        with self._store.read() as connection:
            if not 0 < size <= read_head(connection, self._ledger_id).size:
                raise _Passing
            return merkle.root_from_nodes(size, nodes(rows_of(connection, self._ledger_id), size))
