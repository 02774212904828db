"""What a database says of our tables, their indexes and triggers, beside what this release makes.

SQLite keeps each definition as it was written. PostgreSQL tells its own spelling, which is put together here: a test on
a real server shows that a fresh database differs in nothing. What stands on other tables is not ours to judge.
"""

import re
from collections.abc import Iterator
from functools import cache

from sqlalchemy import CheckConstraint, Column, Dialect, Table, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from ledger.store import schema

Definitions = dict[str, str]  # what it is and its name: how it is defined
TABLES = list(schema.metadata.tables.values())


def differences(connection: Connection) -> Iterator[str]:
    """What of our tables is missing, otherwise than this release makes it, or too many; a line each."""
    if connection.dialect.name == "sqlite":
        expected, found = _made_on_sqlite(connection.dialect), _found_on_sqlite(connection)
    else:
        expected, found = _made_on_postgresql(connection.dialect), _found_on_postgresql(connection)
    for name, definition in expected.items():
        if name not in found:
            yield f"the {name} is missing"
        elif found[name] != definition:
            yield f"the {name} is not as this release makes it"
    for name in sorted(found.keys() - expected.keys()):
        yield f"the {name} is none that this release makes"


def _guards(dialect: Dialect) -> Definitions:
    """Triggers, then the functions that they call, which are looked for through them."""
    made = (statement.split() for statement in reversed(schema.append_only(dialect)))
    return {f"{words[1].lower()} {words[2].removesuffix('()')}": _plain(" ".join(words)) for words in made}


def _plain(definition: str) -> str:
    """Without quotation marks and line breaks, of which there may be more or fewer."""
    return " ".join(definition.replace('"', "").split())


# --- SQLite


@cache
def _made_on_sqlite(dialect: Dialect) -> Definitions:
    tables = {f"table {table.name}": _plain(str(CreateTable(table).compile(dialect=dialect))) for table in TABLES}
    return tables | _indexes(dialect) | _guards(dialect)


def _indexes(dialect: Dialect) -> Definitions:
    return {f"index {index.name}": _plain(str(CreateIndex(index).compile(dialect=dialect)))
            for table in TABLES for index in table.indexes}  # fmt: skip


def _found_on_sqlite(connection: Connection) -> Definitions:
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {f"{type_} {name}": _plain(sql) for type_, name, table, sql in rows if table in schema.metadata.tables}


# --- PostgreSQL

# Columns, keys and CHECKs, indexes, triggers and their functions, rules; and of a table that it is one whose rows
# outlive a crash and are hidden from nobody.
FOUND = """
WITH ours AS (SELECT oid, relname, relkind, relpersistence, relrowsecurity FROM pg_class
              WHERE oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(CAST(:names AS text[])) AS name))
SELECT 'table ' || relname, concat(relkind, relpersistence, relrowsecurity) FROM ours
UNION ALL
SELECT concat('column ', o.relname, '.', a.attname), concat(format_type(a.atttypid, a.atttypmod),
       ' COLLATE ' || l.collname, CASE WHEN a.attnotnull THEN ' NOT NULL' END,
       CASE WHEN a.atthasdef THEN ' DEFAULT' END, a.attidentity)
       FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_collation l ON l.oid = a.attcollation
UNION ALL
SELECT 'constraint ' || k.conname, pg_get_constraintdef(k.oid)
       FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype <> 'n'
UNION ALL
SELECT 'index ' || i.relname, concat(pg_get_indexdef(i.oid, 0, true), CASE WHEN NOT x.indisvalid THEN ' (invalid)' END)
       FROM ours o JOIN pg_index x ON x.indrelid = o.oid AND NOT x.indisprimary JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL
SELECT 'trigger ' || t.tgname, concat(pg_get_triggerdef(t.oid, true), CASE WHEN t.tgenabled <> 'O' THEN ' (other)' END)
       FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid AND NOT t.tgisinternal
UNION ALL
SELECT DISTINCT 'function ' || f.proname, concat('CREATE FUNCTION ', f.proname, '() RETURNS trigger LANGUAGE ',
       l.lanname, ' AS $$', f.prosrc, '$$') FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid AND NOT t.tgisinternal
       JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_language l ON l.oid = f.prolang
UNION ALL
SELECT 'rule ' || r.rulename, r.ev_type::text FROM ours o JOIN pg_rewrite r ON r.ev_class = o.oid
"""


@cache
def _made_on_postgresql(dialect: Dialect) -> Definitions:
    made: Definitions = {}
    for table in TABLES:
        made[f"table {table.name}"] = "rpf"
        made |= {f"column {table.name}.{one.name}": _column(one, dialect) for one in table.columns}
        made |= _constraints(table)
    indexes = {name: sql.replace(" (", " USING btree (", 1) for name, sql in _indexes(dialect).items()}
    return made | indexes | _guards(dialect)


def _column(column: "Column[object]", dialect: Dialect) -> str:
    type_, *more = column.type.compile(dialect=dialect).split()
    return _plain(" ".join([type_.lower(), *more, *([] if column.nullable else ["NOT NULL"])]))


def _constraints(table: Table) -> Definitions:
    keys = ", ".join(column.name for column in table.primary_key)
    checks = [one for one in table.constraints if isinstance(one, CheckConstraint)]
    return {f"constraint {table.name}_pkey": _bare(f"PRIMARY KEY ({keys})")} | {
        f"constraint {one.name}": _bare(f"CHECK ({one.sqltext})") for one in checks
    }


def _bare(constraint: str) -> str:
    """Without parentheses and spaces: PostgreSQL writes its own."""
    return re.sub(r'[\s"()]+', "", constraint)


def _found_on_postgresql(connection: Connection) -> Definitions:
    rows = connection.execute(text(FOUND), {"names": list(schema.metadata.tables)})
    return {name: _bare(said) if name.startswith("constraint ") else _plain(said) for name, said in rows}
