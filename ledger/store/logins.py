"""Logins: nonces that are spent once and bearer tokens, both kept as SHA-256 alone, so a stolen copy opens nothing.

They are no part of the log and no part of its lock: a login waits for nobody's payment but on SQLite, where one
writer holds the file.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from ledger.core.holders import HOLDERS
from ledger.core.keys import ALIVE, KEYS
from ledger.core.ledgers import LEDGER
from ledger.store import schema
from ledger.store.database import Store


class Nonce(NamedTuple):
    """What a holder drew for one login, to be remembered until `expires`, when its note is out of time anyhow."""

    holder: bytes
    nonce: str
    expires: int


class Token(NamedTuple):
    """A bearer token: its secret text, whose it is, by which key it was got, what it is good for, until when (Unix
    seconds)."""

    secret: str
    holder: bytes
    public: bytes
    scopes: str
    expires: int


class Reader(NamedTuple):
    """Who asks, by its token; `is_administrator` and `is_auditor` where it is one now."""

    holder: bytes
    scopes: str
    is_administrator: bool
    is_auditor: bool = False

    @property
    def reads_all(self) -> bool:
        """Whether every account and entry is shown to it; personal data is another matter."""
        return self.is_administrator or self.is_auditor


def hash_of(secret: str) -> bytes:
    """What is kept of a token or nonce."""
    return hashlib.sha256(secret.encode()).digest()


def log_in(store: Store, ledger_id: int, nonce: Nonce, token: Token, now: int) -> bool:
    """Spend the nonce and keep the token, both or neither; False where the nonce is spent. Raises Unavailable.

    What has expired is thrown away by the way.
    """
    try:
        with store.writing() as connection:
            for table in (schema.nonce, schema.token):
                connection.execute(table.delete().where(table.c.ledger_id == ledger_id, table.c.expires < now))
            spent = {"holder": nonce.holder, "nonce": hash_of(nonce.nonce).hex(), "expires": nonce.expires}
            connection.execute(schema.nonce.insert().values(ledger_id=ledger_id, **spent))
            kept = {"token_hash": hash_of(token.secret), **token._asdict()}
            del kept["secret"]
            connection.execute(schema.token.insert().values(ledger_id=ledger_id, **kept))
    except IntegrityError:
        return False
    return True


def revoke(store: Store, ledger_id: int, secret: str) -> None:
    """End this token now. Raises Unavailable."""
    _revoke(store, ledger_id, schema.token.c.token_hash == hash_of(secret))


def revoke_all(store: Store, ledger_id: int, holder: bytes) -> None:
    """End every token of this holder now. Raises Unavailable."""
    _revoke(store, ledger_id, schema.token.c.holder == holder)


def _revoke(store: Store, ledger_id: int, which: ColumnElement[bool]) -> None:
    with store.writing() as connection:
        connection.execute(schema.token.delete().where(schema.token.c.ledger_id == ledger_id, which))


def _reader() -> Select[Any]:
    """Whose a token is that counts, and what the ledger says of that holder, in one statement that is made once: every
    request by a token asks it."""
    tokens, keys = schema.token, schema.PROJECTIONS[KEYS]
    ledgers, holders = schema.PROJECTIONS[LEDGER], schema.PROJECTIONS[HOLDERS]
    administrators = select(ledgers.c.administrators).where(ledgers.c.ledger_id == tokens.c.ledger_id)
    role = select(holders.c.role).where(holders.c.ledger_id == tokens.c.ledger_id, holders.c.id == tokens.c.holder)
    by_key = (keys.c.ledger_id == tokens.c.ledger_id) & (keys.c.public == tokens.c.public) & keys.c.status.in_(ALIVE)
    return (
        select(tokens.c.holder, tokens.c.scopes, administrators.scalar_subquery(), role.scalar_subquery())
        .join(keys, by_key)
        .where(
            tokens.c.ledger_id == bindparam("ledger"),
            tokens.c.token_hash == bindparam("hash"),
            tokens.c.expires > bindparam("now"),
        )
    )


_READER = _reader()


def reader_of(store: Store, ledger_id: int, secret: str, now: int) -> Reader | None:
    """Whose token this is; None where it is unknown, expired, or the key that it was got by counts no more."""
    with store.read() as connection:
        row = connection.execute(_READER, {"ledger": ledger_id, "hash": hash_of(secret), "now": now}).one_or_none()
    if row is None:
        return None
    holder, scopes, administrators, role = row
    return Reader(bytes(holder), scopes, bytes(holder) in _holders(administrators), role == "auditor")


def is_live(store: Store, ledger_id: int, public: bytes) -> bool:
    """Whether this key counts now."""
    keys = schema.PROJECTIONS[KEYS]
    wanted = select(keys.c.status).where(keys.c.ledger_id == ledger_id, keys.c.public == public)
    with store.read() as connection:
        return connection.execute(wanted).scalar_one_or_none() in ALIVE


def administrators(store: Store, ledger_id: int) -> frozenset[bytes]:
    """The holders that administer the ledger now."""
    with store.read() as connection:
        return administrators_in(connection, ledger_id)


def role(store: Store, ledger_id: int, holder: bytes) -> str | None:
    """The role that a holder is registered with, or None."""
    with store.read() as connection:
        return role_in(connection, ledger_id, holder)


def role_in(connection: Connection, ledger_id: int, holder: bytes) -> str | None:
    """As `role`, in one state of the database with what else is read."""
    table = schema.PROJECTIONS[HOLDERS]
    wanted = select(table.c.role).where(table.c.ledger_id == ledger_id, table.c.id == holder)
    found: str | None = connection.execute(wanted).scalar_one_or_none()
    return found


def live_keys(connection: Connection, ledger_id: int, holders: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    """Holder and public key of each key of these holders that counts now."""
    keys = schema.PROJECTIONS[KEYS]
    where = (keys.c.ledger_id == ledger_id, keys.c.holder.in_(sorted(holders)), keys.c.status.in_(ALIVE))
    found = connection.execute(select(keys.c.holder, keys.c.public).where(*where))
    return [(bytes(holder), bytes(public)) for holder, public in found]


def administrators_in(connection: Connection, ledger_id: int) -> frozenset[bytes]:
    """As `administrators`, in one state of the database with what else is read."""
    ledgers = schema.PROJECTIONS[LEDGER]
    wanted = select(ledgers.c.administrators).where(ledgers.c.ledger_id == ledger_id)
    return _holders(connection.execute(wanted).scalar_one_or_none())


def _holders(text: str | None) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(holder) for holder in json.loads(text or "[]"))
