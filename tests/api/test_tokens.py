"""Logging in: a nonce once, a window, one's own live key; tokens that expire, and are kept hashed alone."""

import pytest
from sqlalchemy import text

from ledger.client.writing import signature_line
from ledger.core.keyrings import AddKey, RevokeKey
from ledger.core.words import HolderId
from ledger.log import instruction
from tests.api.desk import Desk, check_problem
from tests.territory import ORIGIN, public, seed


def test_a_login(either_desk: Desk) -> None:
    desk = either_desk
    (member,) = desk.territory.members(1)
    response = desk.post_login(desk.login(member))
    assert response.status_code == 201 and response.json is not None
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json) == {"token", "expires", "holder", "scopes"}
    assert (response.json["holder"], response.json["scopes"]) == (member.hex(), ["read", "preview"])
    assert response.json["expires"] == "2026-11-18T12:06:40Z"
    assert desk.get(f"accounts/{member.hex()}", response.json["token"]).status_code == 200


def test_a_nonce_counts_once(either_desk: Desk) -> None:
    desk = either_desk
    one, two = desk.territory.members(2)
    octets = desk.login(one, "drawn-for-this-very-test")
    assert desk.post_login(octets).status_code == 201
    check_problem(desk.post_login(octets), 422, "nonce_used")
    again = desk.login(one, "drawn-for-this-very-test", not_after=desk.territory.clock.now + 200)
    check_problem(desk.post_login(again), 422, "nonce_used")
    assert desk.post_login(desk.login(two, "drawn-for-this-very-test")).status_code == 201  # nobody spends another's


def test_a_spent_nonce_is_forgotten_only_when_its_note_is_out_of_time(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    octets = desk.login(member, not_after=desk.territory.clock.now + 300)
    assert desk.post_login(octets).status_code == 201
    desk.territory.clock.now += 300
    desk.token(member)
    check_problem(desk.post_login(octets), 422, "nonce_used")
    desk.territory.clock.now += 1
    desk.token(member)
    check_problem(desk.post_login(octets), 422, "expired")


@pytest.mark.parametrize(("ahead", "reason"), [(-1, "expired"), (301, "not_yet_valid"), (10**12, "not_yet_valid")])
def test_a_login_out_of_time(desk: Desk, ahead: int, reason: str) -> None:
    (member,) = desk.territory.members(1)
    check_problem(desk.post_login(desk.login(member, not_after=desk.territory.clock.now + ahead)), 422, reason)


@pytest.mark.parametrize("ahead", [0, 300])
def test_both_ends_of_the_window_are_inside(desk: Desk, ahead: int) -> None:
    (member,) = desk.territory.members(1)
    assert desk.post_login(desk.login(member, not_after=desk.territory.clock.now + ahead)).status_code == 201


def test_another_ledgers_login(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    check_problem(desk.post_login(desk.login(member, origin="ledger.example/other")), 400, "malformed")


def test_another_key(desk: Desk) -> None:
    one, two = desk.territory.members(2)
    for wrong in (seed("nobody"), desk.territory.seeds[two], desk.territory.operator):
        check_problem(desk.post_login(desk.login(one, seed=wrong)), 422, "signature_invalid")


def test_a_changed_text(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    octets = desk.login(member, "aaaaaaaaaaaaaaaaaaaa").replace(b"aaaaaaaaaaaaaaaaaaaa", b"aaaaaaaaaaaaaaaaaaab")
    check_problem(desk.post_login(octets), 422, "signature_invalid")


def test_a_dead_key_logs_nobody_in_and_its_tokens_end(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    token = desk.token(member)
    with desk.territory.store.writes.begin() as connection:
        connection.execute(text("UPDATE key SET status = 'revoked' WHERE holder = :holder"), {"holder": member})
    check_problem(desk.post_login(desk.login(member)), 422, "key_dead")
    check_problem(desk.get(f"accounts/{member.hex()}", token), 401, "token_invalid")


def test_a_token_ends_with_the_key_that_it_was_got_by(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    holder, first, second = HolderId(member), desk.territory.seeds[member], seed("till")
    added = desk.territory.draft("add_key", AddKey(holder, public("till")))
    desk.territory.accepted(added.signed([(holder, first), (holder, second)]))
    tokens = [desk.post_login(desk.login(member, seed=key)).json["token"] for key in (first, second)]  # type: ignore[index]
    revoked = desk.territory.draft("revoke_key", RevokeKey(holder, public("till")))
    desk.territory.accepted(revoked.signed([(holder, first)]))
    assert desk.get(f"accounts/{member.hex()}", tokens[0]).status_code == 200
    check_problem(desk.get(f"accounts/{member.hex()}", tokens[1]), 401, "token_invalid")


def test_an_instruction_is_no_login(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    check_problem(desk.post_login(desk.territory.transfer(payer, payee, 1)), 400, "malformed")
    check_problem(desk.submit(desk.login(payer)), 400, "malformed")


def test_two_signers_are_no_login(desk: Desk) -> None:
    one, two = desk.territory.members(2)
    object = b'{"nonce":"drawn-by-two-holders","not_after":%d}' % desk.territory.clock.now
    octets = instruction.login_text(ORIGIN, object)
    lines = [signature_line(octets, HolderId(holder), desk.territory.seeds[holder]) for holder in (one, two)]
    check_problem(desk.post_login(instruction.note(octets, lines)), 400, "malformed")


@pytest.mark.parametrize(
    "object",
    [b"{}", b'{"nonce":"0123456789abcdef"}', b'{"nonce":"short","not_after":1}', b'{"nonce":16,"not_after":1}',
     b'{"nonce":"0123456789abcdef","not_after":1.5}', b'{"nonce":"0123456789abcdef","not_after":"1"}',
     b'{"nonce":"0123456789abcdef","not_after":-1}', b'{"nonce":"0123456789abcdef","not_after":1,"scope":"all"}',
     b'{"not_after":1,"nonce":"0123456789abcdef"}', b'{"nonce":"' + b"a" * 129 + b'","not_after":1}',
     b'{"nonce":"0123456789abcdef","not_after":99999999999999999999}'],
)  # fmt: skip
def test_hostile_logins(desk: Desk, object: bytes) -> None:
    (member,) = desk.territory.members(1)
    check_problem(desk.post_login(desk.login(member, object=object)), 400, "malformed")


def test_an_oversized_login(desk: Desk) -> None:
    check_problem(desk.post_login(b"a" * 4097), 413, "too_large")


def test_a_token_expires(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    token = desk.token(member)
    desk.territory.clock.now += 3599
    assert desk.get(f"accounts/{member.hex()}", token).status_code == 200
    desk.territory.clock.now += 1
    check_problem(desk.get(f"accounts/{member.hex()}", token), 401, "token_invalid")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "x", "Bearer " + "A" * 4000, "Bearer é"]
)
def test_a_bad_token_is_refused_even_where_none_is_needed(desk: Desk, header: str) -> None:
    (member,) = desk.territory.members(1)
    for path in (f"accounts/{member.hex()}", "entries/0"):
        response = desk.get(path, headers={"Authorization": header})
        check_problem(response, 401, "token_invalid")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_is_good_in_its_own_ledger_alone(desk: Desk, tmp_path: object) -> None:
    other = Desk(f"sqlite:///{tmp_path}/other.db", origin="ledger.example/solana")
    try:
        (member,) = other.territory.members(1)
        check_problem(desk.get(f"accounts/{member.hex()}", other.token(member)), 401, "token_invalid")
    finally:
        other.close()


def test_tokens_and_nonces_are_kept_as_hashes_alone(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    response = desk.post_login(desk.login(member, "drawn-and-not-to-be-kept"))
    assert response.json is not None
    with desk.territory.store.read() as connection:
        kept = repr([list(connection.execute(text(f"SELECT * FROM {table}"))) for table in ("token", "nonce")])
    assert response.json["token"] not in kept and "drawn-and-not" not in kept


def test_what_has_expired_is_thrown_away(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    for _ in range(3):
        desk.token(member)
    desk.territory.clock.now += 4000
    desk.token(member)
    with desk.territory.store.read() as connection:
        for table in ("token", "nonce"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1
