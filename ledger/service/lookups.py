"""What intake asks of the database: a holder's keys and the roots of earlier logs. Both never change once there, so
they are remembered, a bounded number of them."""

from collections.abc import Callable
from functools import lru_cache

from sqlalchemy import select

from ledger.core.keys import KEYS
from ledger.core.words import HolderId
from ledger.log import keys, merkle
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.log import nodes, read_head
from ledger.store.rows import rows_of

REMEMBERED = 65_536  # keys and roots each


class _Absent(Exception):
    """Not there yet: a reason to ask again the next time, so it must not be remembered."""


class Lookups:
    """Keys and roots of one ledger."""

    def __init__(self, store: Store, ledger_id: int, origin: str):
        self._store, self._ledger_id, self._origin = store, ledger_id, origin
        self._key: Callable[[HolderId, bytes], bytes] = lru_cache(REMEMBERED)(self._read_key)
        self._root: Callable[[int], bytes] = lru_cache(REMEMBERED)(self._read_root)

    def key_of(self, holder: HolderId, key_id: bytes) -> bytes | None:
        """The holder's public key with this key ID, live or not, or None."""
        try:
            return self._key(holder, key_id)
        except _Absent:
            return None

    def root_at(self, size: int) -> bytes | None:
        """The root of the log's first `size` entries, or None where it has fewer."""
        try:
            return self._root(size)
        except _Absent:
            return None

    def _read_key(self, holder: HolderId, key_id: bytes) -> bytes:
        table = schema.PROJECTIONS[KEYS]
        of_holder = select(table.c.public).where(table.c.ledger_id == self._ledger_id, table.c.holder == holder)
        with self._store.read() as connection:
            publics: list[bytes] = list(connection.execute(of_holder).scalars())
        name = f"{self._origin}/{holder.hex()}"
        for public in publics:
            if keys.key_id(name, public) == key_id:
                return public
        raise _Absent

    def _read_root(self, size: int) -> bytes:
        with self._store.read() as connection:
            if not 0 < size <= read_head(connection, self._ledger_id).size:
                raise _Absent
            return merkle.root_from_nodes(size, nodes(rows_of(connection, self._ledger_id), size))
