"""The books over HTTP, typed: what an administrator's program and a member's read, from a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.client.books import Books, Group
from ledger.client.http import Client, ServerError
from ledger.client.outcomes import Unknown
from tests.client.street import Street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    farm, mill = (id.hex() for id in street.members[1:])
    shop = street.member()
    for n in range(1, 4):
        street.clock.now += 60
        shop.pay(farm, 100 * n, purpose="SUPP" if n == 2 else None)
    shop.pay(mill, 7)
    yield street
    street.close()


def books(street: Street, holder: bytes) -> Books:
    """As this holder reads them."""
    client = Client(street.address, "solana", sleep=street.slept.append)
    client.log_in(holder, street.territory.seeds[holder], street.clock.now)  # type: ignore[arg-type]
    return Books(client)


def test_an_administrator_reads_everything(street: Street) -> None:
    shop, farm, mill = (id.hex() for id in street.members)
    found = books(street, street.territory.administrators[0][0])
    whole = list(found.movements())
    assert [(one.payee, one.amount) for one in whole] == [(mill, 7), (farm, 300), (farm, 200), (farm, 100)]
    assert (whole[1].payer_balance, whole[1].payee_balance, whole[1].time) == (-600, 600, street.clock.now)
    assert list(found.movements(2)) == whole[:2]
    assert list(found.movements(account=farm, purpose="SUPP", class_="commercial")) == [whole[2]]
    assert list(found.movements(start=street.clock.now, max_amount=100)) == [whole[0]]
    totals = found.totals(["kind"], payee=farm, end=street.clock.now)
    assert (totals.log_size, totals.number, totals.amount) == (8, 2, 300)
    assert totals.groups == (Group(None, "trade", None, None, 2, 300),)
    assert found.account_totals() == (8, 5, 607, -607)
    members = list(found.members(kind="business", status="open", inside=True))
    assert [(one.id, one.accounts[0].balance, one.accounts[0].class_) for one in members] == [
        (shop, -607, "commercial"), (farm, 600, "commercial"), (mill, 7, "commercial")]  # fmt: skip
    assert list(found.members(sse=False)) == []
    (facts,) = found.facts(farm)
    assert (facts.before, facts.after["kind"], facts.kind) == (None, "business", "admit")


def test_a_member_reads_its_own(street: Street) -> None:
    shop, farm, _ = (id.hex() for id in street.members)
    found = books(street, street.members[0])
    (limits,) = found.limits(shop)
    assert (limits.after, limits.log_index) == ({"floor": -500_000, "ceiling": 500_000}, 1)
    assert limits.signers is not None and shop in limits.signers and limits.reason is None
    assert [one.after for one in found.statuses(shop)] == ["open"]
    assert [one.feature for one in found.policies()] == ["limits", "retention", "rules"]
    assert [one.after for one in found.policies("rules")] == [1]
    for read in (found.limits(farm), found.facts(farm), found.movements(), found.members()):
        with pytest.raises(ServerError) as raised:
            list(read)
        assert raised.value.reason in ("not_found", "scope_missing")


def test_an_answer_that_is_not_as_documented(street: Street) -> None:
    found = books(street, street.territory.administrators[0][0])
    street.spoil(
        "GET", lambda passing: (200, {"Content-Type": "application/json"}, b'{"items":[{"id":7}],"next":null}')
    )
    with pytest.raises(Unknown):
        list(found.movements())
