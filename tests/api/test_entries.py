"""The public lines of the log, a page at a time."""

from typing import Any

import pytest

from ledger.log import checkpoint, entry, merkle
from tests.api.desk import BASE, Desk, check_problem


def lived(desk: Desk, size: int) -> None:
    """A signed log of this size."""
    payer, payee = desk.territory.members(2)
    for _ in range(size - 3):
        assert desk.submit(desk.territory.transfer(payer, payee, 1)).status_code == 201


def pages(desk: Desk, query: str) -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while True:
        body = desk.get(f"entries?{query}{cursor}").json
        assert body is not None
        found.append(body["items"])
        if body["next"] is None:
            return found
        cursor = f"&cursor={body['next']}"


def test_the_lines_of_all_entries_make_the_root(either_desk: Desk) -> None:
    desk = either_desk
    lived(desk, 5)
    response = desk.get("entries")
    assert response.headers["Cache-Control"] == "public, no-cache" and response.json is not None
    items = response.json["items"]
    assert [item["log_index"] for item in items] == [0, 1, 2, 3, 4] and response.json["next"] is None
    leaves = [entry.leaf_hash(item["entry"].encode()) for item in items]
    assert merkle.root(leaves) == checkpoint.parse(desk.get("/solana/checkpoint").data).root
    for item in items:
        assert desk.get(f"entries/{item['log_index']}").json.items() >= item.items()  # type: ignore[union-attr]
        assert set(item) == {"log_index", "entry"}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 500])
@pytest.mark.parametrize("start", [0, 1, 4])
def test_pages_are_the_whole_list_cut(desk: Desk, limit: int, start: int) -> None:
    lived(desk, 6)
    whole = pages(desk, "limit=500")[0]
    found = pages(desk, f"limit={limit}&from={start}")
    assert [item for page in found for item in page] == whole[start:]
    assert all(len(page) == limit for page in found[:-1]) and found[-1]


def test_nothing_is_beyond_what_is_signed(desk: Desk) -> None:
    lived(desk, 4)
    payer, payee = desk.territory.members(2, first=2)
    assert pages(desk, "from=4") == [[]]
    assert pages(desk, "from=9007199254740991") == [[]]
    page = desk.get("entries?limit=3").json
    assert page is not None
    desk.submit(desk.territory.transfer(payer, payee, 1))
    after = desk.get(f"entries?limit=3&cursor={page['next']}").json
    assert after is not None and [item["log_index"] for item in after["items"]] == [3, 4, 5]
    desk.broken = RuntimeError("the signer is away")
    desk.submit(desk.territory.transfer(payer, payee, 1))
    assert [item["log_index"] for item in pages(desk, "limit=500")[0]] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "from=-1", "from=x", "from=9007199254740992", "to=1",
                                   "from=1&from=2", "kind=transfer", "cursor=" + "A" * 65])  # fmt: skip
def test_hostile_queries(desk: Desk, query: str) -> None:
    check_problem(desk.get(f"entries?{query}"), 400, "query_invalid")


def test_a_cursor_of_another_query_or_of_nobody(desk: Desk) -> None:
    lived(desk, 4)
    page = desk.get("entries?limit=1").json
    assert page is not None
    cursor = page["next"]
    for query in (f"from=1&cursor={cursor}", "cursor=", "cursor=x", f"cursor={cursor[:-1]}", f"cursor={cursor}A"):
        check_problem(desk.get(f"entries?{query}"), 400, "cursor_invalid")
    check_problem(desk.client.post(f"{BASE}/entries"), 405, "method_not_allowed")
