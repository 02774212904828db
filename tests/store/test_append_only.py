"""The database itself refuses every change of the log: UPDATE, DELETE, REPLACE, upserts, TRUNCATE; on both engines."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.log import checkpoint
from ledger.store.rows import rows_of
from tests.tables import dump
from tests.territory import TerritoryOfTests

COLUMN = {"entry": "note", "tile": "hashes", "checkpoint": "note"}
KEY = {"entry": "ledger_id, log_index", "tile": 'ledger_id, level, "index"', "checkpoint": "ledger_id, size"}


@pytest.fixture
def territory(database_url: str) -> Iterator[TerritoryOfTests]:
    """A ledger with a row in each of the log's tables."""
    made = TerritoryOfTests(database_url)
    head = made.door.head()
    assert head.root is not None
    note = checkpoint.sign(made.operator, made.origin, head.size, head.root)
    made.door.submit([], [(head.size, head.root, note)])
    with made.store.writing() as connection:
        rows = rows_of(connection, made.ledger_id)
        rows.insert("tile", ("ledger_id", "level", "index", "hashes", "root"), (int, int, int, bytes, bytes),
                    [(made.ledger_id, 40, 0, bytes(32), bytes(32))])  # fmt: skip
    yield made
    made.close()


def statements(table: str, engine: str) -> list[str]:
    """Everything that could change a row of this table, or take it away."""
    column = COLUMN[table]
    insert = f'INSERT INTO "{table}" SELECT * FROM "{table}" WHERE true'
    common = [
        f'UPDATE "{table}" SET "{column}" = NULL'
        if table == "entry"
        else f'UPDATE "{table}" SET "{column}" = "{column}"',
        f'UPDATE "{table}" SET "ledger_id" = 9',
        f'DELETE FROM "{table}"',
        f'DELETE FROM "{table}" WHERE "ledger_id" = 1',
        f'{insert} ON CONFLICT ({KEY[table]}) DO UPDATE SET "{column}" = excluded."{column}"',
    ]
    if engine == "sqlite":
        return [
            *common,
            f'REPLACE INTO "{table}" SELECT * FROM "{table}"',
            f'INSERT OR REPLACE INTO "{table}" SELECT * FROM "{table}"',
            f'UPDATE OR REPLACE "{table}" SET "{column}" = "{column}"',
        ]
    return [*common, f'TRUNCATE "{table}"', f'TRUNCATE "{table}" CASCADE', "TRUNCATE entry, tile, checkpoint, head",
            f'UPDATE ONLY "{table}" SET "{column}" = "{column}"']  # fmt: skip


@pytest.mark.parametrize("table", sorted(COLUMN))
def test_the_log_cannot_be_changed(territory: TerritoryOfTests, table: str) -> None:
    before = dump(territory.store)
    assert before[table], "there is something to change"
    for statement in statements(table, territory.store.url.get_backend_name()):
        with pytest.raises(DBAPIError, match="append-only"), territory.store.writes.begin() as connection:
            connection.execute(text(statement))
        assert dump(territory.store) == before, statement


@pytest.mark.parametrize("table", sorted(COLUMN))
def test_a_row_is_not_written_twice(territory: TerritoryOfTests, table: str) -> None:
    before = dump(territory.store)
    with pytest.raises(DBAPIError), territory.store.writes.begin() as connection:
        connection.execute(text(f'INSERT INTO "{table}" SELECT * FROM "{table}"'))
    assert dump(territory.store) == before


def test_an_id_is_logged_once_whatever_the_program_does(territory: TerritoryOfTests) -> None:
    """Another log index does not help: the id is unique in its ledger."""
    columns = ('"ledger_id", 77, "id", "kind", "time", "text_hash", "note_hash", "events_root", "leaf_hash", "note", '
               '"legs", "event_lines"')  # fmt: skip
    with pytest.raises(DBAPIError), territory.store.writes.begin() as connection:
        connection.execute(text(f'INSERT INTO "entry" SELECT {columns} FROM "entry"'))
    assert territory.door.head().size == 1
