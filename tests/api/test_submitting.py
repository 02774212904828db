"""One submission, many submissions: statuses, receipts, order, and what hostile bodies come to."""

import json
import tracemalloc
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from ledger.api import strings
from ledger.api.application import create_app
from ledger.api.served import Served
from ledger.client.http import parts_of
from ledger.client.writing import write
from ledger.core.cancels import Cancel
from ledger.core.ledgers import Quorum, SetPolicy
from ledger.core.members import Admit, Facts, OpenAccount, SetLimits, Suspend
from ledger.core.transfers import Leg, Transfer
from ledger.core.words import AccountId, Anchor, HolderId, InstructionId, MemberId
from ledger.log import checkpoint, instruction, keys, merkle
from ledger.receipts.verifying import verify
from ledger.sequencer.sequencer import Sequencer
from tests.api.desk import BASE, Desk, check_problem

NOWHERE = bytes.fromhex("0192f3a87c0b7e1a9d2c4b5a69788796")


def test_a_transfer_is_answered_with_its_receipt(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    id = desk.territory.clock.id()
    response = desk.submit(desk.territory.transfer(payer, payee, 3430, memo="rent of May", id=id))
    assert response.status_code == 201
    assert response.headers["Location"] == f"{BASE}/instructions/{id.hex()}"
    receipt = response.json
    assert receipt is not None
    assert receipt["receipt"] == "comarca/receipt@v1"
    assert receipt["entry"]["log_index"] == 3
    signed = checkpoint.verify(
        receipt["checkpoint"].encode(), desk.territory.origin, keys.public_of(desk.territory.operator)
    )
    assert signed.size == 4
    verify(response.data, desk.territory.origin, desk.territory.identity)


def test_the_same_text_again_is_200_with_the_receipt_of_the_same_entry(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 100, memo="once")
    first, second = desk.submit(octets), desk.submit(octets)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json is not None and second.json is not None
    assert first.json["entry"] == second.json["entry"]
    assert "Location" not in second.headers


def test_a_retry_after_expiry_still_gets_its_receipt(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 100)
    desk.submit(octets)
    desk.territory.clock.now += 10_000
    assert desk.submit(octets).status_code == 200


def test_a_stranger_who_signs_the_same_text_gets_index_and_entry_alone(desk: Desk) -> None:
    payer, payee, stranger = desk.territory.members(3)
    draft = desk.territory.draft("transfer", _transfer(payer, payee, 100))
    first = desk.submit(desk.territory.signed(draft, payer))
    assert first.status_code == 201 and first.json is not None
    again = desk.submit(desk.territory.signed(draft, stranger))
    assert again.status_code == 200
    entry = first.json["entry"]
    assert again.json == {"entry": {"log_index": entry["log_index"], "entry": entry["entry"]}}


def _transfer(payer: bytes, payee: bytes, amount: int) -> Any:
    return Transfer(AccountId(payer), AccountId(payee), amount)


def test_many_are_answered_each_in_order(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    good = desk.territory.transfer(payer, payee, 100)
    bodies = [good, b"rubbish\n", desk.territory.transfer(payer, payee, 10**9), good,
              desk.territory.transfer(payee, payer, 50)]  # fmt: skip
    response = desk.submit_many({"instructions": [octets.decode() for octets in bodies]})
    assert response.status_code == 200 and response.json is not None
    outcomes = response.json["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == [201, 400, 422, 200, 201]
    assert [outcome.get("problem", {}).get("reason") for outcome in outcomes] == [
        None, "malformed", "credit_exceeded", None, None]  # fmt: skip
    first, again = (outcomes[n]["receipt"]["entry"] for n in (0, 3))  # under one checkpoint or two
    assert (first["log_index"], first["entry"]) == (again["log_index"], again["entry"])
    assert outcomes[4]["receipt"]["entry"]["log_index"] == outcomes[0]["receipt"]["entry"]["log_index"] + 1


def test_an_admission_by_http(desk: Desk) -> None:
    member, octets = desk.territory.admission("baker", profile="Forn de Cal Pere, Plaça Major 3")
    response = desk.submit(octets)
    assert response.status_code == 201
    assert desk.get(f"accounts/{member.hex()}", desk.token(member)).status_code == 200


# --- refusals


def _refused(desk: Desk, reason: str) -> bytes:
    """A submission that is refused for this reason."""
    territory = desk.territory
    payer, payee, other = territory.members(3)
    transfer = territory.transfer
    now = territory.clock.now
    if reason == "signature_invalid":
        return transfer(payer, payee, 1).replace(b'"amount":1', b'"amount":2')
    if reason == "id_used":
        id = territory.clock.id()
        territory.send(transfer(payer, payee, 1, id=id))
        return transfer(payer, payee, 2, id=id)
    if reason == "cancelled":
        return _cancelled(desk, payer, payee)
    if reason == "payee_cannot_receive":
        lowered = SetLimits(AccountId(payee), 0, 5, 2, b"")
        territory.send(territory.administer("set_limits", lowered, texts={"reason": "x"}))
        return transfer(payer, payee, 6)
    if reason == "account_suspended":
        territory.send(territory.administer("suspend", Suspend(AccountId(payer), 1, b""), texts={"reason": "x"}))
        return transfer(payer, payee, 6)
    if reason == "once_used":
        territory.send(transfer(payer, payee, 1, once="invoice 7"))
        return transfer(payer, payee, 1, once="invoice 7")
    draft = territory.draft("transfer", _transfer(payer, payee, 1))
    return {
        "malformed": lambda: transfer(payer, payee, 1)[:-1],
        "expired": lambda: transfer(payer, payee, 1, not_after=now - 1),
        "not_yet_valid": lambda: transfer(payer, payee, 1, not_after=now + 90_000),
        "anchor_ahead": lambda: transfer(payer, payee, 1, anchor=Anchor(99, merkle.leaf_hash(b"x"))),
        "anchor_wrong": lambda: transfer(payer, payee, 1, anchor=Anchor(2, merkle.leaf_hash(b"x"))),
        "account_unknown": lambda: territory.signed(draft, other),
        "signature_without_role": lambda: territory.signed(draft, payer, other),
        "signatures_missing": lambda: territory.signed(
            territory.draft("open_account", OpenAccount(MemberId(payer), "commercial")),
            territory.administrators[0][0]),
        "member_unknown": lambda: territory.administer("open_account", OpenAccount(MemberId(NOWHERE), "commercial")),
        "member_account_unknown": lambda: territory.administer(
            "set_limits", SetLimits(AccountId(NOWHERE), 0, 0, 1, b""), texts={"reason": "x"}),
        "class_unknown": lambda: territory.administer("open_account", OpenAccount(MemberId(payer), "royal")),
        "superseded": lambda: territory.administer(
            "set_limits", SetLimits(AccountId(payer), 0, 0, 77, b""), texts={"reason": "x"}),
        "payee_unknown": lambda: transfer(payer, NOWHERE, 1),
        "same_account": lambda: transfer(payer, payer, 1),
        "credit_exceeded": lambda: transfer(payer, payee, 500_001),
    }[reason]()  # fmt: skip


def _cancelled(desk: Desk, payer: bytes, payee: bytes) -> bytes:
    territory = desk.territory
    id = territory.clock.id()
    territory.send(territory.signed(territory.draft("cancel", Cancel(InstructionId(id))), payer))
    return territory.transfer(payer, payee, 1, id=id)


def _refused_to_administrators(desk: Desk, reason: str) -> bytes:
    """A submission of the administrators (or by a dead key, on a closed account) that is refused for this reason."""
    territory = desk.territory
    payer, payee = territory.members(2)
    facts = Facts("person", True, True, "ES/08215", "nace2.1/10.71")
    key = keys.public_of(territory.seeds[payer])
    id = territory.clock.id()
    if reason == "already_logged":
        territory.send(territory.transfer(payer, payee, 1, id=id))
        return territory.signed(territory.draft("cancel", Cancel(InstructionId(id))), payer)
    if reason in ("key_dead", "account_closed"):  # no kind brings these about yet
        set_status = {
            "key_dead": "UPDATE key SET status = 'revoked' WHERE holder = :id",
            "account_closed": "UPDATE account SET status = 'closed' WHERE id = :id",
        }[reason]
        with territory.store.writes.begin() as connection:
            connection.execute(text(set_status), {"id": payer})
        return territory.transfer(payer, payee, 1)
    if reason == "ledger_open":
        again = territory.draft("genesis", territory.genesis_form('{"commercial":[0,0]}'), id=id)
        return again.signed([*territory.administrators, territory.clerk])
    if reason == "key_used":
        draft = territory.draft("admit", Admit("commercial", facts._replace(sector=None), key), id=id)
        return draft.signed([*territory.administrators[:2], (HolderId(id), territory.seeds[payer])])
    if reason == "facts_invalid":
        return territory.admission("singer", "personal", facts)[1]
    if reason == "policy_invalid":
        return territory.administer("set_policy", SetPolicy("retention", "5", 0))
    custody = Admit("commercial", facts._replace(sector=None), custodian=HolderId(payer))
    signers = [*territory.administrators[:2], (HolderId(payer), territory.seeds[payer])]
    return territory.draft("admit", custody).signed(signers)


@pytest.mark.parametrize(
    "reason", ["key_dead", "ledger_open", "custodian_unknown", "key_used", "facts_invalid", "policy_invalid",
               "already_logged", "account_closed"],
)  # fmt: skip
def test_more_refusals(desk: Desk, reason: str) -> None:
    octets = _refused_to_administrators(desk, reason)
    before = desk.served.door.head()
    check_problem(desk.submit(octets), 422, reason)
    assert desk.served.door.head() == before


def test_a_genesis_that_contradicts_itself(desk: Desk) -> None:
    other = desk.territory.store.add_ledger("ledger.example/luna")
    head = next(head for head in desk.territory.store.heads() if head.ledger_id == other)
    served = Served(desk.territory.store, head, partial(Sequencer, sign=desk.sign), desk.territory.clock)
    try:
        every = (("any", Quorum("administrators", 3)),)
        form = desk.territory.genesis_form("{}", origin=head.origin, authority=every)
        draft = write("genesis", form, origin=head.origin, id=desk.territory.clock.id(), anchor=None,
                      not_after=desk.territory.clock.now + 60)  # fmt: skip
        octets = draft.signed([*desk.territory.administrators, desk.territory.clerk])
        client = create_app([desk.served, served]).test_client()
        path = "/v1/ledgers/luna"
        response = client.post(f"{path}/instructions", data=octets, content_type="text/plain")
        check_problem(response, 422, "genesis_invalid")
        check_problem(client.get(path), 503, "unavailable")
        check_problem(client.get("/luna/checkpoint"), 503, "unavailable")
        check_problem(client.get("/health/ready"), 503, "not_ready")
    finally:
        served.close()


def test_limits_that_do_not_fit_a_fully_backed_ledger(sqlite_url: str) -> None:
    desk = Desk(sqlite_url, limits='{"commercial":[0,500000]}', backing="full")
    try:
        (member,) = desk.territory.members(1)
        credit = SetLimits(AccountId(member), -1, 5, 1, b"")
        octets = desk.territory.administer("set_limits", credit, texts={"reason": "x"})
        check_problem(desk.submit(octets), 422, "limits_invalid")
    finally:
        desk.close()


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("malformed", 400), ("signature_invalid", 422), ("id_used", 409), ("cancelled", 422), ("not_yet_valid", 422),
        ("expired", 422), ("anchor_ahead", 422), ("anchor_wrong", 422), ("account_unknown", 422),
        ("signatures_missing", 422), ("signature_without_role", 422), ("member_unknown", 422),
        ("member_account_unknown", 422), ("payee_unknown", 422), ("same_account", 422), ("superseded", 422),
        ("class_unknown", 422), ("account_suspended", 422), ("credit_exceeded", 422), ("payee_cannot_receive", 422),
        ("once_used", 422),
    ],
)  # fmt: skip
def test_a_refusal_is_its_problem_and_writes_nothing(desk: Desk, reason: str, status: int) -> None:
    octets = _refused(desk, reason)
    before = desk.served.door.head()
    check_problem(desk.submit(octets), status, reason)
    assert desk.served.door.head() == before


def test_a_refusal_shows_the_figures_of_ones_own_account(desk: Desk) -> None:
    details = check_problem(desk.submit(_refused(desk, "credit_exceeded")), 422, "credit_exceeded")
    assert (details["available"], details["floor"], details["short_by"]) == (500_000, -500_000, 1)


def test_a_refusal_shows_no_figure_of_the_other_side(desk: Desk) -> None:
    details = check_problem(desk.submit(_refused(desk, "payee_cannot_receive")), 422, "payee_cannot_receive")
    assert set(details) == {"payee"}


def test_another_ledgers_instruction(desk: Desk, tmp_path: Any) -> None:
    other = Desk(f"sqlite:///{tmp_path}/other.db", origin="ledger.example/other")
    try:
        payer, payee = other.territory.members(2)
        details = check_problem(desk.submit(other.territory.transfer(payer, payee, 1)), 400, "malformed")
        assert "origin" in details["what"]
    finally:
        other.close()


# --- hostile bodies


HOSTILE_OBJECTS = [
    b'{"amount":1.5}', b'{"amount":-1}', b'{"amount":"1"}', b'{"amount":1e3}', b'{"amount":' + b"9" * 5000 + b"}",
    b'{"amount":NaN}', b'{"amount":null}', b'{"a":1,"a":1}', b"{" * 5000, b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"{}", b'{"id":[]}', b'{"\\u0061":1}', b'{ "a":1}', b'{"amount":true}', b"{\xc3\xa9}",
]  # fmt: skip


@pytest.mark.parametrize("object", HOSTILE_OBJECTS)
def test_hostile_objects_are_malformed(desk: Desk, object: bytes) -> None:
    (payer,) = desk.territory.members(1)
    first, origin, _, *rest = desk.territory.transfer(payer, payer, 1).split(b"\n")
    check_problem(desk.submit(b"\n".join([first, origin, object, *rest])), 400, "malformed")


@pytest.mark.parametrize(
    "octets", [b"", b"\n", b"\x00", b"\xff\xfe", b"a\r\n\r\nb\r\n", b"comarca/instruction@v1 transfer\n" * 3,
               "comarca\u2028\n\n\n".encode(), b"\n\n\n\n", b"A" * 70_000]
)  # fmt: skip
def test_hostile_octets_are_malformed(desk: Desk, octets: bytes) -> None:
    check_problem(desk.submit(octets), 400, "malformed")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'{"instructions":[]}', b'{"instructions":"x"}', b'{"instructions":[1]}',
     b'{"instructions":[1.5]}', b'{"instructions":[null]}', b'{"instructions":["x"],"more":1}',
     b'{"instructions":["x"],"instructions":["y"]}', b'{"instructions":[' + b"9" * 10_000 + b"]}", b"[" * 200_000,
     b'{"instructions":[NaN]}', b"\xff", b'{"instructions":["x"]', b'\xef\xbb\xbf{"instructions":["x"]}',
     b'{"instructions":[' + b",".join([b'"x"'] * 1001) + b"]}"],
)  # fmt: skip
def test_hostile_bodies_of_many(desk: Desk, body: bytes) -> None:
    response = desk.client.post(f"{BASE}/instructions", data=body, content_type="application/json")
    check_problem(response, 400, "body_invalid")


@pytest.mark.parametrize(
    "text", ['{"a":[]}', ' {\t"a" :\r[ "x" ,\n"\\u00e9\\n" ] } ', '{"a":["' + "]}" * 99 + '"]}']
)  # fmt: skip
def test_arrays_of_strings(text: str) -> None:
    assert strings.read(text, "a", 2) == json.loads(text)["a"]


@pytest.mark.parametrize(
    "text", ["", "{", '"a"', '{"a":["x",]}', '{"a":[,"x"]}', '{"a":["x" "y"]}', '{"a":["x"]}}', '{"a":["x"]}1',
             '{"b":[]}', '{"a":["", "y","z"]}', '{"a":["\n"]}', '{"a":["\\x"]}', '{"a":["x', '{"a":[["x"]]}',
             '{"a":{}}', "{'a':[]}", '{"a"=[]}', '\u00a0{"a":[]}', '{"a":[]', '{"a":["x"],"a":["x"]}']
)  # fmt: skip
def test_what_is_no_array_of_strings(text: str) -> None:
    with pytest.raises(ValueError):
        strings.read(text, "a", 2)


def test_nothing_is_built_of_a_body_that_is_no_array_of_strings() -> None:
    text = '{"a":[' + "[]," * 1_000_000 + "[]]}"
    tracemalloc.start()
    with pytest.raises(ValueError):
        strings.read(text, "a", 1000)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_bulks_of_one_body_are_bounded_together(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    bulk = desk.territory.transfer_many(payer, [Leg(AccountId(payee), 1)] * 2051)
    assert (
        check_problem(desk.submit_many({"instructions": [bulk.decode()] * 2}), 413, "too_large")["most_salted_lines"]
        == instruction.SALTED_MOST
    )
    assert desk.submit_many({"instructions": [bulk.decode()]}).status_code == 200
    small = desk.territory.transfer(payer, payee, 1, memo="bread")
    assert [len(part) for part in parts_of([bulk, small, bulk, bulk, small, small])] == [2, 1, 3]
    assert instruction.salted_count(small) == 1 and instruction.salted_count(b"x") == 0


def test_a_lone_surrogate_is_one_malformed_outcome_of_many(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    good = desk.territory.transfer(payer, payee, 1).decode()
    body = json.dumps({"instructions": ["\ud800", good]}).encode()
    response = desk.client.post(f"{BASE}/instructions", data=body, content_type="application/json")
    assert response.json is not None
    assert [outcome["status"] for outcome in response.json["outcomes"]] == [400, 201]


def test_salted_lines_that_do_not_match(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1, memo="bread")
    check_problem(desk.submit(octets.replace(b'"bread"', b'"salt"')), 400, "malformed")
    note = octets[: octets.rindex(b"\n\n") + 1]
    check_problem(desk.submit(note), 400, "malformed")
    check_problem(desk.submit(octets + octets.rsplit(b"\n", 2)[1] + b"\n"), 400, "malformed")
