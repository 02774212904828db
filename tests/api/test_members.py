"""The members of a ledger over HTTP: filters as by hand, pages, and no name for those who audit."""

from itertools import product
from typing import Any

import pytest

from ledger.core.members import Facts, OpenAccount, Suspend
from ledger.core.words import AccountId, MemberId
from tests.api.desk import Desk, check_problem

KINDS, PLACES = ("business", "person", "public"), ("ES/08215", "FR/66136")


def peopled(desk: Desk) -> list[bytes]:
    """Twelve members of all sorts, some with a second account, some suspended."""
    territory, members = desk.territory, []
    for n, (kind, place, inside) in enumerate(product(KINDS, PLACES, (True, False))):
        sector = "nace2.1/10.71" if kind == "business" else None
        facts = Facts(kind, inside, n % 3 == 0, place, sector)  # type: ignore[arg-type]
        name = f"Name {n}" if n % 4 else None
        id, octets = territory.admission(f"m {n}", ("commercial", "personal")[n % 2], facts, profile=name)
        territory.accepted(octets)
        members.append(id)
        if n % 5 == 0:
            territory.accepted(territory.administer("open_account", OpenAccount(MemberId(id), "personal")))
        if n % 3 == 0:
            index = territory.door.head().size - (2 if n % 5 == 0 else 1)
            asked = Suspend(AccountId(id), index, b"")
            territory.accepted(territory.administer("suspend", asked, texts={"reason": "x"}))
    return members


def items(desk: Desk, token: str, query: str, limit: int = 500) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        body = desk.get(f"members?limit={limit}&{query}{cursor}", token).json
        assert body is not None and "items" in body, body
        found += body["items"]
        if body["next"] is None:
            return found
        assert len(body["items"]) == limit
        cursor = f"&cursor={body['next']}"


def fits(member: dict[str, Any], query: dict[str, str]) -> bool:
    facts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in member["facts"].items()}
    of_account = {name: query[name] for name in ("class", "status") if name in query}
    return all(facts[name] == value for name, value in query.items() if name not in of_account) and any(
        all(account[name] == value for name, value in of_account.items()) for account in member["accounts"]
    )


def test_filters_mean_the_same_as_filtering_by_hand(either_desk: Desk) -> None:
    desk = either_desk
    members, token = peopled(desk), desk.administrator()
    whole = items(desk, token, "")
    assert [one["id"] for one in whole] == [id.hex() for id in members]
    assert [one["name"] for one in whole[:3]] == [None, "Name 1", "Name 2"]
    assert [len(one["accounts"]) for one in whole[:6]] == [2, 1, 1, 1, 1, 2]
    choices = {"kind": (None, "business", "person"), "place": (None, "FR/66136"), "inside": (None, "false"),
               "sse": (None, "true"), "sector": (None, "nace2.1/10.71"), "class": (None, "personal", "public"),
               "status": (None, "suspended", "open")}  # fmt: skip
    for values in product(*choices.values()):
        query = {name: value for name, value in zip(choices, values, strict=True) if value is not None}
        found = items(desk, token, "&".join(f"{name}={value}" for name, value in query.items()))
        assert found == [one for one in whole if fits(one, query)], query


@pytest.mark.parametrize("limit", [1, 5, 6, 12])
def test_pages_are_the_whole_list_cut(desk: Desk, limit: int) -> None:
    peopled(desk)
    token = desk.administrator()
    for query in ("", "class=personal", "status=suspended"):
        assert items(desk, token, query, limit) == items(desk, token, query)


def test_pages_do_not_tear_while_others_are_admitted(desk: Desk) -> None:
    peopled(desk)
    token = desk.administrator()
    first = desk.get("members?limit=11", token).json
    assert first is not None
    (new,) = desk.territory.members(1)
    rest = desk.get(f"members?cursor={first['next']}", token).json
    assert rest is not None and [one["id"] for one in rest["items"]][1:] == [new.hex()]


def test_an_auditor_sees_no_names(desk: Desk) -> None:
    peopled(desk)
    auditor = desk.territory.register_auditor()
    whole = items(desk, desk.administrator(), "")
    assert items(desk, desk.token(auditor), "") == [{**one, "name": None} for one in whole]
    assert "Name" not in desk.get("members", desk.token(auditor)).text


def test_an_account_in_the_list_is_the_account(desk: Desk) -> None:
    peopled(desk)
    token = desk.administrator()
    for one in items(desk, token, "")[:3]:
        for account in one["accounts"]:
            assert desk.get(f"accounts/{account['id']}", token).json == account


@pytest.mark.parametrize("query", [
    "kind=king", "place=es", "inside=1", "inside=True", "sse=yes", "class=", "status=shut", "sector=x", "limit=0",
    "name=Forn", "kind=person&kind=public",
])  # fmt: skip
def test_hostile_queries(desk: Desk, query: str) -> None:
    check_problem(desk.get(f"members?{query}", desk.administrator()), 400, "query_invalid")


def test_a_cursor_is_good_for_its_query_alone(desk: Desk) -> None:
    peopled(desk)
    token = desk.administrator()
    page = desk.get("members?limit=1&kind=person", token).json
    assert page is not None
    for path in ("members?kind=public&", "members?", "movements?"):
        check_problem(desk.get(f"{path}cursor={page['next']}", token), 400, "cursor_invalid")


def test_totals_of_accounts(either_desk: Desk) -> None:
    desk = either_desk
    one, two = desk.territory.members(2)
    desk.territory.accepted(desk.territory.transfer(one, two, 3430))
    assert desk.get("accounts/totals", desk.administrator()).json == {
        "log_size": 4, "accounts": 4, "positive": 3430, "negative": -3430, "sum": 0,
        "groups": [
            {"kind": "common", "class": None, "accounts": 2, "positive": 0, "negative": 0},
            {"kind": "member", "class": "commercial", "accounts": 2, "positive": 3430, "negative": -3430},
        ],
    }  # fmt: skip
