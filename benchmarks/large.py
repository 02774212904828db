"""A large ledger: 100,000 accounts and 1,000,000 entries, made once a machine and kept in the temporary folder.

Its entries go through the door like any other, as instructions that count as verified; only the signatures are left
out, which would take a minute of every core.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.world import Base, Member, World, member_of
from ledger.core.keys import Signer
from ledger.core.machine import FORMS, Verified
from ledger.core.members import Admit, Facts
from ledger.core.words import HolderId
from ledger.intake.submission import Prepared
from ledger.log import instruction, keys
from tests.territory import seed

ACCOUNTS, ENTRIES, BATCH = 100_000, 1_000_000, 1000


@contextmanager
def large_world(base: Base, seed_of_draws: int = 1) -> Iterator[World]:
    """A copy of the large ledger, whose payments are drawn between the members of the base alone."""
    kept = Path(tempfile.gettempdir()) / f"comarca-large-{fingerprint(base)}.db"
    if not kept.exists():
        _make(base, kept)
    url = base.databases.create()
    shutil.copyfile(kept, url.removeprefix("sqlite:///"))
    world = World(url, base.origin, base.members, base.anchor, seed_of_draws)
    try:
        yield world
    finally:
        world.close()


def fingerprint(base: Base) -> str:
    """What the kept file was made from: members by members, and the tables."""
    with base.world() as world:
        head = world.door.head()
    return hashlib.sha256((head.root or b"") + head.fingerprint.encode()).hexdigest()[:16]


def _make(base: Base, kept: Path) -> None:
    with base.world(seed=2) as world:
        members = [*base.members, *_admitted(base, world, ACCOUNTS - len(base.members))]
        everyone = World(world.url, base.origin, members, base.anchor, seed=3)
        while everyone.door.head().size < ENTRIES:
            everyone.submit(everyone.prepared(BATCH))
        everyone.close()
        file = world.url.removeprefix("sqlite:///")
    os.replace(file, kept)


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
