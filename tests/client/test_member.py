"""A member's client against a real server, over a street where answers are lost, garbled and held back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.client.member import (
    Ledger,
    Member,
    NotProved,
    Payment,
    Receipt,
    Refused,
    ServerError,
    Unknown,
    WrongLedger,
)
from ledger.core.accounts import Moved
from ledger.log import instruction
from ledger.receipts.verifying import verify
from tests.client.street import Answer, Passing, Street, busy, busy_after, lose_answer, lose_request


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    yield street
    street.close()


def posts(street: Street) -> int:
    return sum(method == "POST" and path.endswith("/instructions") for method, path in street.passed)


# --- all is well


def test_a_payment_and_its_receipt(street: Street, tmp_path: Path) -> None:
    bakery, farm = street.member(0), street.member(1)
    receipt = bakery.pay(farm.account, 3430, memo="flour of May", once="slip 1", purpose="GDDS", ref="R1")
    receipt.save(tmp_path / "receipt.json")
    shown = verify((tmp_path / "receipt.json").read_bytes(), street.ledger.origin, street.ledger.identity)
    assert shown == receipt.shown
    assert (shown.asked.amount, shown.asked.once, shown.asked.ref, shown.texts) == (
        3430, "slip 1", "R1", (("memo", "flour of May"),))  # fmt: skip
    assert (receipt.log_index, receipt.time) == (4, street.clock.now)
    assert (bakery.position().balance, farm.position().balance) == (-3430, 3430)
    assert farm.outcome(receipt.id) is not None


def test_a_preview_says_what_a_payment_would_come_to_and_makes_none(street: Street) -> None:
    bakery, farm = street.member(0), street.member(1)
    found = bakery.preview(Payment(farm.account, 3430, "flour of May"))
    assert found.balance == -3430 and found.available == bakery.position().available - 3430
    assert any("flour of May" in sentence for sentence in found.words)
    assert bakery.position().balance == 0
    with pytest.raises(Refused) as caught:
        bakery.preview(Payment(farm.account, 10**9))
    assert caught.value.reason == "credit_exceeded"
    with pytest.raises(ValueError, match="amount"):
        bakery.preview(Payment(farm.account, 0))


def test_what_it_signs_is_anchored_to_what_it_has_proved(street: Street) -> None:
    bakery = street.member()
    assert json.loads(bakery.write_payment(Payment(street.members[1], 1)).split(b"\n")[2])["anchor"][0] == 1
    bakery.pay(street.members[1], 1)
    sent = json.loads(instruction.parse(bakery.write_payment(Payment(street.members[1], 1))).object)
    assert sent["anchor"][0] == bakery.seen.size == 5
    assert sent["not_after"] == street.clock.now + 3600


def test_a_refusal_says_why(street: Street) -> None:
    bakery = street.member()
    with pytest.raises(Refused) as caught:
        bakery.pay(street.members[1], 900_000)
    refused = caught.value
    assert (refused.reason, refused.details["short_by"]) == ("credit_exceeded", 400_000)
    assert refused.message and refused.remedy and bakery.outcome(refused.id) is None


@pytest.mark.parametrize(
    "wrong", [{"amount": 0}, {"amount": -1}, {"amount": 10**15 + 1}, {"payee": "farm"}, {"payee": "00" * 16},
              {"once": ""}, {"once": "é"}, {"ref": "x" * 36}, {"memo": "a\nb"}, {"purpose": "toolong"}],
)  # fmt: skip
def test_what_cannot_be_signed_is_never_sent(street: Street, wrong: dict[str, object]) -> None:
    payment = Payment(street.members[1], 1)._replace(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        street.member().pay_each([payment])
    if "memo" not in wrong:
        with pytest.raises(ValueError):
            street.member().transfer_many([payment])
    assert street.passed == []


def test_many_under_one_signature(street: Street) -> None:
    bakery = street.member()
    receipt = bakery.transfer_many([Payment(street.members[1], 10, once="a"), Payment(street.members[2], 20, once="b")])
    assert [event.amount for event in receipt.shown.events if isinstance(event, Moved)] == [10, 20]
    mine = street.member(2).outcome(receipt.id)
    assert mine is not None and [leg.amount for _, leg in mine.shown.legs] == [20]
    with pytest.raises(Refused) as caught:
        bakery.transfer_many([Payment(street.members[1], 5), Payment(street.members[2], 20, once="b")])
    assert (caught.value.reason, caught.value.details["first"]) == ("once_used", receipt.id)
    with pytest.raises(ValueError, match="memo"):
        bakery.transfer_many([Payment(street.members[1], 5, memo="no")])


def test_each_of_many_has_its_own_answer(street: Street) -> None:
    bakery = street.member()
    payments = [Payment(street.members[1], 1), Payment(street.members[1], 900_000), Payment(street.members[2], 3)]
    first, second, third = bakery.pay_each(payments)
    assert isinstance(first, Receipt) and isinstance(second, Refused) and isinstance(third, Receipt)
    assert (second.reason, third.shown.asked.amount) == ("credit_exceeded", 3)
    assert bakery.pay_each([]) == []


def test_movements_page_by_page(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.client.member.PAGE_MOST", 3)
    bakery = street.member()
    answers = bakery.pay_each([Payment(street.members[1], amount) for amount in range(1, 8)])
    found = list(bakery.movements())
    assert [one.amount for one in found] == [7, 6, 5, 4, 3, 2, 1]
    assert [one.id for one in reversed(found)] == [one.id for one in answers if isinstance(one, Receipt)]
    assert (found[0].balance, found[0].time, found[0].payer) == (-28, street.clock.now, bakery.account.hex())
    assert list(bakery.movements(kind="fee")) == []


def test_a_cancel_ends_a_text_for_ever(street: Street) -> None:
    bakery = street.member()
    octets = bakery.write_payment(Payment(street.members[1], 1))
    id = json.loads(octets.split(b"\n")[2])["id"]
    assert bakery.cancel(id).shown.kind == "cancel"
    with pytest.raises(Refused, match="cancelled"):
        bakery.send(octets)
    paid = bakery.pay(street.members[1], 1)
    with pytest.raises(Refused, match="already_logged"):
        bakery.cancel(paid.id)


# --- what may come between


def test_an_answer_that_is_lost_after_the_commit_is_asked_for_by_its_id(street: Street) -> None:
    bakery = street.member()
    street.spoil("POST", lose_answer)
    receipt = bakery.pay(street.members[1], 7)
    assert posts(street) == 1 and ("GET", f"/v1/ledgers/solana/instructions/{receipt.id}") in street.passed
    assert bakery.position().balance == -7


def test_a_request_that_is_lost_goes_again_after_it_was_asked_for(street: Street) -> None:
    bakery = street.member()
    street.spoil("POST", lose_request)
    receipt = bakery.pay(street.members[1], 7)
    after = [path.rpartition("/")[2] for _, path in street.passed]
    assert after[:4] == ["instructions", "tokens", receipt.id, "instructions"]
    assert bakery.position().balance == -7 and street.slept == [0.05]


def test_503_is_waited_out_as_it_says(street: Street) -> None:
    street.spoil("POST", busy, busy_after)
    bakery = street.member(chance=lambda: 1.0)
    receipt = bakery.pay(street.members[1], 7)
    assert street.slept == [7 * 1.25, 7 * 1.25] and posts(street) == 3
    assert bakery.outcome(receipt.id) == receipt and bakery.position().balance == -7


def test_unknown_stays_unknown_and_the_same_text_settles_it(street: Street) -> None:
    bakery = street.member()
    street.spoil("POST", busy, busy, busy, busy_after)
    with pytest.raises(Unknown) as caught:
        bakery.pay(street.members[1], 7)
    receipt = bakery.send(caught.value.octets)
    assert receipt.id in str(caught.value) and bakery.position().balance == -7


def test_of_many_what_is_lost_goes_again(street: Street) -> None:
    bakery = street.member()
    street.spoil("POST", lose_answer, lose_request, busy)
    answers = bakery.pay_each([Payment(street.members[1], 1)] * 5)
    assert all(isinstance(one, Receipt) for one in answers) and bakery.position().balance == -5
    street.spoil("POST", *[lose_answer] * 4)
    answers = bakery.pay_each([Payment(street.members[1], 1)] * 5)
    assert all(type(one) is Unknown for one in answers)
    again = bakery.send_many([one.octets for one in answers if isinstance(one, Unknown)])
    assert all(isinstance(one, Receipt) for one in again) and bakery.position().balance == -10


def test_a_server_that_was_restarted(street: Street) -> None:
    bakery = street.member()
    first = bakery.pay(street.members[1], 1)
    assert bakery.position().balance == -1
    street.restart()
    second = bakery.pay(street.members[1], 2)
    assert (first.log_index, second.log_index, bakery.position().balance) == (4, 5, -3)


def test_a_token_whose_hour_is_over(street: Street) -> None:
    bakery = street.member()
    assert bakery.position().balance == 0
    street.clock.now += 4000
    assert bakery.position().balance == 0
    assert [path for _, path in street.passed].count("/v1/ledgers/solana/tokens") == 2


def test_what_is_no_judgement_on_the_instruction_is_no_refusal(street: Street) -> None:
    street.spoil("POST", lambda passing: (413, {}, b'{"reason":"too_large","detail":"Too large."}'))
    with pytest.raises(ServerError, match="Too large"):
        street.member().pay(street.members[1], 1)


def test_a_server_that_is_not_there(street: Street) -> None:
    bakery = street.member()
    octets = bakery.write_payment(Payment(street.members[1], 1))
    street.close()
    with pytest.raises(Unknown) as caught:
        bakery.send(octets)
    assert caught.value.octets == octets
    with pytest.raises(ValueError, match="address"):
        Member("ledger.example", street.ledger, street.members[0], bytes(32), Path("unused"))


# --- what a server may not make us believe


def garble(passing: Passing) -> Answer:
    """A receipt whose checkpoint has another root."""
    status, headers, octets = passing.pass_on()
    body = json.loads(octets)
    lines = body["checkpoint"].split("\n")
    lines[2] = "A" * 43 + "="
    body["checkpoint"] = "\n".join(lines)
    return status, headers, json.dumps(body).encode()


def half(passing: Passing) -> Answer:
    status, headers, octets = passing.pass_on()
    return status, headers, octets[: len(octets) // 2]


def drop_events(passing: Passing) -> Answer:
    """A receipt of the payment, where nothing shows that it was made."""
    status, headers, octets = passing.pass_on()
    return status, headers, json.dumps(json.loads(octets) | {"events": []}).encode()


@pytest.mark.parametrize("spoil", [garble, half, drop_events])
def test_a_receipt_garbled_on_its_way_is_asked_for_again(street: Street, spoil: object) -> None:
    bakery = street.member()
    street.spoil("POST", spoil)  # type: ignore[arg-type]
    assert bakery.pay(street.members[1], 7).log_index == 4
    assert posts(street) == 1 and bakery.position().balance == -7


@pytest.mark.parametrize("spoil", [garble, half, drop_events])
def test_a_receipt_garbled_twice_is_no_receipt(street: Street, spoil: object) -> None:
    bakery = street.member()
    bakery.pay(street.members[1], 1)
    street.spoil("POST", spoil)  # type: ignore[arg-type]
    street.spoil("GET", spoil)  # type: ignore[arg-type]
    with pytest.raises(NotProved, match="does not verify") as caught:
        bakery.pay(street.members[1], 7)
    assert bakery.send(caught.value.octets).log_index == 5


def test_the_receipt_of_another_payment(street: Street) -> None:
    bakery = street.member()
    other = bakery.pay(street.members[1], 1)

    def swap(passing: Passing) -> Answer:
        return 201, {}, other.octets

    street.spoil("POST", swap)
    with pytest.raises(NotProved, match="another instruction"):
        bakery.pay(street.members[1], 7)


def test_many_garbled_receipts(street: Street) -> None:
    bakery = street.member()
    bakery.visit()

    def spoil(passing: Passing) -> Answer:
        status, headers, octets = passing.pass_on()
        body = json.loads(octets)
        body["outcomes"][0]["receipt"]["events"] = []
        del body["outcomes"][1]["receipt"]
        return status, headers, json.dumps(body).encode()

    street.spoil("POST", spoil)
    first, second, third = bakery.pay_each([Payment(street.members[1], 1)] * 3)
    assert isinstance(first, Receipt) and isinstance(second, NotProved) and isinstance(third, Receipt)
    assert bakery.send(second.octets).log_index == 5


def test_another_ledger_than_the_one_in_the_statutes(street: Street, tmp_path: Path) -> None:
    holder = street.members[0]
    for ledger in (Ledger(street.ledger.origin, bytes(32)), Ledger("other.example/solana", street.ledger.identity)):
        memory = tmp_path / f"{ledger.identity.hex()[:4]}-{ledger.origin[:5]}.memory"
        seed = street.territory.seeds[holder]
        with Member(street.address, ledger, holder, seed, memory, clock=street.clock) as member:
            with pytest.raises(WrongLedger, match="genesis"):
                member.visit()
            with pytest.raises((Refused, NotProved, WrongLedger)):
                member.pay(street.members[1], 1)


def test_two_threads_and_more_share_a_member(street: Street) -> None:
    bakery = street.member()
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda n: bakery.pay(street.members[1], n + 1, once=f"slip {n}"), range(24)))
        positions = list(pool.map(lambda _: bakery.position().balance, range(8)))
    assert sorted(one.shown.asked.amount for one in receipts) == list(range(1, 25))
    assert len({one.log_index for one in receipts}) == 24 and set(positions) == {-300}
    assert bakery.seen.size == 28
    assert [path for _, path in street.passed].count("/v1/ledgers/solana/tokens") == 1


def test_two_clients_share_a_memory(street: Street, tmp_path: Path) -> None:
    memory = tmp_path / "shared.memory"
    members = [street.member(n, memory=memory) for n in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(one.pay, street.members[2], 1) for one in members for _ in range(10)]:
            future.result()
    assert members[0].seen == members[1].seen and members[0].seen.size == 24
