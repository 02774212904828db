"""The tables. The log's own are written by hand here; one more a noun is derived from its row's types.

Every key begins with `ledger_id`, and no transaction touches two ledgers, so that the same schema can be spread over
machines by ledger. There are no foreign keys between projections and nothing counts by itself. The log's tables are
append-only: triggers refuse DELETE, and every UPDATE but one: note and legs of an entry become NULL where a row of
`erasure` names it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from ledger.core.erasures import ERASURES
from ledger.core.machine import NOUNS
from ledger.core.state import Noun

VERSION = 2  # of the log's own tables; a migration raises it. Projections have a fingerprint instead.
EVOLVES = 1  # raised where an event of an old log makes other rows of projections than in the release before

metadata = MetaData()
# PostgreSQL orders text by the octets, as SQLite does and as an audit compares.
TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")


def _key(name: str, type_: Any = BigInteger) -> Column[Any]:
    # autoincrement=False: no column of ours counts by itself, not even the one SQLAlchemy would pick for it
    return Column(name, type_, primary_key=True, autoincrement=False, quote=True)


def _column(name: str, type_: Any, nullable: bool = False) -> Column[Any]:
    return Column(name, type_, nullable=nullable, quote=True)


version = Table("comarca_schema", metadata, _key("version", SmallInteger))

head = Table(
    "head", metadata,
    _key("ledger_id", SmallInteger), _column("name", TEXT), _column("origin", TEXT),
    _column("identity", LargeBinary, nullable=True), _column("size", BigInteger), _column("frontier", LargeBinary),
    _column("root", LargeBinary, nullable=True), _column("time", BigInteger), _column("fingerprint", TEXT),
    _column("checkpoints", BigInteger),
    Index("head_name", "name", unique=True), Index("head_origin", "origin", unique=True),
)  # fmt: skip

entry = Table(
    "entry", metadata,
    _key("ledger_id", SmallInteger), _key("log_index"), _column("id", LargeBinary), _column("kind", TEXT),
    _column("time", BigInteger), _column("text_hash", LargeBinary), _column("note_hash", LargeBinary),
    _column("events_root", LargeBinary), _column("leaf_hash", LargeBinary), _column("note", LargeBinary, nullable=True),
    _column("legs", LargeBinary, nullable=True), _column("event_lines", LargeBinary),
    Index("entry_id", "ledger_id", "id", unique=True),
)  # fmt: skip

checkpoint = Table(
    "checkpoint", metadata,
    _key("ledger_id", SmallInteger), _key("size"), _column("root", LargeBinary), _column("note", LargeBinary),
)  # fmt: skip

tile = Table(
    "tile", metadata,
    _key("ledger_id", SmallInteger), _key("level", SmallInteger), _key("index"), _column("hashes", LargeBinary),
    _column("root", LargeBinary),
)  # fmt: skip

# Personal data: outside the log, erasable. No proof needs it.
profile = Table(
    "profile", metadata,
    _key("ledger_id", SmallInteger), _key("member", LargeBinary), _column("log_index", BigInteger),
    _column("line", LargeBinary),
)  # fmt: skip
free_text = Table(
    "free_text", metadata,
    _key("ledger_id", SmallInteger), _key("log_index"), _key("field", TEXT), _column("line", LargeBinary),
)  # fmt: skip

# Logins. A token is stored as its SHA-256 alone, beside the key that signed for it.
token = Table(
    "token", metadata,
    _key("ledger_id", SmallInteger), _key("token_hash", LargeBinary), _column("holder", LargeBinary),
    _column("public", LargeBinary), _column("scopes", TEXT), _column("expires", BigInteger),
)  # fmt: skip
nonce = Table(
    "nonce", metadata,
    _key("ledger_id", SmallInteger), _key("holder", LargeBinary), _key("nonce", TEXT), _column("expires", BigInteger),
)  # fmt: skip

# What previews have told a holder of somebody else's account, to be forgotten after a day (ledger/store/telling.py).
told = Table(
    "told", metadata,
    _key("ledger_id", SmallInteger), _key("holder", LargeBinary), _key("account", LargeBinary),
    _key("n", SmallInteger), _column("time", BigInteger),
)  # fmt: skip

# Cosignatures of witnesses, as they were collected; they can be asked for again (ledger/store/cosignatures.py).
cosignature = Table(
    "cosignature", metadata,
    _key("ledger_id", SmallInteger), _key("size"), _key("name", TEXT), _key("key_id", LargeBinary),
    _column("line", LargeBinary),
)  # fmt: skip

# What no proof needs, and why. All other tables are the ledger: an audit finds whatever is changed in them.
FREE: dict[Table, str] = {
    profile: "personal data, corrected and erased; the log has its hash alone, with which what is kept is compared",
    free_text: "personal data, which anyone may lose; the log has its hash alone, with which what is kept is compared",
    token: "a login's, for an hour; it lets someone read, and changes nothing",
    nonce: "a login's, used once; forgotten after minutes",
    cosignature: "signed by witnesses and verified whenever it is read; what is gone is asked for again",
    told: "how much previews have told a holder, for a day",
}
APPEND_ONLY = (entry, tile, checkpoint)
ERASED = ("note", "legs")  # of an entry, the columns that an erasure empties


def column_names(noun: Noun[Any]) -> tuple[str, ...]:
    """The columns of a noun, without `ledger_id`; a field named `class_` is the column `class`."""
    return tuple(name.rstrip("_") for name in noun.row._fields)


def column_types(noun: Noun[Any]) -> tuple[tuple[type, bool], ...]:
    """For each column its plain Python type (bytes, int or str) and whether it may be NULL."""
    return tuple(_plain(hint) for hint in get_type_hints(noun.row, include_extras=True).values())


def _plain(hint: Any) -> tuple[type, bool]:
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        return _plain(next(part for part in get_args(hint) if part is not NoneType))[0], True
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    return getattr(hint, "__supertype__", hint), False


SQL_TYPES: dict[type, Any] = {bytes: LargeBinary, int: BigInteger, str: TEXT}


def _table_of(noun: Noun[Any]) -> Table:
    types = column_types(noun)
    columns = [
        _key(name, SQL_TYPES[type_]) if n < noun.keys else _column(name, SQL_TYPES[type_], nullable)
        for n, (name, (type_, nullable)) in enumerate(zip(column_names(noun), types, strict=True))
    ]
    checks = [CheckConstraint(check, name=f"{noun.name}_{n}") for n, check in enumerate(noun.checks)]
    indexes = [Index(f"{noun.name}_{'_'.join(names)}", "ledger_id", *names) for names in noun.indexes]
    return Table(
        noun.name, metadata, _key("ledger_id", SmallInteger), *columns, *checks, *indexes, sqlite_with_rowid=False
    )


PROJECTED: tuple[Noun[Any], ...] = tuple(noun for noun in NOUNS if not noun.read_only)
PROJECTIONS: dict[Noun[Any], Table] = {noun: _table_of(noun) for noun in PROJECTED}


def fingerprint() -> str:
    """What the projections were made by: changes whenever a noun's columns, keys, checks or indexes do, and with
    EVOLVES, as no table shows what evolve does."""
    said = [(n.name, column_names(n), column_types(n), n.keys, n.checks, n.indexes) for n in PROJECTED]
    return hashlib.sha256(repr((EVOLVES, said)).encode()).hexdigest()[:32]


def create_log_tables(connection: Connection) -> None:
    """Make every table of an empty database, with its triggers, and record the schema's version."""
    metadata.create_all(connection)
    for statement in append_only(connection.dialect):
        connection.exec_driver_sql(statement)
    connection.execute(version.insert().values(version=VERSION))


@contextmanager
def projections_made_anew(connection: Connection) -> Iterator[None]:
    """Drop and make anew the tables of the nouns, and the triggers, which ask one of them; those of the log stay, and
    those that an earlier release did not have come. The indexes follow after what fills the tables: an index costs less
    made of all rows in its order than row by row."""
    metadata.drop_all(connection, tables=list(PROJECTIONS.values()))
    for table in PROJECTIONS.values():
        connection.execute(CreateTable(table))
    metadata.create_all(connection)
    for statement in (*_no_guards(connection.dialect), *append_only(connection.dialect)):
        connection.exec_driver_sql(statement)
    yield
    for table in PROJECTIONS.values():
        for index in table.indexes:
            index.create(connection)


def append_only(dialect: Dialect) -> list[str]:
    """The statements that make the database itself refuse changes of the log's tables."""
    return _append_only_sqlite() if dialect.name == "sqlite" else _append_only_postgresql()


def _no_guards(dialect: Dialect) -> list[str]:
    """The statements that take the triggers away which this or an earlier release has made."""
    if dialect.name == "sqlite":
        verbs = ("update", "delete", "replace")
        return [f"DROP TRIGGER IF EXISTS {table.name}_no_{verb}" for table in APPEND_ONLY for verb in verbs]
    on = [(table.name, what) for table in APPEND_ONLY for what in ("change", "truncate")]
    functions = [f"DROP FUNCTION IF EXISTS {name}()" for name in ("comarca_append_only", "comarca_erased_only")]
    return [*(f'DROP TRIGGER IF EXISTS {table}_no_{what} ON "{table}"' for table, what in on), *functions]


def _append_only_sqlite() -> list[str]:
    said = "SELECT RAISE(ABORT, 'the log is append-only')"
    statements = []
    for table in APPEND_ONLY:
        keys = " AND ".join(f'"{column.name}" = NEW."{column.name}"' for column in table.primary_key)
        but = f"WHEN NOT (NEW.rowid = OLD.rowid AND {_is_erased('IS')}) " if table is entry else ""
        statements += [
            f'CREATE TRIGGER {table.name}_no_update BEFORE UPDATE ON "{table.name}" {but}BEGIN {said}; END',
            f'CREATE TRIGGER {table.name}_no_delete BEFORE DELETE ON "{table.name}" BEGIN {said}; END',
        ]
        # INSERT OR REPLACE deletes without firing a DELETE trigger.
        statements.append(
            f'CREATE TRIGGER {table.name}_no_replace BEFORE INSERT ON "{table.name}" '
            f'WHEN EXISTS (SELECT 1 FROM "{table.name}" WHERE {keys}) BEGIN {said}; END'
        )
    return statements


def _append_only_postgresql() -> list[str]:
    made = "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}RAISE EXCEPTION '{}'; END $$"
    said = "the log is append-only"
    erased = f"IF TG_OP = 'UPDATE' AND {_is_erased('IS NOT DISTINCT FROM')} THEN RETURN NEW; END IF; "
    functions = [
        made.format("comarca_append_only", "", said),
        made.format("comarca_erased_only", erased, said),
    ]
    rows = [
        f'CREATE TRIGGER {t.name}_no_change BEFORE DELETE OR UPDATE ON "{t.name}" FOR EACH ROW '
        f"EXECUTE FUNCTION {'comarca_erased_only' if t is entry else 'comarca_append_only'}()"
        for t in APPEND_ONLY
    ]
    truncate = [
        f'CREATE TRIGGER {t.name}_no_truncate BEFORE TRUNCATE ON "{t.name}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION comarca_append_only()"
        for t in APPEND_ONLY
    ]
    return [*functions, *rows, *truncate]


def _is_erased(same: str) -> str:
    """The one change of an entry that is let through, as a condition on its row before and after it."""
    gone = " AND ".join(f'NEW."{name}" IS NULL' for name in ERASED)
    kept = " AND ".join(f'NEW."{c.name}" {same} OLD."{c.name}"' for c in entry.columns if c.name not in ERASED)
    named = '"ledger_id" = OLD."ledger_id" AND "log_index" = OLD."log_index"'
    return f'{gone} AND {kept} AND EXISTS (SELECT 1 FROM "{ERASURES.name}" WHERE {named})'
