"""A member's client changes keys and gives grants, over a street where answers are lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.client.member import Refused, Unknown
from ledger.log.keys import public_of
from tests.client.street import Street, lose_answer
from tests.territory import seed

NEW, NEWER = seed("a new key"), seed("a newer key")


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    yield street
    street.close()


def test_a_key_is_rotated_and_the_client_goes_on(street: Street) -> None:
    bakery, farm = street.member(0), street.members[1]
    other = street.member(0, memory=street.folder / "other.memory")
    bakery.pay(farm, 1)
    receipt = bakery.rotate_key(NEW)
    assert receipt.shown.kind == "rotate_key"
    bakery.pay(farm, 2)
    assert bakery.position().balance == -3
    with pytest.raises(Refused) as caught:
        other.pay(farm, 4)
    assert (caught.value.reason, caught.value.details["status"]) == ("key_dead", "rotated")


def test_a_lost_answer_to_a_rotation_is_sent_again(street: Street) -> None:
    """The old key that would ask for the outcome is dead by then; the same text gets the outcome that it had."""
    bakery = street.member(0)
    bakery.position()
    street.spoil("POST", lose_answer)
    try:
        receipt = bakery.rotate_key(NEW)
    except Unknown as unknown:
        receipt = bakery.send(unknown.octets)
    street.territory.seeds[street.members[0]] = NEW
    again = street.member(0, memory=street.folder / "again.memory")
    assert again.outcome(receipt.id) is not None
    assert again.pay(street.members[1], 1).log_index == receipt.log_index + 1


def test_keys_are_added_and_revoked(street: Street) -> None:
    bakery = street.member(0)
    bakery.add_key(NEW)
    bakery.add_key(NEWER)
    bakery.revoke_key(public_of(NEW))
    with pytest.raises(Refused) as caught:
        bakery.revoke_key(public_of(NEW))
    assert caught.value.reason == "key_unknown"
    with pytest.raises(Refused) as caught:
        bakery.add_key(NEWER)
    assert caught.value.reason == "key_used"


def test_grants_are_given_and_ended(street: Street) -> None:
    bakery, farm, shop = street.member(0), street.member(1), street.members[2]
    delegate = street.member(1, account=bakery.account, memory=street.folder / "delegate.memory")
    with pytest.raises(Refused):
        delegate.pay(shop, 1)
    bakery.give_grant(farm.holder, ["transfer", "read"], payment=5, day=7)
    assert delegate.pay(shop, 5).shown.kind == "transfer"
    with pytest.raises(Refused) as caught:
        delegate.pay(shop, 3)
    assert caught.value.reason == "grant_exceeded"
    bakery.give_grant(farm.holder, ["transfer"], day=20)
    delegate.pay(shop, 6)
    (grant,) = farm.grants()
    assert (grant["paid_day"], grant["day"], grant["kinds"]) == (11, 20, ["transfer"])
    bakery.end_grant(farm.holder)
    assert [one["stands"] for one in bakery.grants()] == [False]
    with pytest.raises(Refused):
        delegate.pay(shop, 1)


def test_bad_grants_are_not_sent(street: Street) -> None:
    bakery, farm = street.member(0), street.members[1]
    with pytest.raises(ValueError, match="has no grant"):
        bakery.end_grant(farm)
    with pytest.raises(ValueError, match="payment"):
        bakery.give_grant(farm, ["transfer"], payment=0)
    with pytest.raises(ValueError, match="kinds"):
        bakery.give_grant(farm, ["No word"])
    with pytest.raises(Refused) as caught:
        bakery.give_grant(farm, ["fly"])
    assert caught.value.reason == "grant_invalid"
    with pytest.raises(ValueError, match="key"):
        bakery.revoke_key(b"short")
