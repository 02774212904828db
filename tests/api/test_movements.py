"""All movements of a ledger and their totals over HTTP: pages, cursors, what is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ledger.ambient.turns import RUNNING, SEARCHING, turns
from ledger.api.movements import AnyMovement
from ledger.core.transfers import Leg
from ledger.core.words import AccountId
from ledger.service import books
from ledger.store.database import Store
from tests.api.desk import BASE, Desk, check_problem


def traded(desk: Desk) -> list[bytes]:
    """Three members who have paid each other, once a minute, and in one bulk."""
    territory = desk.territory
    members = territory.members(3)
    for n in range(9):
        territory.clock.now += 60
        territory.send(territory.transfer(members[n % 3], members[(n + 1) % 3], n + 1, purpose=("SUPP", None)[n % 2]))
    territory.send(territory.transfer_many(members[0], [Leg(AccountId(one), 20) for one in members[1:]]))
    return members


def pages(desk: Desk, token: str, query: str) -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while True:
        body = desk.get(f"movements?{query}{cursor}", token).json
        assert body is not None, query
        found.append(body["items"])
        if body["next"] is None:
            return found
        cursor = f"&cursor={body['next']}"


def test_every_movement_newest_first_with_both_balances(either_desk: Desk) -> None:
    desk = either_desk
    one, two, three = traded(desk)
    response = desk.get("movements?limit=500", desk.administrator())
    assert response.headers["Cache-Control"] == "no-store" and response.json is not None
    items = response.json["items"]
    assert [item["amount"] for item in items] == [20, 20, 9, 8, 7, 6, 5, 4, 3, 2, 1] and response.json["next"] is None
    assert [item["id"][1] for item in items[:2]] == [1, 0]
    assert set(items[0]) == {*AnyMovement().fields}
    for id in (one, two, three):
        shown = desk.get(f"accounts/{id.hex()}", desk.administrator()).json
        last = next(item for item in items if id.hex() in (item["payer"], item["payee"]))
        side = "payer" if last["payer"] == id.hex() else "payee"
        assert shown is not None and last[f"{side}_balance"] == shown["balance"]


@pytest.mark.parametrize("limit", [1, 3, 11, 12])
def test_pages_are_the_whole_list_cut(either_desk: Desk, limit: int) -> None:
    desk = either_desk
    one, *_ = traded(desk)
    token = desk.administrator()
    for query in ("", f"&account={one.hex()}", "&purpose=SUPP&min_amount=3", "&class=commercial", "&kind=fee"):
        (whole,) = pages(desk, token, f"limit=500{query}")
        found = pages(desk, token, f"limit={limit}{query}")
        assert [item for page in found for item in page] == whole
        assert all(len(page) == limit for page in found[:-1])


def test_pages_do_not_tear_while_others_write(desk: Desk) -> None:
    one, two, _ = traded(desk)
    token = desk.administrator()
    first = desk.get("movements?limit=4", token).json
    assert first is not None
    for n in range(3):
        desk.territory.send(desk.territory.transfer(two, one, 100 + n))
    rest = desk.get(f"movements?cursor={first['next']}", token).json
    assert rest is not None
    assert [item["amount"] for item in first["items"] + rest["items"]] == [20, 20, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_totals(either_desk: Desk) -> None:
    desk = either_desk
    one, *_ = traded(desk)
    token = desk.administrator()
    found = desk.get("movements/totals", token).json
    assert found == {"log_size": 14, "count": 11, "sum": 85, "groups": []}
    found = desk.get(f"movements/totals?by=kind,month,class&account={one.hex()}&max_amount=9", token).json
    assert found == {"log_size": 14, "count": 6, "sum": 30, "groups": [{
        "month": "2026-11", "kind": "trade", "payer_class": "commercial", "payee_class": "commercial",
        "count": 6, "sum": 30}]}  # fmt: skip
    assert desk.get("movements/totals?kind=fee&by=kind", token).json == {
        "log_size": 14, "count": 0, "sum": 0, "groups": []}  # fmt: skip


@pytest.mark.parametrize("query", [
    "account=x", "payer=" + "0" * 32, "payee=", "kind=bribe", "purpose=supp", "purpose=SUPP%0A", "min_amount=-1",
    "max_amount=1.5", "min_amount=9999999999999999", "class=A", "class=a%0A", "from=2026-11-25", "by=kind", "since=1",
    "limit=0", "account=0192F3A87C0B7E1A9D2C4B5A69788796",
])  # fmt: skip
def test_hostile_queries(desk: Desk, query: str) -> None:
    check_problem(desk.get(f"movements?{query}", desk.administrator()), 400, "query_invalid")


@pytest.mark.parametrize("query", ["by=", "by=kind,kind", "by=year", "by=kind%20month", "limit=5", "cursor=x"])
def test_hostile_queries_of_totals(desk: Desk, query: str) -> None:
    check_problem(desk.get(f"movements/totals?{query}", desk.administrator()), 400, "query_invalid")


def test_a_cursor_is_good_for_its_query_alone(desk: Desk) -> None:
    one, *_ = traded(desk)
    token = desk.administrator()
    page = desk.get("movements?limit=1&max_amount=9", token).json
    assert page is not None
    cursor = page["next"]
    assert desk.get(f"movements?limit=7&max_amount=9&cursor={cursor}", token).status_code == 200
    for path in ("movements?", "movements?max_amount=8&", "movements?min_amount=9&", f"movements?account={one.hex()}&",
                 f"accounts/{one.hex()}/movements?max_amount=9&", "entries?"):  # fmt: skip
        check_problem(desk.get(f"{path}cursor={cursor}", token), 400, "cursor_invalid")


def test_a_member_cannot_find_out_whose_class_is_what(desk: Desk) -> None:
    """Of its own history it filters by what the movements say, and no more."""
    one, two, _ = traded(desk)
    token = desk.token(one)
    found = desk.get(f"accounts/{one.hex()}/movements?payee={two.hex()}&min_amount=2&purpose=SUPP", token).json
    assert found is not None and [item["amount"] for item in found["items"]] == [7]
    check_problem(desk.get(f"accounts/{one.hex()}/movements?class=commercial", token), 400, "query_invalid")


def test_an_administrator_without_the_scope_is_told_so(desk: Desk) -> None:
    login = desk.login(desk.territory.administrators[0][0])
    response = desk.client.post("/v1/ledgers/solana/tokens?scopes=read", data=login, content_type="text/plain")
    assert response.json is not None
    assert check_problem(desk.get("movements", response.json["token"]), 403, "scope_missing") == {"scope": "administer"}


def test_nobody_waits_for_totals(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are turns add up, for as long as a large ledger takes; others are answered."""
    traded(desk)
    token, real, asked, go_on = desk.administrator(), books.total_movements, Semaphore(0), Event()

    def slow(*arguments: Any) -> Any:
        asked.release()
        assert go_on.wait(30)
        return real(*arguments)

    monkeypatch.setattr(books, "total_movements", slow)
    with ThreadPoolExecutor(RUNNING) as pool:
        totals = [pool.submit(in_its_turn, lambda: desk.app.test_client().get(f"{BASE}/movements/totals", headers={
            "Authorization": f"Bearer {token}"})) for _ in range(RUNNING)]  # fmt: skip
        try:
            assert all(asked.acquire(timeout=30) for _ in totals)
            assert in_its_turn(lambda: desk.get("/solana/checkpoint")).status_code == 200
        finally:
            go_on.set()
        assert [one.result().json["count"] for one in totals] == [11] * RUNNING  # type: ignore[index]


@pytest.mark.parametrize("address", ["movements?min_amount=1", "movements/totals"])
def test_many_who_search_leave_connections_for_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    one, *_ = traded(desk)
    token, asked, go_on = desk.administrator(), Semaphore(0), Event()

    def slow(store: Store, *arguments: Any) -> Any:
        with store.read():
            asked.release()
            assert go_on.wait(30)
        return {} if address == "movements/totals" else ([], None)

    monkeypatch.setattr(books, "total_movements", slow)
    monkeypatch.setattr(books, "list_movements", slow)
    with ThreadPoolExecutor(32) as pool:
        found = [pool.submit(in_its_turn, lambda: desk.app.test_client().get(f"{BASE}/{address}", headers={
            "Authorization": f"Bearer {token}"})) for _ in range(32)]  # fmt: skip
        try:
            assert all(asked.acquire(timeout=30) for _ in range(SEARCHING))
            assert in_its_turn(lambda: desk.get(f"accounts/{one.hex()}", token)).status_code == 200
        finally:
            go_on.set()
        assert {each.result().status_code for each in found} == {200}


def in_its_turn(answer: Callable[[], TestResponse]) -> TestResponse:
    """Answer as a server's thread does."""
    free = Event()
    turns.ask(free.set)
    assert free.wait(30)
    with turns.taken():
        return answer()
