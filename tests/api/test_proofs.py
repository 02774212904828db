"""Consistency proofs by HTTP: from every size to the latest checkpoint, for anyone, on each engine."""

import time
from collections.abc import Callable

from ledger.log import checkpoint, consistency, keys, merkle
from tests.api.desk import Desk, check_problem


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def roots(desk: Desk, size: int) -> list[bytes]:
    """The root of each prefix, from the public entries alone."""
    entries = [desk.get(f"entries/{n}").json["entry"].encode() for n in range(size)]  # type: ignore[index]
    leaves = [merkle.leaf_hash(octets) for octets in entries]
    return [merkle.root(leaves[:n]) for n in range(size + 1)]


def test_from_every_size(either_desk: Desk) -> None:
    territory = either_desk.territory
    payer, payee = territory.members(2)
    for amount in range(1, 300):
        territory.send(territory.transfer(payer, payee, amount))
    assert either_desk.submit(territory.transfer(payer, payee, 7)).status_code == 201
    size = 303
    of = roots(either_desk, size)
    for old in (*range(1, 12), 255, 256, 257, 301, 302, 303):
        response = either_desk.get(f"/solana/consistency?old={old}")
        assert (response.status_code, response.content_type) == (200, "text/plain; charset=utf-8")
        found = consistency.parse(response.data)
        signed = checkpoint.verify(found.checkpoint, territory.origin, keys.public_of(territory.operator))
        assert (found.old, signed.size, signed.root) == (old, size, of[size])
        assert merkle.verify_consistency(old, size, of[old], of[size], found.path)


def test_to_a_checkpoint_that_was_signed_before(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    first = desk.submit(desk.territory.transfer(payer, payee, 1)).json["checkpoint"]  # type: ignore[index]
    desk.submit(desk.territory.transfer(payer, payee, 1))
    size = checkpoint.parse(first.encode()).size
    path = f"/solana/consistency?old=2&new={size}"
    wait_for(lambda: desk.get(path).status_code == 200)  # its row is written a moment after the answer
    found = consistency.parse(desk.get(path).data)
    of = roots(desk, size + 1)
    assert found.checkpoint == first.encode()
    assert merkle.verify_consistency(2, size, of[2], of[size], found.path)
    check_problem(desk.get(f"/solana/consistency?old={size + 1}&new={size}"), 400, "query_invalid")
    for never_signed in (2, size + 2):
        check_problem(desk.get(f"/solana/consistency?old=1&new={never_signed}"), 404, "not_found")


def test_from_nothing_the_path_is_empty(desk: Desk) -> None:
    found = consistency.parse(desk.get("/solana/consistency?old=0").data)
    assert (found.old, found.path) == (0, ())
    assert found.checkpoint == desk.get("/solana/checkpoint").data


def test_anyone_may_keep_it_and_ask_whether_it_stands(desk: Desk) -> None:
    first = desk.get("/solana/consistency?old=1")
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert desk.get("/solana/consistency?old=1", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    desk.territory.members(1)


def test_what_is_not_asked_rightly(desk: Desk) -> None:
    for query in (
        "",
        "?old=",
        "?old=-1",
        "?old=01",
        "?old=1_0",
        "?old=x",
        "?old=1&size=1",
        "?old=1&old=1",
        "?old=1&new=+1",
    ):
        check_problem(desk.get(f"/solana/consistency{query}"), 400, "query_invalid")
    details = check_problem(desk.get("/solana/consistency?old=2"), 400, "query_invalid")
    assert "1 entries" in details["what"]
    check_problem(desk.get("/nowhere/consistency?old=1"), 404, "not_found")
    check_problem(desk.client.post("/solana/consistency?old=1"), 405, "method_not_allowed")
