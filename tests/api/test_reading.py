"""What may be read, by whom, and that nothing else leaks."""

import hashlib
from typing import Any

import pytest

from ledger.core.keyrings import AddKey
from ledger.core.ledgers import KeyHolder, Quorum, SetPolicy
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import Recover
from ledger.core.transfers import Leg
from ledger.core.words import AccountId, HolderId
from ledger.log import checkpoint, entry, keys, merkle, proof, salted
from ledger.receipts.verifying import verify
from tests.api.desk import Desk, check_problem
from tests.territory import public, seed

NOWHERE = "0192f3a87c0b7e1a9d2c4b5a69788796"


def test_ledgers(either_desk: Desk) -> None:
    desk = either_desk
    listed = desk.get("/v1/ledgers").json
    assert listed is not None and listed["next"] is None
    (item,) = listed["items"]
    shown = desk.get("/v1/ledgers/solana").json
    assert shown is not None and item.items() <= shown.items()
    assert (shown["origin"], shown["log_size"], shown["backing"]) == (desk.territory.origin, 1, "none")
    assert shown["unit"] == {"code": "SOL", "name": "sol", "scale": 2, "parity": None}
    name, public = keys.parse_vkey(shown["verifier_keys"][0])
    assert (name, public) == (desk.territory.origin, keys.public_of(desk.territory.operator))
    assert shown["policies"]["limits"] == {"body": {"commercial": [-500000, 500000], "personal": [-10000, 20000]},
                                           "since": 0}  # fmt: skip
    assert shown["time"] == "2026-11-18T11:06:40Z"
    assert shown["administrators"] == [holder.hex() for holder, _ in desk.territory.administrators]


def test_an_unknown_ledger(desk: Desk) -> None:
    for path in ("/v1/ledgers/luna", "/luna/checkpoint", "/health/checkpoint", "/v1/ledgers/SOLANA"):
        check_problem(desk.get(path), 404, "not_found")


def test_the_checkpoint_is_the_signed_note(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    desk.submit(desk.territory.transfer(payer, payee, 1))
    response = desk.get("/solana/checkpoint")
    assert response.content_type == "text/plain; charset=utf-8"
    signed = checkpoint.verify(response.data, desk.territory.origin, keys.public_of(desk.territory.operator))
    head = desk.served.door.head()
    assert (signed.size, signed.root) == (head.size, head.root)


def test_health(desk: Desk) -> None:
    assert desk.get("/health/live").json == {"status": "ok"}
    assert desk.get("/health/ready").json == {"status": "ok", "ledgers": {"solana": "ok"}}
    desk.trouble = "the clock is 9 s behind the last entry; set the clock"
    response = desk.get("/health/ready")
    assert check_problem(response, 503, "not_ready") == {"ledgers": {"solana": desk.trouble}}
    assert response.headers["Retry-After"]


# --- accounts


def test_a_member_reads_its_own_account(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    desk.submit(desk.territory.transfer(payer, payee, 3430))
    response = desk.get(f"accounts/{payer.hex()}", desk.token(payer))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json == {
        "id": payer.hex(), "member": payer.hex(), "kind": "member", "class": "commercial", "status": "open",
        "balance": -3430, "held": 0, "floor": -500000, "ceiling": 500000, "available": 496570, "open_items": 0,
        "negative_since": "2026-11-18T11:06:40Z", "entry": 3, "opened": 1, "limits_since": 1, "status_since": 1,
    }  # fmt: skip


def test_absent_and_not_yours_are_one_answer(desk: Desk) -> None:
    mine, other = desk.territory.members(2)
    token = desk.token(mine)
    for suffix in ("", "/movements"):
        absent = desk.get(f"accounts/{NOWHERE}{suffix}", token)
        others = desk.get(f"accounts/{other.hex()}{suffix}", token)
        common = desk.get(f"accounts/{desk.territory.common['fees'].hex()}{suffix}", token)
        check_problem(absent, 404, "not_found")
        assert absent.data == others.data == common.data
        assert dict(absent.headers) == dict(others.headers)


def test_administrators_read_every_account(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    token = desk.administrator()
    for id in (member, desk.territory.common["fees"]):
        assert desk.get(f"accounts/{id.hex()}", token).status_code == 200
        assert desk.get(f"accounts/{id.hex()}/movements", token).status_code == 200
    check_problem(desk.get(f"accounts/{NOWHERE}", token), 404, "not_found")


def test_what_belongs_to_a_member_needs_a_token(desk: Desk) -> None:
    (member,) = desk.territory.members(1)
    for path in (f"accounts/{member.hex()}", f"accounts/{NOWHERE}", f"accounts/{member.hex()}/movements",
                 f"instructions/{member.hex()}", f"instructions/{NOWHERE}"):  # fmt: skip
        response = desk.get(path)
        check_problem(response, 401, "token_missing")
        assert response.headers["WWW-Authenticate"] == "Bearer"


# --- movements


def _trade(desk: Desk, payer: bytes, payee: bytes, count: int) -> None:
    for n in range(count):
        desk.territory.clock.now += 60
        desk.territory.send(desk.territory.transfer(payer, payee, n + 1, purpose="SUPP"))


def _pages(desk: Desk, account: bytes, token: str, query: str) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        body = desk.get(f"accounts/{account.hex()}/movements?{query}{cursor}", token).json
        assert body is not None
        pages.append(body["items"])
        if body["next"] is None:
            return pages
        cursor = f"&cursor={body['next']}"


def test_movements_newest_first_with_ones_own_balance(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    _trade(desk, payer, payee, 3)
    seen = {}
    for member in (payer, payee):
        response = desk.get(f"accounts/{member.hex()}/movements", desk.token(member))
        assert response.headers["Cache-Control"] == "no-store" and response.json is not None
        seen[member] = response.json["items"]
        assert not {"payer_balance", "payee_balance"} & set(seen[member][0])
    assert [item["amount"] for item in seen[payer]] == [3, 2, 1]
    assert [item["balance"] for item in seen[payer]] == [-6, -3, -1]
    assert [item["balance"] for item in seen[payee]] == [6, 3, 1]
    first = seen[payer][-1]
    assert first["time"] == "2026-11-18T11:07:40Z"
    assert (first["payer"], first["payee"]) == (payer.hex(), payee.hex())
    assert (first["kind"], first["purpose"]) == ("trade", "SUPP")
    assert first["id"][1] == 0 and first["of"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
def test_pages_are_the_whole_list_cut(either_desk: Desk, limit: int) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    _trade(desk, payer, payee, 3)
    _trade(desk, payee, payer, 3)
    desk.territory.send(desk.territory.transfer_many(payer, [Leg(AccountId(payee), n) for n in range(1, 6)]))
    token = desk.token(payer)
    whole = _pages(desk, payer, token, "limit=500")[0]
    places = [(item["log_index"], item["id"][1]) for item in whole]
    assert len(whole) == 11 and places == sorted(places, reverse=True)
    pages = _pages(desk, payer, token, f"limit={limit}")
    assert [item for page in pages for item in page] == whole
    assert all(len(page) == limit for page in pages[:-1])


def test_pages_do_not_tear_while_others_write(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    _trade(desk, payer, payee, 4)
    token = desk.token(payer)
    first = desk.get(f"accounts/{payer.hex()}/movements?limit=2", token).json
    assert first is not None
    _trade(desk, payee, payer, 3)
    second = desk.get(f"accounts/{payer.hex()}/movements?limit=2&cursor={first['next']}", token).json
    assert second is not None
    assert [item["amount"] for item in first["items"] + second["items"]] == [4, 3, 2, 1]


def test_filters_mean_the_same_as_filtering_by_hand(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    _trade(desk, payer, payee, 6)
    token = desk.token(payer)
    whole = _pages(desk, payer, token, "limit=500")[0]
    times = [item["time"] for item in whole]
    for start in (None, *times, "2020-01-01T00:00:00Z", "2035-01-01T00:00:00Z"):
        for end in (None, *times[::2]):
            query = "".join(f"&{name}={value}" for name, value in (("from", start), ("to", end)) if value)
            by_hand = [i for i in whole if (not start or start <= i["time"]) and (not end or i["time"] < end)]
            assert [i for page in _pages(desk, payer, token, f"limit=4{query}") for i in page] == by_hand
    assert _pages(desk, payer, token, "kind=trade") == [whole]
    assert _pages(desk, payer, token, "kind=fee") == [[]]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=-1", "limit=1.5", "limit=x", "limit=", "limit=1_0", "limit=%20 7", "limit=٣",
     "limit=" + "9" * 5000, "limit=5&limit=6", "unknown=1", "from=yesterday", "from=2026-11-25", "to=1795000000",
     "from=2026-13-01T00:00:00Z", "from=2026-11-25T08:00:00%2B01:00", "from=0000-01-01T00:00:00Z", "kind=bribe",
     "kind=", "cursor=" + "A" * 65],
)  # fmt: skip
def test_hostile_queries(desk: Desk, query: str) -> None:
    (member,) = desk.territory.members(1)
    check_problem(desk.get(f"accounts/{member.hex()}/movements?{query}", desk.token(member)), 400, "query_invalid")


def test_a_cursor_of_another_query_or_of_nobody(desk: Desk) -> None:
    payer, payee = desk.territory.members(2)
    _trade(desk, payer, payee, 3)
    token = desk.token(payer)
    page = desk.get(f"accounts/{payer.hex()}/movements?limit=1", token).json
    assert page is not None
    cursor = page["next"]
    assert desk.get(f"accounts/{payer.hex()}/movements?cursor={cursor}", token).status_code == 200
    for path, reader in ((f"{payer.hex()}/movements?kind=trade&cursor={cursor}", payer),
                         (f"{payee.hex()}/movements?cursor={cursor}", payee)):  # fmt: skip
        check_problem(desk.get(f"accounts/{path}", desk.token(reader)), 400, "cursor_invalid")
    for bad in ("", "x", "%00", "A" * 24, cursor[:-1], cursor + "=", cursor.swapcase(), "é", "*" * 24):
        check_problem(desk.get(f"accounts/{payer.hex()}/movements?cursor={bad}", token), 400, "cursor_invalid")


# --- entries and outcomes


def test_an_entry_is_public_and_proved(either_desk: Desk) -> None:
    desk = either_desk
    payer, payee = desk.territory.members(2)
    desk.submit(desk.territory.transfer(payer, payee, 77, memo="secret of the baker"))
    response = desk.get("entries/3")
    assert response.json is not None and response.headers["Cache-Control"] == "public, no-cache"
    proved = proof.parse(response.json["proof"].encode())
    signed = checkpoint.verify(proved.checkpoint, desk.territory.origin, keys.public_of(desk.territory.operator))
    octets = response.json["entry"].encode()
    assert entry.parse(octets).time == desk.territory.clock.now
    assert merkle.verify_inclusion(entry.leaf_hash(octets), 3, signed.size, list(proved.path), signed.root)
    assert set(response.json) == {"log_index", "entry", "proof"}


def test_a_party_sees_its_own_of_an_entry_and_nobody_else_does(desk: Desk) -> None:
    payer, payee, stranger = desk.territory.members(3)
    desk.submit(desk.territory.transfer(payer, payee, 77, memo="secret of the baker"))
    for party in (payer, payee):
        shown = desk.get("entries/4", desk.token(party))
        assert "secret of the baker" in shown.text
        assert shown.headers["Cache-Control"] == "no-store"
    for token in (None, desk.token(stranger), desk.token(desk.territory.clerk[0])):
        shown = desk.get("entries/4", token)
        assert shown.status_code == 200
        for word in ("secret", payer.hex(), payee.hex(), '\\"amount'):
            assert word not in shown.text


def test_the_genesis_and_policies_are_public_in_full(desk: Desk) -> None:
    policy = SetPolicy("limits", '{"commercial":[-1,1]}', 0)
    desk.submit(desk.territory.administer("set_policy", policy, texts={"reason": "a word for the assembly"}))
    for index, word in ((0, "losses_cap"), (1, '"commercial":[-1,1]')):
        response = desk.get(f"entries/{index}")
        shown = response.json
        assert shown is not None
        public = entry.parse(shown["entry"].encode())
        assert word in shown["note"] and hashlib.sha256(shown["note"].encode()).digest() == public.instruction
        assert salted.root([line.encode() for line in shown["events"]]) == public.events
        assert "assembly" not in response.text


def test_changes_of_who_governs_and_runs_the_ledger_are_public_in_full(desk: Desk) -> None:
    """Note and event lines, as the leaf says; not the reason, which stands beside the log."""
    territory = desk.territory
    one, two, _ = territory.administrators
    new, clerk = (HolderId(territory.clock.id()), seed("new")), territory.clerk[0]
    chosen = SetAdministrators((one[0], two[0], new[0]), (("any", Quorum("administrators", 2)),), 0,
                               (KeyHolder(new[0], public("new")),))  # fmt: skip
    by_all = [one, two, new]
    for draft, signers in (
        (territory.draft("set_administrators", chosen, texts={"reason": "a word for the board"}), by_all),
        (
            territory.draft("set_clerk", SetClerk(KeyHolder(clerk, public("clerk 2")), 0)),
            [one, two, (clerk, seed("clerk 2"))],
        ),
        (territory.draft("set_operator", SetOperator(public("operator 2"), 0)), [one, two]),
    ):
        assert desk.submit(draft.signed(signers)).status_code == 201
    for index, word in ((1, "administrators_set"), (2, "clerk_set"), (3, "operator_set")):
        shown = desk.get(f"entries/{index}").json
        assert shown is not None
        leaf = entry.parse(shown["entry"].encode())
        assert hashlib.sha256(shown["note"].encode()).digest() == leaf.instruction
        assert salted.root([line.encode() for line in shown["events"]]) == leaf.events
        assert any(word in line for line in shown["events"]) and "a word for the board" not in str(shown)


def test_an_administrators_further_keys_are_public_and_a_members_are_not(desk: Desk) -> None:
    territory = desk.territory
    (member,) = territory.members(1)
    (one, own), (two, _), _ = territory.administrators
    asked = ((one, own, "telephone"), (HolderId(member), territory.seeds[member], "till"))
    for holder, signs, label in asked:
        draft = territory.draft("add_key", AddKey(holder, public(label)))
        assert desk.submit(draft.signed([(holder, signs), (holder, seed(label))])).status_code == 201
    lost = territory.draft("recover", Recover(two, public("found"), b""), texts={"reason": "fell into the river"})
    octets = lost.signed([territory.administrators[0], territory.administrators[2], (two, seed("found"))])
    assert desk.submit(octets).status_code == 201
    for index, word in ((2, "key_added"), (4, "recovery_started")):
        shown = desk.get(f"entries/{index}").json
        assert shown is not None and word in shown["events"][0] and "river" not in str(shown)
        leaf = entry.parse(shown["entry"].encode())
        assert hashlib.sha256(shown["note"].encode()).digest() == leaf.instruction
    for index in (1, 3):
        shown = desk.get(f"entries/{index}").json
        assert shown is not None and set(shown) == {"log_index", "entry", "proof"}


def test_an_entry_that_is_not_there(desk: Desk) -> None:
    for index in ("1", "9007199254740991", "9999999999999999", "-1", "01", "x", "1.0", "٣", "9" * 40):
        check_problem(desk.get(f"entries/{index}"), 404, "not_found")


def test_an_outcome_by_id_for_its_parties_alone(desk: Desk) -> None:
    payer, payee, stranger = desk.territory.members(3)
    id = desk.territory.clock.id()
    first = desk.submit(desk.territory.transfer(payer, payee, 77, id=id)).json
    assert first is not None
    for party in (payer, payee):
        shown = desk.get(f"instructions/{id.hex()}", desk.token(party))
        assert shown.status_code == 200 and shown.json is not None
        assert shown.json["entry"]["log_index"] == first["entry"]["log_index"]
        verify(shown.data, desk.territory.origin, desk.territory.identity)
    token = desk.token(stranger)
    others, absent = desk.get(f"instructions/{id.hex()}", token), desk.get(f"instructions/{NOWHERE}", token)
    check_problem(absent, 404, "not_found")
    assert (others.data, dict(others.headers)) == (absent.data, dict(absent.headers))


def test_each_payee_of_a_bulk_sees_its_own_leg_alone(desk: Desk) -> None:
    payer, one, two = desk.territory.members(3)
    id = desk.territory.clock.id()
    legs = [Leg(AccountId(one), 1111), Leg(AccountId(two), 2222)]
    assert desk.submit(desk.territory.transfer_many(payer, legs, id=id)).status_code == 201
    seen = desk.get(f"instructions/{id.hex()}", desk.token(one)).text
    assert "1111" in seen and "2222" not in seen and two.hex() not in seen
    both = desk.get(f"instructions/{id.hex()}", desk.token(payer)).text
    assert "1111" in both and "2222" in both


@pytest.mark.parametrize("id", ["x", "0" * 32, NOWHERE.upper(), NOWHERE + "0", NOWHERE[:-1], "..", "%00"])
def test_hostile_ids_are_not_found(desk: Desk, id: str) -> None:
    token = desk.administrator()
    for noun in ("accounts", "instructions"):
        check_problem(desk.get(f"{noun}/{id}", token), 404, "not_found")
