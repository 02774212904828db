"""Free texts beside the log: each that is still kept is the one whose hash was signed. Those that were erased are gone,
and that is no fault."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from ledger.audit.fault import Fault
from ledger.log import base64s, salted
from ledger.store import schema

AT_ONCE = 1000  # rows held in memory


def check_texts(connection: Connection, ledger_id: int) -> None:
    """Compare every free text with the note of its entry, and every profile with its events, as they stand when the
    note is erased. Both have been verified; raises Fault."""
    for log_index, _, note, _, field, line in _rows(connection, ledger_id, schema.free_text, "field"):
        _check(f"free text {field} of entry {log_index}", _object(note), str(field), line)
    for log_index, id, _, events, member, line in _rows(connection, ledger_id, schema.profile, "member"):
        where, said = f"profile of {_hex(member)}", events.decode() if isinstance(events, bytes) else ""
        _check(where, said, "profile", line)
        if id != member and f'"member":"{_hex(member)}"' not in said:
            raise Fault(where, f"entry {log_index} is about another member")


def _rows(connection: Connection, ledger_id: int, table: Table, name: str) -> Iterable[Sequence[object]]:
    """Log index, that entry's id, note and event lines (None: there is none), one column and the line, of each row."""
    entries = schema.entry
    there = (entries.c.ledger_id == table.c.ledger_id) & (entries.c.log_index == table.c.log_index)
    wanted = select(table.c.log_index, entries.c.id, entries.c.note, entries.c.event_lines, table.c[name], table.c.line)
    wanted = wanted.select_from(table.outerjoin(entries, there)).where(table.c.ledger_id == ledger_id)
    return connection.execute(wanted, execution_options={"yield_per": AT_ONCE})


def _check(where: str, said: str, field: str, line: object) -> None:
    if type(line) is not bytes:
        raise Fault(where, "is of another type than a line")
    # A signed string holds no quotation marks, so such a pair stands in an object only as a field of its own.
    if f'"{field}":"{base64s.encode(salted.root([line]))}"' not in said:
        raise Fault(where, "is not the one whose hash was signed")


def _object(note: object) -> str:
    """The signed object of a note; nothing where there is no note."""
    return note.split(b"\n", 3)[2].decode() if isinstance(note, bytes) else ""


def _hex(member: object) -> str:
    return member.hex() if isinstance(member, bytes) else repr(member)
