"""Imports: every payment once, whatever breaks on the way; tried on a real door, with breaks where we want them."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.client.admitting import Entrant, Ledger, Members, NotAdmitted
from ledger.client.importing import Import
from ledger.client.journal import JournalError
from ledger.client.keyring import Keyring
from ledger.client.outcomes import Outcome, id_of
from ledger.core.members import Facts, SetLimits
from ledger.core.refusals import Refusal
from ledger.core.words import AccountId
from ledger.files.payments import Payments, read_payments
from ledger.service.door import Defect
from ledger.signer import keyfile
from tests.territory import TerritoryOfTests

LIMITS = '{"commercial":[-100,5000],"public":[-1000000,100]}'
BUSINESS = Entrant("commercial", Facts("business", True, False, "ES/08215"))
PUBLIC = Entrant("public", Facts("public", True, False, "ES/08215"))


class Broken(Exception):
    """The process is killed here."""


class House:
    """A territory, a file and what an import needs. `breaks` is asked before and after each batch is sent."""

    def __init__(self, url: str, folder: Path, rows: Sequence[tuple[str, str]]):
        self.territory = TerritoryOfTests(url, limits=LIMITS)
        self.ledger = Ledger(self.territory.origin, self.territory.identity)
        self.path = folder / "keyring.json"
        lines = "".join(f"COUNCIL,{payee},{amount}\n" for payee, amount in rows)
        self.file: Payments = read_payments(b"payer,payee,amount\n" + lines.encode(), 2)
        self.breaks: Callable[[], bool] = lambda: False
        self.sent: list[bytes] = []

    def send(self, submissions: Sequence[bytes]) -> list[Outcome]:
        if self.breaks():
            raise Broken
        self.sent += submissions
        decided = self.territory.send(*submissions)
        if self.breaks():
            raise Broken
        return [_outcome(id_of(octets), one) for octets, one in zip(submissions, decided, strict=True)]

    def run(self, entrant: Entrant = BUSINESS) -> Import:
        """One run of the command, from reading the keyring on."""
        members = Members(Keyring(self.path, b"test"), self.ledger)
        try:
            named = {name: entrant for one in self.file.payments for name in (one.payer, one.payee)} | {
                "COUNCIL": PUBLIC
            }
            members.admit(named, self.territory.administrators[:2], self.send, self.territory.clock)
            with Import(self.file, members, self.ledger, self.send, self.territory.clock) as one:
                one.run()
                return one
        finally:
            members.close()

    def count(self, what: str) -> int:
        with self.territory.store.read() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())


def _outcome(id: str, decided: object) -> Outcome:
    if isinstance(decided, Refusal):
        return Outcome(id, None, False, decided.reason, decided.message, decided.details, decided.remedy)
    assert not isinstance(decided, Defect)
    return Outcome(id, decided.log_index)  # type: ignore[attr-defined]


ROWS = [("MILL", "10.00"), ("SHOP", "1.50"), ("MILL", "10.00"), ("MILL", "40.00"), ("SHOP", "0.01")]


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.client.keyring.add_keys", lambda *args: keyfile.add_keys(*args, cost=2))


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(sqlite_url, tmp_path, ROWS)
    yield house
    house.territory.close()


def test_every_row_is_paid_or_refused_by_reason(house: House) -> None:
    report = house.run().report()
    assert (report.rows, report.logged, report.amount) == (5, 4, 2151)
    assert report.reasons == {"payee_cannot_receive": 1}
    assert [one.row for one in report.refused] == [4]
    assert house.count("member") == 3 and house.count("movement") == 4


def test_names_stand_in_profiles_and_in_no_signed_text(house: House) -> None:
    house.run()
    for octets in house.sent:
        assert b"MILL" not in octets.split(b"\n\n")[0] and b"COUNCIL" not in octets.split(b"\n\n")[0]
    with house.territory.store.read() as connection:
        notes = b"".join(row.note + row.event_lines for row in connection.execute(text("SELECT * FROM entry")))
        lines = b"".join(connection.execute(text("SELECT line FROM profile")).scalars())
    assert b"MILL" not in notes
    assert all(name in lines for name in (b"MILL", b"SHOP", b"COUNCIL"))


def test_a_second_run_sends_nothing_again_but_what_was_refused_and_that_as_the_same_text(house: House) -> None:
    house.run()
    refused = [octets for octets in house.sent if b'/4"' in octets]
    house.sent.clear()
    house.run()
    assert house.sent == refused and len(refused) == 1
    assert house.count("movement") == 4


def test_what_was_refused_settles_once_it_may_as_the_same_text(house: House) -> None:
    one = house.run()
    mill = one.members.id_of("MILL")
    with house.territory.store.read() as connection:
        was = connection.execute(text("SELECT limits_since FROM account WHERE id = :id"), {"id": mill}).scalar_one()
    asked = SetLimits(AccountId(mill), -100, 10_000, was, b"")
    (outcome,) = house.territory.send(house.territory.administer("set_limits", asked, texts={"reason": "more trade"}))
    assert hasattr(outcome, "log_index"), outcome
    house.sent.clear()
    report = house.run().report(4)
    assert (report.logged, report.logged_now, report.refused) == (5, 1, ())
    assert len(house.sent) == 1


def test_an_expired_text_is_replaced_only_once_the_ledger_says_so(house: House) -> None:
    house.run()
    house.territory.clock.now += 90_000
    old = [octets for octets in house.sent if b'/4"' in octets]
    house.sent.clear()
    house.run()
    first, second = house.sent
    assert first == old[0] and id_of(second) != id_of(first)
    assert house.count("movement") == 4


def test_without_the_journal_a_row_counts_once_by_its_word(house: House) -> None:
    house.run()
    house.path.with_suffix(f".{house.file.digest[:16]}.payments").unlink()
    report = house.run().report()
    assert (report.logged, report.reasons) == (4, {"payee_cannot_receive": 1})
    assert house.count("movement") == 4


def test_with_the_keyring_alone_nobody_is_admitted_twice_and_nothing_paid_twice(house: House) -> None:
    house.run()
    for path in house.path.parent.glob("keyring.*"):
        if path != house.path:
            path.unlink()
    report = house.run().report()
    assert (report.logged, report.reasons) == (4, {"payee_cannot_receive": 1})
    assert house.count("member") == 3 and house.count("movement") == 4


@pytest.mark.parametrize("seed", range(12))
def test_breaks_at_every_moment_lose_nothing_and_double_nothing(house: House, seed: int) -> None:
    chance = random.Random(seed)
    house.breaks = lambda: chance.random() < 0.45
    for _ in range(200):
        try:
            report = house.run().report()
        except Broken:
            house.territory.clock.now += chance.choice((0, 1, 30_000, 80_000))
            continue
        break
    assert (report.logged, report.reasons) == (4, {"payee_cannot_receive": 1})
    assert house.count("member") == 3 and house.count("movement") == 4 and house.count("once") == 4


def test_a_journal_of_another_release_is_not_gone_on_with(house: House) -> None:
    house.run()
    path, before = house.path.with_name("keyring.members"), len(house.sent)
    path.write_text(path.read_text() + '{"name":"MILL","id":"0192f3a87c0b7e1a9d2c4b5a69788796"}\n')
    for _ in range(2):  # and it is not kept locked
        with pytest.raises(JournalError, match=r"keyring\.members: written by another release"):
            house.run()
    assert len(house.sent) == before


def test_a_class_that_admits_nobody(house: House) -> None:
    with pytest.raises(NotAdmitted, match="class_unknown"):
        house.run(BUSINESS._replace(class_="barons"))
    report = house.run().report()
    assert report.logged == 4


def test_an_admission_broken_off_for_a_week_is_written_anew(house: House) -> None:
    house.breaks = lambda: True
    with pytest.raises(Broken):
        house.run()
    house.breaks = lambda: False
    house.territory.clock.now += 700_000
    assert house.run().report().logged == 4
    assert house.count("member") == 3


def test_many_rows_go_in_batches(sqlite_url: str, tmp_path: Path) -> None:
    house = House(sqlite_url, tmp_path, [("MILL", "0.01")] * 2500)
    sizes = []
    send = house.send
    house.send = lambda submissions: (sizes.append(len(submissions)), send(submissions))[1]  # type: ignore[method-assign]
    assert house.run().report().logged == 2500
    assert sizes == [2, 1000, 1000, 500]
    house.territory.close()
