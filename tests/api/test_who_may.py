"""Who may do what: every route of the URL map, walked by every role. A route that is not in ROUTES fails."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from ledger.api import access
from ledger.core.grants import GiveGrant
from ledger.core.holders import RegisterHolder
from ledger.core.words import AccountId, HolderId
from ledger.log import instruction
from tests.api.desk import BASE, Desk, check_problem
from tests.api.test_documents import routes
from tests.territory import public, seed

NOWHERE = "0192f3a87c0b7e1a9d2c4b5a69788796"
# Nobody sends no token, a stranger has no part in what is asked for; `partner` was paid by the member, `delegate` has a
# grant to read the member's account, the bank one to pay from it, which lets it read nothing.
GOOD = ("nobody", "stranger", "member", "partner", "administrator", "delegate", "bank", "auditor")
ROLES = (*GOOD, "expired", "revoked", "unread", "unseeing")
PUBLIC = dict.fromkeys(GOOD, 200)
BAD = {"expired": 401, "revoked": 401}
MINE = {**PUBLIC, "nobody": 401, "stranger": 404, "partner": 404, "bank": 404, **BAD, "unread": 403, "unseeing": 200}
EVERYONES = {**MINE, "stranger": 200, "partner": 200, "bank": 200}
DRAFT = {**EVERYONES, "unread": 200, "unseeing": 403}
ENDING = {**dict.fromkeys(ROLES, 204), "nobody": 401, **BAD}
# What belongs to nobody in particular is for those who govern or audit, and the others are told so.
OVERSEEN = {**dict.fromkeys(ROLES, 403), "nobody": 401, **BAD, "administrator": 200, "auditor": 200}
# Of a public page no token is asked, and none is looked at.
OPEN = dict.fromkeys(ROLES, 200)


class Route(NamedTuple):
    """What each role gets of a route; the body that it is sent, by the name of one of BODIES."""

    expected: Mapping[str, int]
    body: str = ""


LEDGER = "/v1/ledgers/{ledger}"
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/health/live"): Route(OPEN),
    ("GET", "/health/ready"): Route(OPEN),
    ("GET", "/metrics"): Route(OPEN),
    ("GET", "/openapi.json"): Route(OPEN),
    ("GET", "/docs"): Route(OPEN),
    ("GET", "/docs/reasons"): Route(OPEN),
    ("GET", "/{ledger}/checkpoint"): Route(OPEN),
    ("GET", "/{ledger}/consistency"): Route(OPEN),
    ("GET", "/{ledger}/tile/{path}"): Route(OPEN),
    ("GET", "/v1/ledgers"): Route(OPEN),
    ("GET", LEDGER): Route(OPEN),
    ("POST", f"{LEDGER}/instructions"): Route(dict.fromkeys(ROLES, 201), "submission"),
    ("POST", f"{LEDGER}/instructions/prepare"): Route(DRAFT, "ask"),
    ("POST", f"{LEDGER}/instructions/preview"): Route(
        {**DRAFT, **dict.fromkeys(("stranger", "partner", "administrator", "delegate", "auditor"), 422)}, "draft"),
    ("GET", f"{LEDGER}/instructions/{{id}}"): Route({**MINE, "partner": 200, "administrator": 404}),
    ("GET", f"{LEDGER}/accounts/{{id}}"): Route(MINE),
    ("GET", f"{LEDGER}/accounts/{{id}}/movements"): Route(MINE),
    ("GET", f"{LEDGER}/accounts/{{id}}/limits"): Route(MINE),
    ("GET", f"{LEDGER}/accounts/{{id}}/status"): Route(MINE),
    ("GET", f"{LEDGER}/members/{{id}}/facts"): Route({**MINE, "delegate": 404}),
    ("GET", f"{LEDGER}/policies"): Route({**PUBLIC, **BAD, "unread": 403, "unseeing": 200}),
    ("GET", f"{LEDGER}/accounts/totals"): Route(OVERSEEN),
    ("GET", f"{LEDGER}/members"): Route(OVERSEEN),
    ("GET", f"{LEDGER}/holders"): Route(OVERSEEN),
    ("GET", f"{LEDGER}/movements"): Route(OVERSEEN),
    ("GET", f"{LEDGER}/movements/totals"): Route(OVERSEEN),
    ("GET", f"{LEDGER}/holders/{{id}}"): Route({**MINE, "delegate": 404}),
    ("GET", f"{LEDGER}/holders/{{id}}/export"): Route(
        {**MINE, **dict.fromkeys(("delegate", "administrator", "auditor"), 404)}),
    ("GET", f"{LEDGER}/entries"): Route(OPEN),
    ("GET", f"{LEDGER}/entries/{{log_index}}"): Route({**PUBLIC, **BAD, "unread": 403, "unseeing": 200}),
    ("GET", f"{LEDGER}/stream"): Route(EVERYONES),
    ("POST", f"{LEDGER}/tokens"): Route(dict.fromkeys(ROLES, 201), "login"),
    ("DELETE", f"{LEDGER}/tokens"): Route(ENDING),
    ("DELETE", f"{LEDGER}/tokens/current"): Route(ENDING),
}  # fmt: skip


class Visit:
    """A desk at which everybody has come once: a payment is logged, and each role has its token."""

    def __init__(self, desk: Desk):
        self.desk, self.client = desk, desk.app.test_client()
        self.member, self.partner, self.stranger = desk.territory.members(3)
        self.delegate, self.bank, self.auditor = (self.registered(role) for role in ("delegate", "bank", "auditor"))
        self.payment = desk.territory.clock.id()
        octets = desk.territory.transfer(self.member, self.partner, 77, id=self.payment, memo="secret of the baker")
        assert desk.submit(octets).status_code == 201
        old = desk.token(self.member)
        desk.territory.clock.now += access.LIFE_S
        revoked = desk.token(self.member)
        assert self.ask("DELETE", f"{BASE}/tokens/current", revoked).status_code == 204
        self.tokens: dict[str, str | None] = {
            "nobody": None, "stranger": desk.token(self.stranger), "member": desk.token(self.member),
            "partner": desk.token(self.partner), "administrator": desk.administrator(), "expired": old,
            "revoked": revoked, "unread": self.narrow("preview"), "unseeing": self.narrow("read"),
            "delegate": desk.token(self.delegate), "bank": desk.token(self.bank), "auditor": desk.token(self.auditor),
        }  # fmt: skip

    def registered(self, role: Any) -> bytes:
        """A holder of this role; delegate and bank have their grants."""
        territory, id = self.desk.territory, self.desk.territory.clock.id()
        territory.seeds[id] = seed(role)
        draft = territory.draft("register_holder", RegisterHolder(role, public(role)), id=id)
        octets = draft.signed([*territory.administrators[:2], (HolderId(id), seed(role))])
        assert self.desk.submit(octets).status_code == 201
        if kinds := {"delegate": ("read",), "bank": ("transfer",)}.get(role):
            grant = territory.draft("give_grant", GiveGrant(AccountId(self.member), HolderId(id), kinds))
            assert self.desk.submit(territory.signed(grant, self.member)).status_code == 201
        return id

    def narrow(self, scopes: str) -> str:
        """A token of the member with fewer scopes than it may have."""
        response = self.desk.client.post(
            f"{BASE}/tokens?scopes={scopes}", data=self.desk.login(self.member), content_type="text/plain"
        )
        assert response.status_code == 201 and response.json is not None
        token: str = response.json["token"]
        return token

    def ask(self, method: str, path: str, token: str | None, body: str = "") -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        more = BODIES[body](self) if body else {}
        response = self.client.open(path, method=method, headers=headers, **more)
        if response.is_streamed:
            response.close()
        return response

    def path(self, rule: str, id: str) -> str:
        query = "?old=1" if rule.endswith("/consistency") else ""
        return rule.format(ledger="solana", id=id, log_index=9, path="entries/000.p/5") + query

    def id_for(self, rule: str) -> str:
        return (self.payment if "/instructions/" in rule else self.member).hex()


def _ask(visit: Visit) -> dict[str, Any]:
    return {"json": {"kind": "cancel", "fields": {"target": NOWHERE}}}


def _draft(visit: Visit) -> dict[str, Any]:
    sent = instruction.parse(visit.desk.territory.transfer(visit.member, visit.partner, 1))
    return {"data": instruction.unsigned(sent.text, sent.salted), "content_type": "text/plain"}


def _submission(visit: Visit) -> dict[str, Any]:
    return {"data": visit.desk.territory.transfer(visit.member, visit.partner, 1), "content_type": "text/plain"}


def _login(visit: Visit) -> dict[str, Any]:
    return {"data": visit.desk.login(visit.member), "content_type": "text/plain"}


BODIES: dict[str, Callable[[Visit], dict[str, Any]]] = {
    "ask": _ask, "draft": _draft, "submission": _submission, "login": _login}  # fmt: skip


@pytest.fixture
def visit(desk: Desk) -> Iterator[Visit]:
    yield Visit(desk)


def test_every_route_is_declared(desk: Desk) -> None:
    assert set(ROUTES) == routes(desk)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_by_every_role(visit: Visit, role: str) -> None:
    walked = {}
    for (method, rule), route in sorted(ROUTES.items(), key=lambda item: item[0][0] == "DELETE"):
        if method == "DELETE" and role not in ("nobody", "expired", "revoked"):
            visit.tokens[role] = visit.desk.token(visit.member)
        response = visit.ask(method, visit.path(rule, visit.id_for(rule)), visit.tokens[role], route.body)
        walked[method, rule] = response.status_code
    assert walked == {key: route.expected[role] for key, route in ROUTES.items()}


@pytest.mark.parametrize("role", ["stranger", "partner", "member"])
def test_absent_and_not_yours_are_byte_identical(visit: Visit, role: str) -> None:
    """On every route with an id, for whoever it does not belong to."""
    for method, rule in (key for key in ROUTES if "{id}" in key[1]):
        theirs = visit.payment if "/instructions/" in rule else visit.member
        if ROUTES[method, rule].expected[role] != 404:
            theirs = visit.desk.territory.common["fees"]  # nobody's but the administrators'
        answers = [visit.ask(method, visit.path(rule, id), visit.tokens[role]) for id in (theirs.hex(), NOWHERE)]
        check_problem(answers[0], 404, "not_found")
        assert answers[0].data == answers[1].data
        assert sorted(answers[0].headers) == sorted(answers[1].headers)


def test_nothing_of_a_member_is_in_what_others_get(visit: Visit) -> None:
    for role in ("nobody", "stranger", "expired", "revoked", "unread"):
        for method, rule in ROUTES:
            if method == "GET" and not rule.endswith("/stream"):
                octets = visit.ask(method, visit.path(rule, visit.id_for(rule)), visit.tokens[role]).data
                assert b"secret of the baker" not in octets, (role, rule)
                assert visit.partner.hex().encode() not in octets, (role, rule)


def test_an_auditor_sees_every_line_and_no_free_text(visit: Visit) -> None:
    seen = visit.ask("GET", f"{BASE}/instructions/{visit.payment.hex()}", visit.tokens["auditor"]).json
    mine = visit.ask("GET", f"{BASE}/instructions/{visit.payment.hex()}", visit.tokens["member"]).json
    assert seen is not None and mine is not None
    assert mine["texts"] and seen == {**mine, "texts": []}


# --- scopes and ending


def test_a_token_without_the_scope(visit: Visit) -> None:
    response = visit.ask("GET", f"{BASE}/accounts/{visit.member.hex()}", visit.tokens["unread"])
    assert check_problem(response, 403, "scope_missing") == {"scope": "read"}
    assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="read"'


@pytest.mark.parametrize(
    ("query", "status"),
    [("scopes=read", 201), ("scopes=read,preview", 201), ("scopes=preview,read", 201), ("scopes=", 400),
     ("scopes=read,read", 400), ("scopes=all", 400), ("scopes=read%20preview", 400), ("scopes=read&scopes=read", 400),
     ("scopes=administer", 403), ("scopes=read,administer", 403)],
)  # fmt: skip
def test_asking_for_scopes(desk: Desk, query: str, status: int) -> None:
    (member,) = desk.territory.members(1)
    login = desk.login(member)
    response = desk.client.post(f"{BASE}/tokens?{query}", data=login, content_type="text/plain")
    assert response.status_code == status and response.json is not None
    if status == 201:
        assert set(response.json["scopes"]) == set(query.removeprefix("scopes=").split(","))
    else:  # nothing was spent
        assert desk.post_login(login).status_code == 201


def test_an_administrator_who_reads_without_administering(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    holder = desk.territory.administrators[0][0]
    path = f"accounts/{member.hex()}"
    response = desk.client.post(f"{BASE}/tokens?scopes=read", data=desk.login(holder), content_type="text/plain")
    assert response.json is not None
    check_problem(desk.get(path, response.json["token"]), 404, "not_found")
    assert desk.get(path, desk.administrator()).status_code == 200


def test_a_token_is_ended_and_the_others_stand(either_desk: Desk) -> None:
    desk = either_desk
    one, other = desk.territory.members(2)
    first, second, others = desk.token(one), desk.token(one), desk.token(other)
    path = f"accounts/{one.hex()}"

    def end(path: str, token: str) -> TestResponse:
        return desk.client.delete(f"{BASE}/{path}", headers={"Authorization": f"Bearer {token}"})

    response = end("tokens/current", first)
    assert (response.status_code, response.data) == (204, b"")
    for again in (desk.get(path, first), end("tokens/current", first), end("tokens", first)):
        check_problem(again, 401, "token_invalid")
    assert desk.get(path, second).status_code == 200
    third = desk.token(one)
    assert end("tokens", second).status_code == 204
    for token in (second, third):
        check_problem(desk.get(path, token), 401, "token_invalid")
    assert desk.get(f"accounts/{other.hex()}", others).status_code == 200
