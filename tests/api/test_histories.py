"""Histories over HTTP: what stood when, who set it and why; for whom; whole over pages, erasures and a rebuild."""

import json
from typing import Any

import pytest

from ledger.core.ledgers import SetPolicy
from ledger.core.members import Facts, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.words import AccountId, MemberId
from ledger.rebuild.rebuilding import rebuild
from tests.api.desk import Desk, check_problem
from tests.territory import LIMITS, RETENTION

WHY = {"reason": "decided in May – 5:2"}


def changed(desk: Desk) -> bytes:
    """A member whose account and facts were changed, and a policy that was set twice."""
    territory = desk.territory
    (member,) = territory.members(1)
    account, since = AccountId(member), 1
    for n in range(1, 6):
        territory.clock.now += 60
        asked = SetLimits(account, -100 * n, 100 * n, since, b"")
        since = territory.accepted(territory.administer("set_limits", asked, texts={"reason": f"step {n}"}))
    suspended = territory.accepted(territory.administer("suspend", Suspend(account, 1, b""), texts=WHY))
    territory.accepted(territory.administer("reinstate", Reinstate(account, suspended, b""), texts=WHY))
    facts = Facts("public", False, False, "FR/66136", "nace2.1/84.11")
    territory.accepted(territory.administer("set_facts", SetFacts(MemberId(member), facts, 1, b""), texts=WHY))
    first = territory.accepted(territory.administer("set_policy", SetPolicy("limits", '{"personal":[0,5]}', 0)))
    territory.accepted(territory.administer("set_policy", SetPolicy("limits", LIMITS, first), texts=WHY))
    return member


def items(desk: Desk, path: str, token: str | None, limit: int = 500) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = desk.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}", token).json
        assert body is not None and "items" in body, body
        assert len(body["items"]) == limit or body["next"] is None
        found += body["items"]
        if body["next"] is None:
            return found
        cursor = f"&cursor={body['next']}"


def test_what_stood_and_who_set_it(either_desk: Desk) -> None:
    desk = either_desk
    member, token = changed(desk), desk.administrator()
    by = sorted(holder.hex() for holder, _ in desk.territory.administrators[:2])
    limits = items(desk, f"accounts/{member.hex()}/limits", token)
    figures = [(-500_000, 500_000), *((-100 * n, 100 * n) for n in range(1, 6))]
    assert [(one["after"]["floor"], one["after"]["ceiling"]) for one in reversed(limits)] == figures
    assert [one["before"] for one in limits] == [*(one["after"] for one in limits[1:]), None]
    assert [one["reason"] for one in limits] == [*(f"step {n}" for n in range(5, 0, -1)), None]
    assert limits[0] == {
        "log_index": 6, "time": "2026-11-18T11:11:40Z", "id": desk.territory.row(6).id.hex(), "kind": "set_limits",
        "signers": by, "reason": "step 5", "before": {"floor": -400, "ceiling": 400},
        "after": {"floor": -500, "ceiling": 500},
    }  # fmt: skip
    status = items(desk, f"accounts/{member.hex()}/status", token)
    assert [(one["after"], one["kind"]) for one in status] == [
        ("open", "reinstate"), ("suspended", "suspend"), ("open", "admit")]  # fmt: skip
    facts = items(desk, f"members/{member.hex()}/facts", token)
    assert facts[0]["after"] == {"kind": "public", "inside": False, "sse": False, "place": "FR/66136",
                                 "sector": "nace2.1/84.11"}  # fmt: skip
    assert facts[0]["before"] == facts[1]["after"] and member.hex() in facts[1]["signers"]
    fees = items(desk, f"accounts/{desk.territory.common['losses'].hex()}/limits", token)
    assert [(one["kind"], one["after"]["floor"], len(one["signers"])) for one in fees] == [("genesis", -1_000_000, 4)]


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_pages_are_the_whole_list_cut(either_desk: Desk, limit: int) -> None:
    """Also within one entry: the genesis sets several policies."""
    desk = either_desk
    member, token = changed(desk), desk.administrator()
    for path in (f"accounts/{member.hex()}/limits", "policies", "policies?feature=limits", "policies?feature=rules"):
        assert items(desk, path, token, limit) == items(desk, path, token)
    found = items(desk, "policies", None, limit)
    assert [(one["feature"], one["log_index"]) for one in found] == [
        ("limits", 11), ("limits", 10), ("limits", 0), ("retention", 0), ("rules", 0)]  # fmt: skip


def test_policies_are_public_and_their_reasons_are_not(desk: Desk) -> None:
    member = changed(desk)
    response = desk.get("policies")
    assert response.headers["Cache-Control"] == "public, no-cache" and "decided" not in response.text
    found = items(desk, "policies", None)
    assert [one["after"] for one in found] == [
        json.loads(LIMITS),
        {"personal": [0, 5]},
        json.loads(LIMITS),
        RETENTION,
        1,
    ]
    assert found[0]["before"] == {"personal": [0, 5]} and len(found[0]["signers"]) == 2
    assert "decided" not in desk.get("policies", desk.token(member)).text
    assert items(desk, "policies", desk.administrator())[0]["reason"] == WHY["reason"]
    check_problem(desk.get("policies?feature=alms"), 400, "query_invalid")
    check_problem(desk.get("policies", "no token"), 401, "token_invalid")


def test_reasons_are_for_parties_and_administrators(desk: Desk) -> None:
    member = changed(desk)
    auditor = desk.territory.register_auditor()
    for path in (f"accounts/{member.hex()}/limits", f"accounts/{member.hex()}/status", f"members/{member.hex()}/facts"):
        own, all_of_it = items(desk, path, desk.token(member)), items(desk, path, desk.administrator())
        assert own == all_of_it and own[0]["reason"]
        assert items(desk, path, desk.token(auditor)) == [{**one, "reason": None} for one in own]


def test_an_erased_note_leaves_what_it_did(desk: Desk) -> None:
    territory = desk.territory
    member = changed(desk)
    auditor = territory.register_auditor()
    territory.clock.now += RETENTION + 86_400
    territory.accepted(territory.erasure(auditor, 3, 6))
    found = items(desk, f"accounts/{member.hex()}/limits", desk.administrator())
    gone = {one["log_index"]: one for one in found}
    assert [gone[index]["signers"] for index in (3, 6)] == [None, None]
    assert [gone[index]["reason"] for index in (3, 5, 6)] == [None, "step 4", None]
    assert gone[6]["after"] == {"floor": -500, "ceiling": 500} and gone[4]["before"] == gone[3]["after"]


def test_a_rebuild_makes_the_same_histories(either_desk: Desk) -> None:
    desk = either_desk
    member, token = changed(desk), desk.administrator()
    paths = [f"accounts/{member.hex()}/limits", f"members/{member.hex()}/facts", "policies"]
    before = [items(desk, path, token) for path in paths]
    rebuild(desk.territory.store)
    assert [items(desk, path, token) for path in paths] == before


def test_a_cursor_is_good_for_its_history_alone(desk: Desk) -> None:
    member, token = changed(desk), desk.administrator()
    page = desk.get(f"accounts/{member.hex()}/limits?limit=1", token).json
    assert page is not None
    cursor, fees = page["next"], desk.territory.common["fees"].hex()
    for path in (f"accounts/{member.hex()}/status", f"accounts/{member.hex()}/movements", "policies",
                 f"members/{member.hex()}/facts", f"accounts/{fees}/limits"):  # fmt: skip
        check_problem(desk.get(f"{path}?cursor={cursor}", token), 400, "cursor_invalid")
    check_problem(desk.get(f"accounts/{member.hex()}/limits?kind=trade", token), 400, "query_invalid")
