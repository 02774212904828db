"""Histories: the entries that set something, newest first, each with the one that had set it before.

The table `change` leads to the entries; what they say is read from the log itself.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.engine import Connection

from ledger.core.changes import CHANGES
from ledger.log import salted
from ledger.store import schema
from ledger.store.database import Store
from ledger.store.queries import Place

TABLE = schema.PROJECTIONS[CHANGES]


class Set(NamedTuple):
    """An entry that set something: its instruction's id and kind, its note (None once it is erased), its event lines,
    and the reason that was given, as long as it is kept."""

    log_index: int
    time: int
    id: bytes
    kind: str
    note: bytes | None
    event_lines: tuple[bytes, ...]
    reason: str | None


class Changed(NamedTuple):
    """What an entry set of a subject, the entry that had set it before, and where it stands in the list."""

    subject: bytes
    now: Set
    before: Set | None
    place: Place


def history(
    store: Store, ledger_id: int, what: str, subject: bytes | None, after: Place | None, limit: int
) -> list[Changed]:
    """At most `limit` changes, newest first, from after a place on: of one subject, or of all. Raises Unavailable."""
    with store.read() as connection:
        found = _places(connection, ledger_id, what, subject, after, limit)
        indexes = {index for _, now, before, _ in found for index in (now, before) if index is not None}
        entries = _entries(connection, ledger_id, indexes)
    return [Changed(whose, entries[now], None if before is None else entries[before], place)
            for whose, now, before, place in found]  # fmt: skip


def _places(
    connection: Connection, ledger_id: int, what: str, subject: bytes | None, after: Place | None, limit: int
) -> list[tuple[bytes, int, int | None, Place]]:
    """Subject, log index and the index before it, of each change. A place counts within its entry, whose changes are
    read again from the first of them on."""
    earlier = TABLE.alias()
    before = select(func.max(earlier.c.log_index)).where(
        earlier.c.ledger_id == ledger_id, earlier.c.what == what, earlier.c.subject == TABLE.c.subject,
        earlier.c.log_index < TABLE.c.log_index,
    )  # fmt: skip
    wanted = select(TABLE.c.subject, TABLE.c.log_index, before.scalar_subquery()).where(
        TABLE.c.ledger_id == ledger_id, TABLE.c.what == what
    )
    if subject is not None:
        wanted = wanted.where(TABLE.c.subject == subject)
    if after is not None:
        wanted = wanted.where(TABLE.c.log_index <= after.log_index)
        limit += after.n + 1
    found: list[tuple[bytes, int, int | None, Place]] = []
    for whose, now, last in connection.execute(wanted.order_by(TABLE.c.log_index.desc(), TABLE.c.subject).limit(limit)):
        n = found[-1][3].n + 1 if found and found[-1][1] == now else 0
        found.append((bytes(whose), now, last, Place(now, n)))
    return [one for one in found if after is None or one[3] > after or one[1] < after.log_index]


def _entries(connection: Connection, ledger_id: int, indexes: Iterable[int]) -> dict[int, Set]:
    table, texts = schema.entry, schema.free_text
    reason = and_(texts.c.ledger_id == ledger_id, texts.c.log_index == table.c.log_index, texts.c.field == "reason")
    columns = (table.c.log_index, table.c.time, table.c.id, table.c.kind, table.c.note, table.c.event_lines)
    wanted = select(*columns, texts.c.line).select_from(table.outerjoin(texts, reason))
    found = connection.execute(wanted.where(table.c.ledger_id == ledger_id, table.c.log_index.in_(sorted(indexes))))
    return {row.log_index: _set(*row) for row in found}


def _set(log_index: int, time: int, id: bytes, kind: str, note: bytes | None, lines: bytes, reason: Any) -> Set:
    said = salted.parse_free_text(bytes(reason)) if reason is not None else None
    return Set(log_index, time, bytes(id), kind, note, tuple(bytes(lines).split(b"\n")), said)
