"""HTTP as HTTP says: methods, media types, sizes, queries, caches; and what trouble below comes to."""

import io
from typing import Any

import pytest

from ledger.service.door import Defect, Door
from ledger.store.errors import Unavailable
from tests.api.desk import BASE, Desk, check_problem


def test_an_unknown_address_and_a_doubled_slash(desk: Desk) -> None:
    for path in ("/", "/nope", "//v1/ledgers", "/v1//ledgers", "/v1/ledgers/", "/v1/ledgers/solana/", "/v2", "/%00"):
        check_problem(desk.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/ledgers", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/ledgers/solana", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/ledgers/solana/instructions", {"POST", "OPTIONS"}),
        ("PUT", "/v1/ledgers/solana/tokens", {"DELETE", "POST", "OPTIONS"}),
        ("PATCH", "/solana/checkpoint", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/health/live", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_names_the_right_ones(desk: Desk, method: str, path: str, allowed: set[str]) -> None:
    response = desk.client.open(path, method=method)
    check_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "content_type", ["", "application/xml", "text/html", "application/x-www-form-urlencoded", "multipart/form-data",
                     "text/plain; charset=utf-16", "application/json; charset=latin-1", "text"]
)  # fmt: skip
def test_a_wrong_media_type(desk: Desk, content_type: str) -> None:
    response = desk.client.post(f"{BASE}/instructions", data=b"x", content_type=content_type)
    details = check_problem(response, 415, "media_type_unsupported")
    assert details["media_types"] == ["text/plain", "application/json"]


def test_a_login_is_text(desk: Desk) -> None:
    check_problem(desk.post_login(b"{}", "application/json"), 415, "media_type_unsupported")


def test_a_content_coding_is_not_taken(desk: Desk) -> None:
    check_problem(desk.submit(b"x", headers={"Content-Encoding": "gzip"}), 415, "media_type_unsupported")


def test_utf_8_may_be_said(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    response = desk.client.post(f"{BASE}/instructions", data=desk.territory.transfer(payer, payee, 1),
                                content_type="text/plain; charset=UTF-8")  # fmt: skip
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/v1/ledgers", "application/json", 200), ("/v1/ledgers", "*/*", 200), ("/v1/ledgers", "application/*", 200),
        ("/v1/ledgers", "text/html, application/json;q=0.1", 200), ("/v1/ledgers", "text/html", 406),
        ("/v1/ledgers", "application/json;q=0", 406), ("/solana/checkpoint", "application/json", 406),
        ("/solana/checkpoint", "text/plain", 200), ("/solana/checkpoint", "text/*", 200),
    ],
)  # fmt: skip
def test_what_is_accepted(desk: Desk, path: str, accept: str, status: int) -> None:
    response = desk.get(path, headers={"Accept": accept})
    assert response.status_code == status
    if status == 406:
        assert check_problem(response, 406, "not_acceptable")["media_types"]


def test_a_problem_is_a_problem_whatever_is_accepted(desk: Desk) -> None:
    check_problem(desk.get("/nope", headers={"Accept": "text/html"}), 404, "not_found")


def test_an_oversized_submission(desk: Desk) -> None:
    most = check_problem(desk.submit(b"a" * (20 * 1024 * 1024 + 1)), 413, "too_large")["most"]
    assert most == 20 * 1024 * 1024
    check_problem(desk.submit(b"a" * most), 400, "malformed")


def test_an_oversized_body_without_a_length(desk: Desk) -> None:
    response = desk.client.post(
        f"{BASE}/tokens", input_stream=io.BytesIO(b"a" * 10_000), content_type="text/plain",
        environ_overrides={"wsgi.input_terminated": True},
    )  # fmt: skip
    check_problem(response, 413, "too_large")


@pytest.mark.parametrize(
    "path", ["/v1/ledgers", "/v1/ledgers/solana", "/solana/checkpoint", f"{BASE}/entries/0", "/health/live",
             "/health/ready", "/docs", "/docs/reasons"]
)  # fmt: skip
def test_unknown_parameters_are_refused_on_every_route(desk: Desk, path: str) -> None:
    for query in ("limit=1", "x", "=", "%FF=%FF"):
        check_problem(desk.get(f"{path}?{query}"), 400, "query_invalid")


def test_unknown_parameters_of_a_submission(desk: Desk) -> None:
    for path in ("instructions?dry=1", "tokens?scope=all"):
        check_problem(desk.client.post(f"{BASE}/{path}", data=b"x", content_type="text/plain"), 400, "query_invalid")


def test_a_single_thing_has_an_etag(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    token = desk.token(member)
    for path in ("/v1/ledgers/solana", "/solana/checkpoint", f"{BASE}/entries/0", f"{BASE}/accounts/{member.hex()}"):
        first = desk.get(path, token)
        again = desk.get(path, token, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_an_etag_changes_with_the_thing(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    path = f"accounts/{payer.hex()}"
    first = desk.get(path, token).headers["ETag"]
    assert desk.get(path, token).headers["ETag"] == first
    desk.submit(desk.territory.transfer(payer, payee, 1))
    assert desk.get(path, token, headers={"If-None-Match": first}).status_code == 200


def test_head_is_get_without_a_body(desk: Desk) -> None:
    response = desk.client.head("/v1/ledgers")
    assert (response.status_code, response.data) == (200, b"")


def test_nothing_is_sniffed(desk: Desk) -> None:
    for path in ("/v1/ledgers", "/nope", "/docs/reasons"):
        assert desk.get(path).headers["X-Content-Type-Options"] == "nosniff"


# --- trouble below


def test_a_clock_in_trouble_stops_writing_and_says_so(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1)
    desk.trouble = "the clock jumped by +9000 s since the service started; set it right and start again"
    response = desk.submit(octets)
    assert check_problem(response, 503, "not_ready")["what"] == desk.trouble
    assert response.headers["Retry-After"]
    assert desk.get("/v1/ledgers/solana").status_code == 200
    desk.trouble = None
    assert desk.submit(octets).status_code == 201


def test_a_database_in_trouble_is_unknown_and_tells_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1, memo="secret of the baker")

    def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("(sqlite3.OperationalError) disk I/O error [SQL: ...] [parameters: secret of the baker]")

    with monkeypatch.context() as patch:
        patch.setattr(Door, "submit", fail)
        response = desk.submit(octets)
        many = desk.submit_many({"instructions": [octets.decode(), "x"]})
    check_problem(response, 503, "unavailable")
    assert response.headers["Retry-After"] == "1"
    assert many.json is not None
    assert [outcome["status"] for outcome in many.json["outcomes"]] == [503, 400]
    assert "secret" not in response.text + many.text and "SQL" not in response.text
    assert desk.submit(octets).status_code == 201


def test_logged_but_unsigned_is_unknown_and_later_the_receipt(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1)
    desk.broken = RuntimeError("the signer is away")
    response = desk.submit(octets)
    check_problem(response, 503, "unavailable")
    assert "signer" not in response.text
    desk.broken = None
    assert desk.submit(octets).status_code == 200


def test_a_server_that_stops_says_unknown(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    desk.served.close()
    check_problem(desk.submit(desk.territory.transfer(payer, payee, 1)), 503, "unavailable")
    check_problem(desk.get("/health/ready"), 503, "not_ready")


def test_a_defect_of_one_item_is_a_500_of_that_item(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1)
    head = desk.served.door.head()
    monkeypatch.setattr(Door, "submit", lambda *_: ([Defect("ZeroDivisionError")], head))
    response = desk.submit(octets)
    check_problem(response, 500, "defect")
    assert "ZeroDivision" not in response.text


def test_a_defect_of_a_view_tells_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("secret of the baker")

    monkeypatch.setattr("ledger.store.queries.info", fail)
    response = desk.get("/v1/ledgers/solana")
    check_problem(response, 500, "defect")
    assert "secret" not in response.text
