"""Before signing: what `prepare` writes for every kind, what `preview` answers, and what neither takes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ledger.api import grammar
from ledger.client.writing import signature_line
from ledger.core.forms import base64
from ledger.core.machine import BY_KIND, FORMS
from ledger.core.recoveries import WAIT_S
from ledger.core.words import HolderId
from ledger.log import instruction, keys
from ledger.service.preparing import PREPARED
from ledger.service.wording import WORDS
from tests.api.desk import BASE, Desk, check_problem
from tests.tables import dump
from tests.territory import RETENTION, public, seed

NOWHERE = "0192f3a87c0b7e1a9d2c4b5a69788796"
FACTS = {"kind": "business", "inside": True, "sse": True, "place": "ES/08215", "sector": "nace2.1/10.71"}


def prepare(desk: Desk, token: str | None, body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return desk.client.post(
        f"{BASE}/instructions/prepare", data=json.dumps(body), content_type="application/json", headers=headers
    )


def preview(desk: Desk, token: str | None, octets: bytes) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return desk.client.post(f"{BASE}/instructions/preview", data=octets, content_type="text/plain", headers=headers)


def unsigned(draft: Mapping[str, Any]) -> bytes:
    return instruction.unsigned(draft["text"].encode(), [line.encode() for line in draft["salted"]])


def submission(desk: Desk, draft: Mapping[str, Any], *signers: tuple[bytes, bytes]) -> bytes:
    text = draft["text"].encode()
    lines = [signature_line(text, HolderId(holder), key) for holder, key in signers]
    return instruction.submission(instruction.note(text, lines), [line.encode() for line in draft["salted"]])


def draft_of(desk: Desk, kind: str, fields: Mapping[str, Any], token: str, **more: Any) -> dict[str, Any]:
    response = prepare(desk, token, {"kind": kind, "fields": fields, **more})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json  # type: ignore[assignment]
    return found


def fields_of(desk: Desk, kind: str, payer: bytes, payee: bytes) -> dict[str, Any]:
    """What somebody asks of each kind."""
    account, why = payer.hex(), {"reason": "by the board, on «the» 3rd\u2028of May"}
    asked: dict[str, dict[str, Any]] = {
        "admit": {"class": "personal", "facts": FACTS, "key": keys.encode(keys.public_of(seed("new"))), "profile": "Ü"},
        "open_account": {"member": account, "class": "personal"},
        "set_limits": {"account": account, "floor": -5, "ceiling": 7, "was": 1, **why},
        "set_facts": {"member": account, "facts": FACTS, "was": 1, "profile": "Forn", **why},
        "suspend": {"account": account, "was": 1, **why},
        "reinstate": {"account": account, "was": 1, **why},
        "set_policy": {"feature": "limits", "body": {"personal": [-1, 1]}, "was": 0, **why},
        "transfer": {"payer": account, "payee": payee.hex(), "amount": 3430, "purpose": "SUPP", "ref": "A 1",
                     "once": "2026/1", "memo": 'rent of "May"', "evidence": "\\ é"},
        "transfer_many": {"payer": account, "legs": [
            {"payee": payee.hex(), "amount": 1, "once": "w1"}, {"payee": payee.hex(), "amount": 2}]},
        "cancel": {"target": NOWHERE},
        "erase": {"auditor": NOWHERE, "entries": [[1, NOWHERE, f"{'A' * 43}="]], **why},
        **fields_of_keys(desk, payer, payee),
    }  # fmt: skip
    return asked[kind]


def key(label: str) -> str:
    return keys.encode(public(label))


def fields_of_keys(desk: Desk, payer: bytes, payee: bytes) -> dict[str, dict[str, Any]]:
    """What somebody asks of the kinds that change keys, holders, grants and offices."""
    account, own, other = payer.hex(), key("member 0"), key("new")
    (one, _), (two, _), _ = desk.territory.administrators
    clerk = desk.territory.clerk[0].hex()
    return {
        "register_holder": {"role": "delegate", "key": other, "profile": "Nil"},
        "add_key": {"holder": account, "key": other},
        "rotate_key": {"holder": account, "old": own, "key": other},
        "revoke_key": {"holder": account, "key": own},
        "force_revoke_key": {"holder": account, "key": own, "reason": "found in a bag"},
        "recover": {"holder": account, "key": other, "reason": "lost at sea"},
        "veto": {"recovery": NOWHERE, "holder": account},
        "complete_recovery": {"recovery": NOWHERE, "holder": account, "key": other},
        "give_grant": {"account": account, "holder": payee.hex(), "kinds": ["read", "transfer"], "payment": 5, "day": 7,
                       "month": 9, "until": 1_900_000_000},
        "end_grant": {"account": account, "holder": payee.hex(), "was": 3},
        "set_administrators": {"administrators": [one.hex(), two.hex()], "authority": {"any": ["administrators", 1]},
                               "was": 0, "reason": "one has left"},
        "set_operator": {"operator": other, "was": 0, "reason": "a new machine"},
        "set_clerk": {"clerk": {"holder": clerk, "key": other}, "was": 0, "reason": "a new machine"},
    }  # fmt: skip


OF_MEMBERS = ("transfer", "transfer_many", "cancel", "add_key", "rotate_key", "revoke_key", "veto", "complete_recovery",
              "give_grant", "end_grant")  # fmt: skip


def made_ready(desk: Desk, kind: str, payer: bytes, payee: bytes) -> dict[str, Any]:
    """Fields of a kind, after what must have come before it."""
    own = {"holder": payer.hex(), "key": key("new")}

    def before(first: str) -> bytes:
        signers = [(payer, seed("member 0"))] if first in OF_MEMBERS else [*desk.territory.administrators[:2]]
        if first == "recover":
            signers.append((payer, seed("new")))
        token = desk.token(payer) if first in OF_MEMBERS else desk.administrator()
        draft = draft_of(desk, first, fields_of(desk, first, payer, payee), token)
        assert desk.submit(submission(desk, draft, *signers)).status_code == 201
        return bytes.fromhex(draft["id"])

    if kind == "erase":
        return fields_of(desk, kind, payer, payee) | what_is_old(desk, payer, payee)
    if kind == "reinstate":
        before("suspend")
        return fields_of(desk, kind, payer, payee) | {"was": 3}
    if kind == "end_grant":
        before("give_grant")
    if kind in ("veto", "complete_recovery"):
        recovery = {"recovery": before("recover").hex(), "holder": payer.hex()}
        desk.territory.clock.now += WAIT_S
        return recovery if kind == "veto" else {**recovery, **own}
    return fields_of(desk, kind, payer, payee)


def what_is_old(desk: Desk, payer: bytes, payee: bytes) -> dict[str, Any]:
    """An auditor, and a payment older than the policy asks: what an erasure names."""
    territory = desk.territory
    row = territory.row(territory.accepted(territory.transfer(payer, payee, 1)))
    auditor = territory.register_auditor("new")
    territory.clock.now += RETENTION + 1
    return {"auditor": auditor.hex(), "entries": [[row.log_index, row.id.hex(), base64(row.text_hash)]]}


def who_signs(desk: Desk, kind: str, payer: bytes, id: bytes) -> list[tuple[bytes, bytes]]:
    """Everybody with a part in it, and its key."""
    if kind == "complete_recovery":
        return [(payer, seed("new"))]
    signers = [(payer, seed("member 0"))] if kind in OF_MEMBERS else list(desk.territory.administrators[:2])
    last = list(desk.territory.seeds)[-1]  # whoever was registered last: the auditor of an erasure
    new = {"admit": id, "register_holder": id, "set_clerk": desk.territory.clerk[0], "erase": last}.get(kind, payer)
    registers = ("admit", "erase", "register_holder", "set_clerk", "add_key", "rotate_key", "recover")
    return [*signers, (new, seed("new"))] if kind in registers else list(signers)


@pytest.mark.parametrize("kind", PREPARED)
def test_every_kind_is_prepared_previewed_signed_and_accepted(desk: Desk, kind: str) -> None:
    payer, payee = desk.territory.members(2)
    fields = made_ready(desk, kind, payer, payee)
    token = desk.token(payer) if kind in OF_MEMBERS else desk.administrator()
    draft = draft_of(desk, kind, fields, token)
    foreseen = preview(desk, token, unsigned(draft))
    assert foreseen.status_code == 200 and foreseen.json is not None, foreseen.text
    octets = submission(desk, draft, *who_signs(desk, kind, payer, bytes.fromhex(draft["id"])))
    receipt = desk.submit(octets)
    assert receipt.status_code == 201 and receipt.json is not None, receipt.text
    assert foreseen.json["status"] == 201
    assert foreseen.json["log_index"] == receipt.json["entry"]["log_index"]
    logged = [json.loads(event["line"].split(" ", 1)[1]) for event in receipt.json["events"]]
    assert foreseen.json["events"] == logged
    assert foreseen.json["words"][: len(draft["words"])] == draft["words"]


@pytest.mark.parametrize("kind", PREPARED)
def test_what_was_asked_stands_in_the_text(desk: Desk, kind: str) -> None:
    payer, payee = desk.territory.members(2)
    fields = fields_of(desk, kind, payer, payee)
    draft = draft_of(desk, kind, fields, desk.token(payer))
    first, origin, text, end = draft["text"].split("\n")
    assert (first, origin, end) == (f"comarca/instruction@v1 {kind}", desk.territory.origin, "")
    signed = json.loads(text)
    hashed = {name for name, _ in FORMS[kind].texts()} | {"legs"}
    assert {name: value for name, value in signed.items() if name in fields and name not in hashed} == {
        name: value for name, value in fields.items() if name not in hashed}  # fmt: skip
    assert set(signed) == set(fields) | {"id", "not_after", "anchor"}
    assert (signed["id"], signed["anchor"]) == (draft["id"], draft["anchor"])
    salted = [json.loads(line.split(" ", 1)[1]) for line in draft["salted"]]
    assert salted == [*fields.get("legs", []), *(fields[name] for name in sorted(hashed & set(fields) - {"legs"}))]


def test_every_kind_has_words() -> None:
    assert set(WORDS) == set(BY_KIND)


def test_words_for_a_baker(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    fields = fields_of(desk, "transfer", payer, payee)
    draft = draft_of(desk, "transfer", fields, token)
    assert draft["words"] == [
        f"Account {payer.hex()} pays 34.30 SOL to account {payee.hex()}, for the purpose SUPP, with the reference A 1, "
        "and uses the word 2026/1, which it can use once.",
        "Kept beside the log as its evidence: \\ é",
        'Kept beside the log as its memo: rent of "May"',
        "The member whose account pays signs it, or a holder that it has given a grant.",
        "It can be logged until 2026-11-18 11:16:40 UTC, and never later.",
    ]
    found = preview(desk, token, unsigned(draft)).json
    assert found is not None
    assert found["words"][5:] == [f"Account {payer.hex()} then stands at -34.30 SOL and can pay 4965.70 SOL."]
    assert found["accounts"] == [{"id": payer.hex(), "balance": -3430, "held": 0, "available": 496570}]
    assert found["time"] == "2026-11-18T11:06:40Z"


def test_words_say_how_many_administrators(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    for kind, said in (("suspend", "2 of the administrators sign it."),
                       ("admit", "2 of the administrators sign it, and the new member with its own key, or its "
                        "custodian.")):  # fmt: skip
        assert draft_of(desk, kind, fields_of(desk, kind, payer, payee), desk.token(payer))["words"][-2] == said


def test_a_thousand_legs(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    legs = [{"payee": payee.hex(), "amount": 1}] * 4096
    token = desk.token(payer)
    draft = draft_of(desk, "transfer_many", {"payer": payer.hex(), "legs": legs}, token)
    assert len(set(draft["salted"])) == 4096
    assert draft["words"][0].endswith("pays 40.96 SOL in 4096 payments, all of them or none.")
    found = preview(desk, token, unsigned(draft)).json
    assert found is not None and len(found["events"]) == 4096


@pytest.mark.parametrize(("kind", "default", "most"), [("transfer", 600, 86_400), ("suspend", 604_800, 2_678_400)])
def test_validity(desk: Desk, kind: str, default: int, most: int) -> None:
    payer, payee = desk.territory.members(2)
    token, fields = desk.token(payer), fields_of(desk, kind, payer, payee)
    now = desk.territory.clock.now
    for valid_s, stands in ((None, default), (1, 1), (most, most)):
        more = {} if valid_s is None else {"valid_s": valid_s}
        assert json.loads(draft_of(desk, kind, fields, token, **more)["text"].split("\n")[2])["not_after"] == (
            now + stands
        )
    for valid_s in (0, -1, most + 1, 10**30, 1.5, "60", True, None, [60]):
        check_problem(prepare(desk, token, {"kind": kind, "fields": fields, "valid_s": valid_s}), 400, "body_invalid")


def test_each_draft_is_another(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token, fields = desk.token(payer), fields_of(desk, "transfer", payer, payee)
    one, other = draft_of(desk, "transfer", fields, token), draft_of(desk, "transfer", fields, token)
    assert one["id"] != other["id"] and not set(one["salted"]) & set(other["salted"])


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"amount": 1.0}, {"amount": "1"}, {"amount": 10**16}, {"amount": True}, {"amount": None},
     {"payer": "x"}, {"payee": NOWHERE.upper()}, {"memo": 5}, {"memo": "\n"}, {"memo": "\ud800"}, {"memo": None},
     {"memo": "x" * 5000}, {"unknown": 1}, {"id": NOWHERE}, {"not_after": 1}, {"anchor": [1, "x"]}, {"legs": []},
     {"once": ""}, {"once": "é"}, {"ref": "x" * 36}, {"purpose": "supp"}, {"amount": {"a": {"b": []}}}],
)  # fmt: skip
def test_fields_that_are_not_taken(desk: Desk, change: dict[str, Any]) -> None:
    payer, payee = desk.territory.members(2)
    fields = {**fields_of(desk, "transfer", payer, payee), **change}
    details = check_problem(
        prepare(desk, desk.token(payer), {"kind": "transfer", "fields": fields}), 400, "body_invalid"
    )
    assert details["what"]


@pytest.mark.parametrize(
    "legs", [None, [], {}, "x", [1], [{}], [{"payee": NOWHERE}], [{"payee": NOWHERE, "amount": 1, "memo": "x"}],
             [{"payee": NOWHERE, "amount": 1}] * 4097]
)  # fmt: skip
def test_legs_that_are_not_taken(desk: Desk, legs: Any) -> None:
    (payer,) = desk.territory.members(1)
    fields = {"payer": payer.hex(), "legs": legs}
    check_problem(prepare(desk, desk.token(payer), {"kind": "transfer_many", "fields": fields}), 400, "body_invalid")


def test_a_key_that_cannot_be_one_is_not_prepared(desk: Desk) -> None:
    fields = {"class": "personal", "facts": FACTS, "key": keys.encode(bytes(32))}
    check_problem(prepare(desk, desk.administrator(), {"kind": "admit", "fields": fields}), 400, "body_invalid")


@pytest.mark.parametrize(
    "body",
    [None, [], "x", 1, {}, {"kind": "transfer"}, {"fields": {}}, {"kind": "bribe", "fields": {}},
     {"kind": "genesis", "fields": {}}, {"kind": "cancel", "fields": []}, {"kind": ["cancel"], "fields": {}},
     {"kind": "cancel", "fields": {"target": NOWHERE}, "more": 1}],
)  # fmt: skip
def test_bodies_that_are_not_taken(desk: Desk, body: Any) -> None:
    (member,) = desk.territory.members(1)
    check_problem(prepare(desk, desk.token(member), body), 400, "body_invalid")


def test_deep_and_doubled_json(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    headers = {"Authorization": f"Bearer {desk.token(member)}"}
    deep = '{"feature":"limits","body":' + '{"a":' * 900 + "1" + "}" * 901
    for text in ('{"kind":"set_policy","fields":' + deep + "}", '{"kind":"cancel","kind":"cancel","fields":{}}'):
        response = desk.client.post(
            f"{BASE}/instructions/prepare", data=text, content_type="application/json", headers=headers
        )
        check_problem(response, 400, "body_invalid")


# --- preview


def test_a_signed_text_is_not_previewed_and_nothing_of_it_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    payer, payee = desk.territory.members(2)
    octets = desk.territory.transfer(payer, payee, 1, memo="x")
    before = dump(desk.territory.store)["entry"]
    token = desk.token(payer)
    for signed in (octets, octets.replace(b"\n\n", b"\n", 1), octets.replace(b"1795", b"", 1), b"\n" + octets):
        response = preview(desk, token, signed)
        check_problem(response, 422, "already_signed")
        assert "transfer" not in response.text and "transfer" not in caplog.text
    assert dump(desk.territory.store)["entry"] == before


@pytest.mark.parametrize("octets", [b"", b"\n", b"x", b"x\n", b"\xff\n", b"a\nb\n{}\n", b"\x00\n", b"a\n\n\n"])
def test_what_is_no_text(desk: Desk, octets: bytes) -> None:
    (member,) = desk.territory.members(1)
    check_problem(preview(desk, desk.token(member), octets), 400, "malformed")


def test_salted_lines_are_held_to_the_text(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    draft = draft_of(desk, "transfer", fields_of(desk, "transfer", payer, payee), token)
    octets, text = unsigned(draft), draft["text"].encode()
    for wrong in (text, octets + b"x\n", octets.replace(b"rent", b"tent"), octets + b"\n", text + b"\n\n",
                  octets.replace(b"transfer", b"bribe", 1), octets.replace(b"solana", b"lunana", 1)):  # fmt: skip
        check_problem(preview(desk, token, wrong), 400, "malformed")


def test_a_preview_is_refused_as_the_submission_would_be(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    fields = {"payer": payer.hex(), "payee": payee.hex(), "amount": 500_001}
    draft = draft_of(desk, "transfer", fields, token)
    foreseen = preview(desk, token, unsigned(draft))
    real = desk.submit(submission(desk, draft, (payer, desk.territory.seeds[payer])))
    assert check_problem(foreseen, 422, "credit_exceeded")["short_by"] == 1
    assert (foreseen.status_code, foreseen.json) == (real.status_code, real.json)


def test_the_very_text_that_is_logged(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    draft = draft_of(desk, "transfer", fields_of(desk, "transfer", payer, payee), token)
    assert desk.submit(submission(desk, draft, (payer, desk.territory.seeds[payer]))).status_code == 201
    found = preview(desk, token, unsigned(draft)).json
    assert found is not None
    assert (found["status"], found["log_index"], found["events"], found["accounts"]) == (200, 3, [], [])


def test_of_a_stranger_it_is_as_unknown(desk: Desk) -> None:
    payer, payee, stranger = desk.territory.members(3)
    token = desk.token(stranger)
    answers = []
    for account in (payer.hex(), NOWHERE):
        draft = draft_of(desk, "transfer", {"payer": account, "payee": payee.hex(), "amount": 10**9}, token)
        answers.append(preview(desk, token, unsigned(draft)))
        assert check_problem(answers[-1], 422, "account_unknown") == {}
    assert answers[0].data == answers[1].data
    suspend = draft_of(desk, "suspend", fields_of(desk, "suspend", payer, payee), token)
    check_problem(preview(desk, token, unsigned(suspend)), 422, "signatures_missing")


def test_an_administrator_without_the_scope_asks_as_anyone(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    draft = draft_of(desk, "suspend", fields_of(desk, "suspend", payer, payee), desk.administrator())
    holder = desk.territory.administrators[0][0]
    response = desk.client.post(f"{BASE}/tokens?scopes=preview", data=desk.login(holder), content_type="text/plain")
    assert response.json is not None and response.json["scopes"] == ["preview"]
    check_problem(preview(desk, response.json["token"], unsigned(draft)), 422, "signatures_missing")
    assert preview(desk, desk.administrator(), unsigned(draft)).status_code == 200


def test_one_administrator_has_cancelled_and_the_others_are_enough(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.administrator()
    draft = draft_of(desk, "suspend", fields_of(desk, "suspend", payer, payee), token)
    for (holder, key), status in zip(desk.territory.administrators[1:], (200, 422), strict=True):
        away = draft_of(desk, "cancel", {"target": draft["id"]}, token)
        assert desk.submit(submission(desk, away, (holder, key))).status_code == 201
        assert preview(desk, token, unsigned(draft)).status_code == status


def test_a_clock_in_trouble(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = desk.token(payer)
    draft = draft_of(desk, "transfer", fields_of(desk, "transfer", payer, payee), token)
    desk.trouble = "the clock is 9 s behind the last entry; set the clock"
    check_problem(preview(desk, token, unsigned(draft)), 503, "not_ready")


# --- what is told of others


def full(desk: Desk, payer: bytes, payee: bytes) -> str:
    """A payee that can take 5 more, and the payer's token."""
    limits = {"account": payee.hex(), "floor": 0, "ceiling": 5, "was": 2, "reason": "x"}
    draft = draft_of(desk, "set_limits", limits, desk.administrator())
    assert desk.submit(submission(desk, draft, *desk.territory.administrators[:2])).status_code == 201
    return desk.token(payer)


def pays(desk: Desk, token: str, payer: bytes, payee: bytes, amount: int) -> TestResponse:
    fields = {"payer": payer.hex(), "payee": payee.hex(), "amount": amount}
    return preview(desk, token, unsigned(draft_of(desk, "transfer", fields, token)))


def test_a_strangers_room_is_told_five_times_a_day(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee, third = desk.territory.members(3)
    token = full(desk, payer, payee)
    for _ in range(5):
        check_problem(pays(desk, token, payer, payee, 6), 422, "payee_cannot_receive")
    for amount in (6, 5, 1):  # that it could receive would say as much
        response = pays(desk, token, payer, payee, amount)
        assert check_problem(response, 429, "told_enough") == {}
        assert response.headers["Retry-After"] == "86400"
    legs = [{"payee": third.hex(), "amount": 1}, {"payee": payee.hex(), "amount": 1}]
    bulk = draft_of(desk, "transfer_many", {"payer": payer.hex(), "legs": legs}, token)
    check_problem(preview(desk, token, unsigned(bulk)), 429, "told_enough")
    assert pays(desk, token, payer, third, 1).status_code == 200  # another payee
    check_problem(pays(desk, desk.token(third), third, payee, 6), 422, "payee_cannot_receive")  # another holder
    check_problem(pays(desk, token, payer, payee, 10**9), 422, "credit_exceeded")  # of oneself, without end
    octets = desk.territory.transfer(payer, payee, 6)
    check_problem(desk.submit(octets), 422, "payee_cannot_receive")  # submissions are not counted


def test_what_was_told_is_forgotten_after_a_day(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    token = full(desk, payer, payee)
    for _ in range(5):
        check_problem(pays(desk, token, payer, payee, 6), 422, "payee_cannot_receive")
        desk.territory.clock.now += 100
    desk.territory.clock.now += 86_400 - 500 - 1
    check_problem(pays(desk, desk.token(payer), payer, payee, 6), 429, "told_enough")
    desk.territory.clock.now += 1
    token = desk.token(payer)
    check_problem(pays(desk, token, payer, payee, 6), 422, "payee_cannot_receive")
    assert check_problem(pays(desk, token, payer, payee, 6), 429, "told_enough") == {}
    desk.territory.clock.now += 86_400
    check_problem(pays(desk, desk.token(payer), payer, payee, 6), 422, "payee_cannot_receive")
    assert len(dump(desk.territory.store)["told"]) == 1


def test_ones_own_accounts_are_told_of_without_end(desk: Desk) -> None:
    (payer,) = desk.territory.members(1)
    draft = draft_of(desk, "open_account", {"member": payer.hex(), "class": "personal"}, desk.administrator())
    assert desk.submit(submission(desk, draft, *desk.territory.administrators[:2])).status_code == 201
    token = desk.token(payer)
    for _ in range(7):
        check_problem(pays(desk, token, payer, bytes.fromhex(draft["id"]), 20_001), 422, "payee_cannot_receive")
    found = pays(desk, token, payer, bytes.fromhex(draft["id"]), 20_000).json
    assert found is not None and [one["balance"] for one in found["accounts"]] == [-20_000, 20_000]


# --- the document


def test_the_document_has_each_kind_by_the_forms_own_fields() -> None:
    for kind in PREPARED:
        schema = grammar.ask_of(kind)["properties"]["fields"]
        own = FORMS[kind].fields
        assert list(schema["properties"]) == [field.name for field in own]
        assert schema["required"] == [field.name for field in own if not field.optional]
