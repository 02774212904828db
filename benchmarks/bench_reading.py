"""What a reader waits for, on a large ledger beside one of 10,000 entries: a balance, and pages of a history.

Both are served on SQLite. The balances are of random accounts, read by an administrator; the history is that of a shop
that takes part in every tenth payment, read by the shop: its newest page, and pages from random places of the log on,
by cursor. The large ledger is served where it is kept (benchmarks/large.py), so this runs where COMARCA_BENCH_LARGE is
set. What is read is not written: but for the logins and one checkpoint the file stays as it was made.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.communities import server
from benchmarks.http_load import load, request
from benchmarks.large import ACCOUNTS, ENTRIES, grow, large
from benchmarks.rounds import Line, Report, Turns
from benchmarks.world import Base, Member
from ledger.api import cursors
from ledger.client.http import Client
from ledger.core.words import HolderId
from ledger.signer.signer import Signer
from ledger.store.queries import Place
from tests.territory import ORIGIN, seed

pytestmark = pytest.mark.skipif(not ENTRIES, reason="set COMARCA_BENCH_LARGE to a number of entries")
SMALL = 10_000  # entries of the ledger beside it
ACCOUNTS_PATH = "/v1/ledgers/solana/accounts"
CLIENTS, EACH = 2, 40  # requests a client makes in a round


class Reading(NamedTuple):
    """A served ledger and those who read it."""

    address: str
    members: Sequence[Member]
    entries: int
    administrator: str  # a token
    shop: str  # a token
    random: random.Random

    def balance(self) -> bytes:
        """Where a random account stands."""
        id = self.random.choice(self.members).account.hex()
        return request(f"{ACCOUNTS_PATH}/{id}", b"", method="GET", token=self.administrator)

    def newest_page(self) -> bytes:
        """The shop's last 50 movements."""
        return self._page("")

    def deep_page(self) -> bytes:
        """Fifty of the shop's movements, from a random place of the middle half of the log on."""
        place = Place(self.random.randint(self.entries // 4, 3 * self.entries // 4), 0)
        return self._page(f"?cursor={cursors.encode(place, (ORIGIN, f'of {self.members[0].account.hex()}'))}")

    def _page(self, query: str) -> bytes:
        path = f"{ACCOUNTS_PATH}/{self.members[0].account.hex()}/movements{query}"
        return request(path, b"", method="GET", token=self.shop)


WHAT: dict[str, Callable[[Reading], bytes]] = {
    "balance": Reading.balance,
    "newest page of a history": Reading.newest_page,
    "page deep in a history": Reading.deep_page,
}


@pytest.fixture(scope="module")
def readings(sqlite_base: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reading, Reading]]:
    """The large ledger, and the small one. The signer's state of the one that is kept stays beside it."""
    kept, administrator = large(), sqlite_base.administrators[0].holder  # of both: ids are drawn alike
    with sqlite_base.world() as small:
        grow(small, SMALL)
    state = tmp_path_factory.mktemp("signer") / "state"
    with (
        read(kept.url, kept.folder / "state", kept.members, administrator, ENTRIES) as many,
        read(small.url, state, small.members, administrator, SMALL) as few,
    ):
        yield many, few


@contextmanager
def read(url: str, state: Path, members: Sequence[Member], administrator: HolderId, entries: int) -> Iterator[Reading]:
    """Serve a ledger, and log its readers in."""
    if not (signer := state.with_name(f"{state.name}-solana")).exists():
        Signer.create_state(signer)
    shop = members[0]
    with server(url, state) as address:
        overseer = log_in(address, administrator, seed("admin 0"))
        own = log_in(address, HolderId(shop.account), shop.seed)
        yield Reading(address, members, entries, overseer, own, random.Random(1))


def log_in(address: str, holder: HolderId, key: bytes) -> str:
    """A fresh token."""
    client = Client(address, "solana", origin=ORIGIN)
    client.log_in(holder, key, int(time.time()))
    client.close()
    return client.token


@pytest.mark.parametrize("what", WHAT)
def test_reading(what: str, readings: tuple[Reading, Reading], turns: Turns, report: Report) -> None:
    many, few = readings
    drawn = [
        [[[WHAT[what](one) for _ in range(EACH)] for _ in range(CLIENTS)] for one in readings] for _ in turns.numbers
    ]
    seconds, floors = turns(
        lambda n: load(many.address, drawn[n][0], 200),
        few=lambda n: load(few.address, drawn[n][1], 200),
    )
    count = CLIENTS * EACH
    on = f"SQLite, {ENTRIES:,} entries, {ACCOUNTS:,} accounts, {CLIENTS} clients"
    report.add(Line(f"HTTP, {what}", on, 1e6 * seconds / count, "µs a request", f"{SMALL:,} entries",
                    1e6 * floors["few"] / count, f"{seconds / floors['few']:.2f} times as much"))  # fmt: skip
