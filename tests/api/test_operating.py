"""For the operator: rate limits that lock no member out, metrics, the access log."""

import json
import logging

import pytest

from ledger.ambient.output import JsonLines
from ledger.api.application import create_app
from ledger.api.limits import LONG, Buckets, Rate
from ledger.core.transfers import Leg
from ledger.core.words import AccountId
from tests.api.desk import BASE, Desk, check_problem


class Steady:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Steady()
    buckets = Buckets(Rate(2, 3), clock)
    assert [buckets.charge("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.wait_s("b") == 0
    clock.now += 0.5
    assert buckets.wait_s("a") == 0
    for _ in range(100):
        buckets.charge("a")
    assert buckets.wait_s("a") == 1.5  # in debt for one burst, whatever was tried meanwhile
    clock.now += 3600
    assert [buckets.charge("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_are_bounded() -> None:
    buckets = Buckets(Rate(1, 1), Steady(), most=10)
    for key in range(1000):
        buckets.charge(key)
    assert len(buckets._left) == 10


@pytest.fixture
def limited(desk: Desk) -> Desk:
    """A desk whose addresses and holders have five requests, and get one more in a thousand seconds."""
    desk.app = create_app([desk.served], rate=Rate(0.001, 5))
    desk.client = desk.app.test_client()
    return desk


def test_a_stranger_at_the_same_address_locks_no_member_out(limited: Desk) -> None:
    payer, payee = limited.territory.members(2)
    token = limited.token(payer)
    for _ in range(10):
        last = limited.get("/v1/ledgers")
    check_problem(last, 429, "too_many_requests")
    assert int(last.headers["Retry-After"]) >= 1
    assert limited.get(f"accounts/{payer.hex()}", token).status_code == 200
    assert limited.submit(limited.territory.transfer(payer, payee, 1)).status_code == 201
    assert limited.post_login(limited.login(payee)).status_code == 201
    assert limited.get("/health/live").status_code == 200
    huge = limited.client.post(f"{BASE}/instructions", data=b"x" * 100_000, content_type="text/plain")
    check_problem(huge, 429, "too_many_requests")


def test_a_token_that_counts_nowhere_buys_nothing(limited: Desk) -> None:
    (member,) = limited.territory.members(1)
    token = limited.token(member)
    for _ in range(10):
        limited.get("/v1/ledgers")
    for path in ("/v1/ledgers", "/docs/reasons", "/openapi.json", "/nowhere"):
        check_problem(limited.get(path, "junk"), 429, "too_many_requests")
        check_problem(limited.get(path, token), 429, "too_many_requests")
    check_problem(limited.get(BASE, "junk"), 401, "token_invalid")
    assert limited.get(BASE, token).status_code == 200  # and the holder has paid for it
    huge = limited.client.post(f"{BASE}/instructions", data=b"x" * 100_000, content_type="text/plain",
                               headers={"Authorization": "Bearer junk"})  # fmt: skip
    check_problem(huge, 401, "token_invalid")


def test_logins_are_charged_to_who_logs_in(limited: Desk) -> None:
    first, second = limited.territory.members(2)
    octets = limited.login(first)
    statuses = [limited.post_login(octets).status_code for _ in range(8)]
    assert statuses == [201] + [422] * 7  # repeated by whoever has seen it, at the address's cost
    statuses = [limited.post_login(limited.login(first)).status_code for _ in range(7)]
    assert statuses == [201] * 5 + [429] * 2
    assert limited.post_login(limited.login(second)).status_code == 201


def test_what_is_no_new_entry_is_charged_to_the_address(limited: Desk) -> None:
    payer, payee = limited.territory.members(2)
    octets = limited.territory.transfer(payer, payee, 1)
    statuses = [limited.submit(octets).status_code for _ in range(7)]
    assert statuses == [201, *[200] * 6]  # repeated by whoever has seen it
    check_problem(limited.get("/v1/ledgers"), 429, "too_many_requests")
    fresh = [limited.submit(limited.territory.transfer(payer, payee, n + 2)).status_code for n in range(20)]
    assert fresh == [201] * 20


def test_long_answers_cost_more(limited: Desk) -> None:
    payer, payee = limited.territory.members(2)
    token, id = limited.token(payer), limited.territory.clock.id()
    bulk = limited.territory.transfer_many(payer, [Leg(AccountId(payee), 1)] * 300, id=id)
    assert limited.submit(bulk).status_code == 201
    receipt = limited.get(f"instructions/{id.hex()}", token)
    assert receipt.status_code == 200 and len(receipt.data) > 5 * LONG
    check_problem(limited.get(f"accounts/{payer.hex()}", token), 429, "too_many_requests")


def test_a_holder_has_a_bucket_of_its_own(limited: Desk) -> None:
    payer, payee = limited.territory.members(2)
    tokens = limited.token(payer), limited.token(payee)
    for _ in range(6):
        last = limited.get(f"accounts/{payer.hex()}", tokens[0])
    check_problem(last, 429, "too_many_requests")
    assert limited.get(f"accounts/{payee.hex()}", tokens[1]).status_code == 200


def test_metrics_for_this_machine_alone(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    assert desk.submit(desk.territory.transfer(payer, payee, 1)).status_code == 201
    check_problem(desk.get("/v1/ledgers/nowhere"), 404, "not_found")
    response = desk.get("/metrics", headers={"Accept": "text/plain"})
    assert response.status_code == 200
    lines = response.text.splitlines()
    route = "/v1/ledgers/<ledger:ledger>/instructions"
    assert f'comarca_requests_total{{method="POST",route="{route}",status="201"}} 1.0' in lines
    assert 'comarca_log_size{ledger="solana"} 4.0' in lines
    assert 'comarca_batch_size_count{ledger="solana"} 1.0' in lines
    assert 'comarca_ready{ledger="solana"} 1.0' in lines
    assert payer.hex() not in response.text
    check_problem(desk.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}), 404, "not_found")
    away = desk.client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    check_problem(away, 404, "not_found")


def test_metrics_do_not_grow_with_methods_that_somebody_makes_up(desk: Desk) -> None:
    for n in range(20):
        assert desk.client.open("/v1/ledgers", method=f"BREW{n}").status_code == 405
    text = desk.get("/metrics", headers={"Accept": "text/plain"}).text
    assert "BREW" not in text
    assert 'comarca_requests_total{method="other",route="none",status="405"} 20.0' in text.splitlines()


def test_the_access_log_has_routes_and_reasons_and_no_ids(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    with caplog.at_level(logging.INFO, "comarca.access"):
        desk.get(f"accounts/{payer.hex()}", token)
        desk.get(f"accounts/{payee.hex()}", token)
    said = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [(line["route"], line["status"]) for line in said] == [
        ("/v1/ledgers/<ledger:ledger>/accounts/<id:id>", 200),
        ("/v1/ledgers/<ledger:ledger>/accounts/<id:id>", 404),
    ]
    assert said[1]["reason"] == "not_found" and said[0]["ms"] >= 0
    written = json.dumps(said)
    assert payer.hex() not in written and payee.hex() not in written and token not in written
