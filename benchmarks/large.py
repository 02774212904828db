"""A large ledger: COMARCA_BENCH_LARGE entries, made once a machine and kept in the temporary folder.

Its entries go through the door like any other, as instructions that count as verified; only the signatures are left
out. While it is made, nothing is flushed and movements have no indexes but their key: those follow at the end, as rows
in the order of an index cost a tenth of rows in any other. Every tenth payment is to or from one member, the shop.
"""

import hashlib
import os
import pickle
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from benchmarks.world import ACCOUNTS as OF_BASE
from benchmarks.world import Base, Member, SqliteDatabases, World, member_of
from ledger.core.keys import Signer
from ledger.core.machine import FORMS, Verified
from ledger.core.members import Admit, Facts
from ledger.core.words import Anchor, HolderId
from ledger.intake.submission import Prepared
from ledger.log import instruction, keys
from ledger.store import engine, schema
from tests.territory import seed

ENTRIES = int(os.environ.get("COMARCA_BENCH_LARGE") or 0)
ACCOUNTS = max(OF_BASE, min(100_000, ENTRIES // 10))
BATCH, TOLD = 5000, 100_000  # entries of a transaction, and between two lines on how far it is
FILE = "ledger.db"
HURRY = ("synchronous = OFF", "cache_size = -1048576", "wal_autocheckpoint = 50000", "secure_delete = OFF")


class Large(NamedTuple):
    """The kept ledger. Its first members are those of a base; the first of all is the shop."""

    folder: Path
    origin: str
    anchor: Anchor
    members: list[Member]

    @property
    def url(self) -> str:
        """The database's."""
        return f"sqlite:///{self.folder / FILE}"


def large() -> Large:
    """The kept ledger; made, where there is none yet of this size and these tables."""
    folder = Path(tempfile.gettempdir()) / f"comarca-large-{ENTRIES}-{schema.VERSION}-{schema.fingerprint()[:12]}"
    if not folder.exists():
        fresh = Path(tempfile.mkdtemp(prefix="comarca-making-", dir=folder.parent))
        _make(fresh)
        fresh.rename(folder)
    origin, anchor, members = pickle.loads((folder / "about").read_bytes())
    return Large(folder, origin, anchor, members)


@contextmanager
def large_world(base: Base, seed_of_draws: int = 1) -> Iterator[World]:
    """A copy of the large ledger, whose payments are drawn between the members of the base alone."""
    kept, url = large(), base.databases.create()
    shutil.copyfile(kept.url.removeprefix("sqlite:///"), url.removeprefix("sqlite:///"))
    world = World(url, kept.origin, kept.members[:OF_BASE], kept.anchor, seed_of_draws)
    try:
        yield world
    finally:
        world.close()
        os.remove(url.removeprefix("sqlite:///"))


def grow(world: World, size: int) -> None:
    """Payments between the members, until the log has this size."""
    began = time.monotonic()
    while (now := world.door.head().size) < size:
        count = min(BATCH, size - now)
        batch = world.prepared(count - count // 10) + world.prepared(count // 10, world.members[0])
        world.submit(batch)
        if now // TOLD != (now + count) // TOLD:
            print(
                f"{now + count:,} of {size:,} entries, {time.monotonic() - began:,.0f} s", file=sys.stderr, flush=True
            )


def _make(folder: Path) -> None:
    with patch.object(engine, "PRAGMAS", engine.PRAGMAS + HURRY):
        base = Base(SqliteDatabases(folder))
        with closing(World(base.url, base.origin, base.members, base.anchor, seed=2)) as world:
            members = [*base.members, *_admitted(base, world, ACCOUNTS - len(base.members))]
        with (
            without_indexes(base.url.removeprefix("sqlite:///"), "movement"),
            closing(World(base.url, base.origin, members, base.anchor, seed=3)) as everyone,
        ):
            grow(everyone, ENTRIES)
    os.replace(base.url.removeprefix("sqlite:///"), folder / FILE)
    (folder / "about").write_bytes(pickle.dumps((base.origin, base.anchor, members)))


@contextmanager
def without_indexes(file: str, table: str) -> Iterator[None]:
    """Without the table's indexes; they are made, and all of the file flushed, at the end."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
        ).fetchall()
        for name, _ in found:
            connection.execute(f'DROP INDEX "{name}"')
        yield
        connection.execute("PRAGMA cache_size = -1048576")
        for _, sql in found:
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _admitted(base: Base, world: World, count: int) -> list[Member]:
    members: list[Member] = []
    for first in range(0, count, BATCH):
        batch = [_admission(base, world, n) for n in range(first, min(first + BATCH, count))]
        world.submit([prepared for prepared, _ in batch])
        members += [member for _, member in batch]
    return members


def _admission(base: Base, world: World, number: int) -> tuple[Prepared, Member]:
    """An admission that counts as signed by two administrators and the new member."""
    key = seed(f"large {number}")
    public = keys.public_of(key)
    _, _, envelope = world.payment()
    asked = Admit("commercial", Facts("business", True, True, "ES/08215"), public)
    text = instruction.text("admit", base.origin, FORMS["admit"].text(asked, envelope).encode())
    signers = frozenset({*base.administrators, Signer(HolderId(envelope.id), public)})
    verified = Verified("admit", asked, envelope.id, envelope.not_after, "true", hashlib.sha256(text).digest(), signers)
    return Prepared(verified, text, hashlib.sha256(text).digest(), None, ()), member_of(base.origin, envelope.id, key)
