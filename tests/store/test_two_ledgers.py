"""Two ledgers in one database whose very ids are the same: what is read of one has nothing of the other."""

from ledger.core.members import SetLimits
from ledger.core.words import AccountId
from ledger.service import books
from ledger.service.histories import list_changes
from ledger.store.listings import MemberFilter
from ledger.store.movements import Filter
from tests.territory import LIMITS, TerritoryOfTests


def lived(url: str, name: str, factor: int) -> tuple[TerritoryOfTests, list[bytes]]:
    """A ledger in which amounts are so many times as large; the clock of each draws the same ids."""
    territory = TerritoryOfTests(url, LIMITS, f"ledger.example/{name}")
    one, two = territory.members(2, "personal" if factor > 1 else "commercial")
    for n in range(1, 4):
        territory.accepted(territory.transfer(one, two, n * factor))
    asked = SetLimits(AccountId(one), -1000 * factor, 1000, 1, b"")
    territory.accepted(territory.administer("set_limits", asked, texts={"reason": f"of {name}"}))
    return territory, [one, two]


def test_each_reads_its_own(database_url: str) -> None:
    made = [(factor, *lived(database_url, name, factor)) for factor, name in ((1, "solana"), (100, "luna"))]
    assert made[0][2] == made[1][2], "the same ids"
    for factor, territory, (one, two) in made:
        store, ledger_id, class_ = territory.store, territory.ledger_id, "personal" if factor > 1 else "commercial"
        for wanted in (Filter(), Filter(account=one), Filter(payer=one, class_=class_), Filter(payee=two, start=0)):
            items, _ = books.list_movements(store, ledger_id, wanted, None, 10)
            assert [item["amount"] for item in items] == [3 * factor, 2 * factor, factor]
        other = "commercial" if factor > 1 else "personal"
        assert books.list_movements(store, ledger_id, Filter(class_=other), None, 10) == ([], None)
        totals = books.total_movements(store, ledger_id, Filter(), ("month", "kind", "class"))
        assert (totals["sum"], [group["payer_class"] for group in totals["groups"]]) == (6 * factor, [class_])
        assert books.total_accounts(store, ledger_id)["negative"] == -6 * factor
        (found, _) = books.list_members(store, ledger_id, MemberFilter(class_=class_), None, 10)
        assert [len(member["accounts"]) for member in found] == [1, 1]
        changes, _ = list_changes(store, ledger_id, "limits", one, None, 10)
        assert [change["after"]["floor"] for change in changes] == [-1000 * factor, changes[0]["before"]["floor"]]
        assert changes[0]["reason"] == f"of {territory.origin.rpartition('/')[2]}"
    for _, territory, _ in made:
        territory.close()
