"""What is told of somebody else's account: five times a day, whoever asks at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.store import telling
from ledger.store.database import Store
from tests.tables import dump

ONE, OTHER, THIRD = bytes(16), bytes([1] * 16), bytes([2] * 16)
NOW = 1_795_000_000


@pytest.fixture
def stores(database_url: str) -> list[Store]:
    """Two processes' ways to one database."""
    return [Store.create(database_url), Store.open(database_url)]


def test_five_times_for_one_holder_and_account(stores: list[Store]) -> None:
    store, _ = stores
    assert [telling.tell(store, 1, ONE, OTHER, NOW + n) for n in range(7)] == [True] * 5 + [False] * 2
    assert telling.wait_s(store, 1, ONE, [THIRD, OTHER], NOW + 10) == telling.DAY_S - 10
    for ledger_id, holder, accounts in ((1, ONE, [THIRD]), (1, OTHER, [OTHER]), (2, ONE, [OTHER]), (1, ONE, [])):
        assert telling.wait_s(store, ledger_id, holder, accounts, NOW + 10) is None
    assert telling.tell(store, 1, ONE, THIRD, NOW) and telling.tell(store, 2, ONE, OTHER, NOW)


def test_places_come_back_one_by_one_and_nothing_is_kept_longer(stores: list[Store]) -> None:
    store, _ = stores
    for n in range(5):
        assert telling.tell(store, 1, ONE, OTHER, NOW + n)
    later = NOW + telling.DAY_S
    assert telling.wait_s(store, 1, ONE, [OTHER], later - 1) == 1
    assert telling.wait_s(store, 1, ONE, [OTHER], later) is None
    assert [telling.tell(store, 1, ONE, OTHER, later) for _ in range(2)] == [True, False]
    assert telling.tell(store, 1, ONE, THIRD, later + telling.DAY_S)
    assert len(dump(store)["told"]) == 1


def test_several_processes_share_the_five(stores: list[Store]) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: telling.tell(stores[n % 2], 1, ONE, OTHER, NOW), range(24)))
    assert sum(told) == 5
    assert len(dump(stores[0])["told"]) == 5
