"""Signatures gathered in files: unsigned, signed in parts, merged, complete."""

from collections.abc import Iterator

import pytest

from ledger.client.gathering import Gathering, merge, of_draft, parse
from ledger.core.members import Suspend
from ledger.core.words import AccountId
from ledger.log.malformed import Malformed
from tests.territory import TerritoryOfTests


@pytest.fixture
def territory(sqlite_url: str) -> Iterator[TerritoryOfTests]:
    territory = TerritoryOfTests(sqlite_url)
    yield territory
    territory.close()


def suspension(territory: TerritoryOfTests) -> Gathering:
    (member,) = territory.members(1)
    asked = Suspend(AccountId(member), 1, b"")
    return of_draft(territory.draft("suspend", asked, texts={"reason": "key stolen, says the mill\u2028"}))


def test_an_unsigned_text_is_a_file(territory: TerritoryOfTests) -> None:
    gathering = suspension(territory)
    assert parse(gathering.octets) == gathering
    assert (gathering.kind, gathering.origin, gathering.holders) == ("suspend", territory.origin, frozenset())
    assert parse(gathering._replace(salted=()).octets).salted == ()


def test_signed_apart_and_merged_it_is_accepted(territory: TerritoryOfTests) -> None:
    gathering = suspension(territory)
    first, second, third = (gathering.signed([one]) for one in territory.administrators)
    both = merge([parse(first.octets), parse(second.octets)])
    assert both.holders == {holder for holder, _ in territory.administrators[:2]}
    assert merge([both, second, first]) == both
    (outcome,) = territory.send(both.octets)
    assert getattr(outcome, "log_index", None) == 2, outcome
    assert len(merge([both, third]).lines) == 3


def test_signing_twice_is_signing_once(territory: TerritoryOfTests) -> None:
    gathering = suspension(territory).signed(territory.administrators[:1])
    assert gathering.signed(territory.administrators[:1]) == gathering


def test_copies_of_two_texts_are_not_merged(territory: TerritoryOfTests) -> None:
    one = suspension(territory)
    other = one._replace(text=one.text.replace(b'"was":1', b'"was":2'))
    with pytest.raises(Malformed, match="not copies"):
        merge([one, other])


def test_whose_keys_a_genesis_registers(territory: TerritoryOfTests) -> None:
    holders = of_draft(territory.genesis).registers().values()
    assert set(holders) == {holder for holder, _ in [*territory.administrators, territory.clerk]}


START = b"comarca/instruction@v1 transfer\n"


@pytest.mark.parametrize(
    "octets",
    [b"", b"hello\n", START, START + b"ledger.example/solana\n{}", START + b"Ledger/solana\n{}\n",
     START + b"a/b\n{}\n\nx\n\ny\n\nz\n", START + b"a/b\n{}\n\x00\n", START + b"a/b\n{}\n\n\xe2\x80\x94 x\n",
     b"\xff\xff\n"],
)  # fmt: skip
def test_what_is_no_instruction(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse(octets)


def test_an_unknown_kind_is_not_read() -> None:
    with pytest.raises(Malformed, match="unknown kind"):
        parse(b"comarca/instruction@v1 dance\na.example/b\n{}\n").read()
