"""Personal data: profiles and free texts, which stand beside the log and may go, and what a holder is to the ledger.

No proof needs any of it. What is erased here is gone; that it was is told by whoever ran it, never by the log.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.engine import Connection

from ledger.core.erasures import ERASABLE, ERASURES, Erasure, Target
from ledger.core.grants import GRANTS, Grant
from ledger.core.holders import HOLDERS, Holder
from ledger.core.keys import KEYS, Key
from ledger.core.members import MEMBERS, Member
from ledger.core.recoveries import RECOVERIES, Recovery
from ledger.core.state import Noun
from ledger.log import salted
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.queries import first_index
from ledger.store.rows import rows_of

TEXT_FIELDS = ("evidence", "memo", "reason")


class Profile(NamedTuple):
    """A holder's name and contact, and the log index of the entry that its hash stands in."""

    text: str
    log_index: int


class HolderInfo(NamedTuple):
    """What the ledger knows of a holder. `role` is None for members, administrators and the clerk; `recovery` is its
    latest."""

    id: bytes
    role: str | None
    member: Member | None
    keys: tuple[Key, ...]
    profile: Profile | None
    recovery: Recovery | None


class Login(NamedTuple):
    """A token that is kept, without its secret: what it is good for, until when (Unix seconds)."""

    scopes: str
    expires: int


def holder(store: Store, ledger_id: int, id: bytes) -> HolderInfo | None:
    """What the ledger knows of a holder, or None where it has never had a key, nor been admitted."""
    with store.read() as connection:
        members = [Member(*row[1:]) for row in connection.execute(_of(MEMBERS, ledger_id, "id", id))]
        roles = [Holder(*row[1:]).role for row in connection.execute(_of(HOLDERS, ledger_id, "id", id))]
        keys = tuple(Key(*row[1:]) for row in connection.execute(_of(KEYS, ledger_id, "holder", id)))
        recoveries = [Recovery(*row[1:]) for row in connection.execute(_of(RECOVERIES, ledger_id, "holder", id))]
        kept = _profile(connection, ledger_id, id)
    if not members and not keys:
        return None
    in_order = tuple(sorted(keys, key=lambda key: (key.since, key.public)))
    role, member, recovery = next(iter(roles), None), next(iter(members), None), next(iter(recoveries), None)
    return HolderInfo(id, role, member, in_order, kept, recovery)


def grants(store: Store, ledger_id: int, holder: bytes, accounts: Collection[bytes]) -> list[Grant]:
    """The grants that a holder has, and those over these accounts."""
    table = schema.PROJECTIONS[GRANTS]
    concerned = (table.c.holder == holder) | table.c.account.in_(accounts)
    wanted = select(table).where(table.c.ledger_id == ledger_id, concerned)
    with store.read() as connection:
        return [Grant(*row[1:]) for row in connection.execute(wanted.order_by(table.c.account, table.c.holder))]


def statuses(store: Store, ledger_id: int, publics: Collection[bytes]) -> dict[bytes, str]:
    """The statuses of keys by their public keys."""
    table = schema.PROJECTIONS[KEYS]
    wanted = select(table.c.public, table.c.status).where(table.c.ledger_id == ledger_id, table.c.public.in_(publics))
    with store.read() as connection:
        return {bytes(public): status for public, status in connection.execute(wanted)}


def logins(store: Store, ledger_id: int, holder: bytes) -> list[Login]:
    """The tokens that are kept of a holder."""
    table = schema.token
    wanted = select(table.c.scopes, table.c.expires).where(table.c.ledger_id == ledger_id, table.c.holder == holder)
    with store.read() as connection:
        return [Login(*row) for row in connection.execute(wanted.order_by(table.c.expires))]


def profile(store: Store, ledger_id: int, id: bytes) -> Profile | None:
    """A holder's profile, or None where none is kept."""
    with store.read() as connection:
        return _profile(connection, ledger_id, id)


def _profile(connection: Connection, ledger_id: int, id: bytes) -> Profile | None:
    table = schema.profile
    wanted = select(table.c.line, table.c.log_index).where(table.c.ledger_id == ledger_id, table.c.member == id)
    row = connection.execute(wanted).one_or_none()
    return Profile(salted.parse_free_text(bytes(row.line)), row.log_index) if row is not None else None


def _of(noun: Noun[Any], ledger_id: int, column: str, value: bytes) -> Select[Any]:
    table = schema.PROJECTIONS[noun]
    return select(table).where(table.c.ledger_id == ledger_id, table.c[column] == value)


# --- erasing


def erase_profile(store: Store, ledger_id: int, id: bytes) -> bool:
    """Erase a holder's profile; False where none is kept. Raises Unavailable."""
    table = schema.profile
    with store.writing() as connection:
        gone = connection.execute(delete(table).where(table.c.ledger_id == ledger_id, table.c.member == id)).rowcount
    store.forget()
    return gone > 0


def count_texts(store: Store, ledger_id: int, before: int, fields: Iterable[str] = TEXT_FIELDS) -> int:
    """How many free texts of these fields are kept of entries from before this time (Unix seconds)."""
    counted = select(func.count()).select_from(schema.free_text)
    with store.read() as connection:
        return int(connection.execute(counted.where(_old(connection, ledger_id, before, fields))).scalar_one())


def erase_texts(store: Store, ledger_id: int, before: int, fields: Iterable[str] = TEXT_FIELDS) -> int:
    """Erase them; how many there were. Raises Unavailable."""
    with store.writing() as connection:
        old = _old(connection, ledger_id, before, fields)
        gone = connection.execute(delete(schema.free_text).where(old)).rowcount
    store.forget()
    return gone


def _old(connection: Connection, ledger_id: int, before: int, fields: Iterable[str]) -> ColumnElement[bool]:
    table = schema.free_text
    after = first_index(connection, ledger_id, before)
    return (table.c.ledger_id == ledger_id) & table.c.field.in_(tuple(fields)) & (table.c.log_index < after)


# --- what may be erased of the log


def targets(store: Store, ledger_id: int, log_indexes: Collection[int]) -> list[Target]:
    """What an erasure names of these entries, in the order of the log; of one that is not there nothing."""
    table = schema.entry
    wanted = select(table.c.log_index, table.c.id, table.c.text_hash)
    wanted = wanted.where(table.c.ledger_id == ledger_id, table.c.log_index.in_(log_indexes))
    with store.read() as connection:
        return [Target(*row) for row in connection.execute(wanted.order_by(table.c.log_index))]


def erasable(store: Store, ledger_id: int, before: int, most: int) -> list[int]:
    """The log indexes of the first entries from before this time (Unix seconds) whose notes can be erased and are
    there."""
    table = schema.entry
    with store.read() as connection:
        wanted = select(table.c.log_index).where(
            table.c.ledger_id == ledger_id, table.c.log_index < first_index(connection, ledger_id, before),
            table.c.kind.in_(ERASABLE), table.c.note.is_not(None),
        )  # fmt: skip
        return list(connection.execute(wanted.order_by(table.c.log_index).limit(most)).scalars())


# --- what concerns a holder


def entries_with(store: Store, ledger_id: int, ids: Iterable[bytes], start: int, end: int) -> list[int]:
    """The log indexes from `start` to before `end` in whose note or event lines one of these ids is written."""
    with store.read() as connection:
        rows = rows_of(connection, ledger_id)
        found = 'instr("{}", ?)' if rows.MARK == "?" else 'position(%b in "{}")'
        written = [id.hex().encode() for id in ids]
        either = [f"{found.format(column)} > 0" for column in ("note", "event_lines") for _ in written]
        sql = (
            f'SELECT "log_index" FROM "entry" WHERE "ledger_id" = {ledger_id} AND "log_index" >= {start} '
            f'AND "log_index" < {end} AND ({" OR ".join(either)}) ORDER BY "log_index"'
        )
        return [log_index for (log_index,) in rows.driver.execute(sql, written * 2)]


class ErasedEntry(NamedTuple):
    """What is left of an erased entry for those whom its event lines name: when it was logged, and these lines."""

    erasure: Erasure
    time: int
    event_lines: tuple[bytes, ...]


def erased_entry(store: Store, ledger_id: int, log_index: int) -> ErasedEntry | None:
    """What is left of an entry, or None where it was not erased."""
    table, entries = schema.PROJECTIONS[ERASURES], schema.entry
    erased = select(table).where(table.c.ledger_id == ledger_id, table.c.log_index == log_index)
    left = select(entries.c.time, entries.c.event_lines)
    with store.read() as connection:
        row = connection.execute(erased).one_or_none()
        if row is None:
            return None
        where = (entries.c.ledger_id == ledger_id, entries.c.log_index == log_index)
        time, lines = connection.execute(left.where(*where)).one()
    return ErasedEntry(Erasure(*row[1:]), time, tuple(bytes(lines).split(b"\n")))
