"""Personal data by HTTP: what a holder, administrators, auditors see of it, a holder's own export, what is erased."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.core.holders import RegisterHolder
from ledger.core.members import Facts, SetFacts
from ledger.core.transfers import Leg
from ledger.core.words import AccountId, HolderId, MemberId
from ledger.receipts.verifying import verify
from ledger.service import own_data
from ledger.store import personal
from tests.api.desk import Desk, check_problem
from tests.tables import entries
from tests.territory import RETENTION, public, seed

FORN, GRANJA = "Forn Vell, Plaça 1 «ñ»", "Granja de la Vall"


class Street:
    """Two members with profiles and payments, one of these erased, and who reads them."""

    def __init__(self, desk: Desk):
        self.desk, territory = desk, desk.territory
        self.forn, one = territory.admission("forn", profile=FORN)
        self.granja, two = territory.admission("granja", profile=GRANJA)
        (self.third,) = territory.members(1)
        self.admitted = [territory.accepted(octets) for octets in (one, two)]
        self.auditor = territory.register_auditor()
        self.old = territory.clock.id()
        self.octets = territory.transfer(self.forn, self.granja, 12, id=self.old, memo="long ago", ref="LONG AGO")
        self.erased = territory.accepted(self.octets)
        territory.clock.now += RETENTION + 1
        self.erasing = territory.accepted(territory.erasure(self.auditor, self.erased))
        self.paid = territory.accepted(territory.transfer(self.forn, self.granja, 7, memo="for rye"))
        legs = [Leg(AccountId(self.forn), 2, ref="yours"), Leg(AccountId(self.third), 3, ref="another's")]
        self.bulk = territory.accepted(territory.transfer_many(self.granja, legs))
        territory.accepted(territory.transfer(self.granja, self.third, 5, memo="no business of the baker's"))
        desk.submit(territory.transfer(self.third, self.granja, 1))  # and all is covered by a checkpoint

    def export(self, holder: bytes) -> Any:
        response = self.desk.get(f"holders/{holder.hex()}/export", self.desk.token(holder))
        assert response.status_code == 200, response.text
        assert response.headers["Cache-Control"] == "no-store"
        return json.loads(response.data)


@pytest.fixture
def street(either_desk: Desk) -> Iterator[Street]:
    yield Street(either_desk)


def test_a_profile_is_for_its_holder_and_those_who_govern(street: Street) -> None:
    desk, path = street.desk, f"holders/{street.forn.hex()}"
    own, governing = desk.get(path, desk.token(street.forn)).json, desk.get(path, desk.administrator()).json
    assert own is not None and own == governing
    assert own["profile"] == {"text": FORN, "log_index": street.admitted[0]}
    assert own["facts"]["kind"] == "business" and [key["status"] for key in own["keys"]] == ["live"]
    audited = desk.get(path, desk.token(street.auditor)).json
    assert audited == {**own, "profile": None}
    check_problem(desk.get(path, desk.token(street.granja)), 404, "not_found")
    seen = desk.get(f"holders/{street.auditor.hex()}", desk.administrator()).json
    assert seen is not None and (seen["role"], seen["facts"]) == ("auditor", None)


def test_a_profile_is_corrected_and_erased(street: Street) -> None:
    desk, territory = street.desk, street.desk.territory
    facts, why = Facts("business", True, True, "ES/08215"), {"reason": "moved", "profile": "Forn Nou"}
    asked = SetFacts(MemberId(street.forn), facts, street.admitted[0], b"")
    index = territory.accepted(territory.administer("set_facts", asked, texts=why))
    path = f"holders/{street.forn.hex()}"
    found = desk.get(path, desk.administrator()).json
    assert found is not None and found["profile"] == {"text": "Forn Nou", "log_index": index}
    assert personal.erase_profile(territory.store, territory.ledger_id, street.forn)
    assert not personal.erase_profile(territory.store, territory.ledger_id, street.forn)
    found = desk.get(path, desk.administrator()).json
    assert found is not None and found["profile"] is None
    other = desk.get(f"holders/{street.granja.hex()}", desk.administrator()).json
    assert other is not None and other["profile"]["text"] == GRANJA


def test_an_export_is_all_of_ones_own(street: Street) -> None:
    territory, found = street.desk.territory, street.export(street.forn)
    assert (found["export"], found["complete"]) == ("comarca/member@v1", True)
    assert found["holder"]["profile"]["text"] == FORN
    assert [account["balance"] for account in found["accounts"]] == [-17]
    assert [movement["balance"] for movement in found["movements"]] == [-17, -19, -12]
    assert [login["scopes"] for login in found["logins"]] == ["read preview"]
    whole, left = ([one for one in found["entries"] if ("receipt" in one) == is_whole] for is_whole in (True, False))
    shown = [verify(json.dumps(one).encode(), territory.origin, territory.identity) for one in whole]
    assert [one.log_index for one in shown] == [street.admitted[0], street.paid, street.bulk]
    assert [one.texts for one in shown] == [(("profile", FORN),), (("memo", "for rye"),), ()]
    (erased,) = left
    assert (erased["log_index"], erased["erased_by"]) == (street.erased, street.erasing)
    assert [event["amount"] for event in erased["events"]] == [12]


def test_an_export_has_nothing_of_others(street: Street) -> None:
    said = json.dumps(street.export(street.forn), ensure_ascii=False)
    for word in (GRANJA, "another's", "no business", "long ago", "LONG AGO", street.third.hex()):
        assert word not in said, word


def test_an_export_is_made_of_every_entry_whatever_the_blocks(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = street.export(street.granja)
    monkeypatch.setattr(own_data, "BLOCK", 2)
    monkeypatch.setattr(own_data, "PAGE", 1)
    monkeypatch.setattr(own_data, "AT_ONCE", 1)
    again = street.export(street.granja)
    assert again["entries"] == whole["entries"] and again["movements"] == whole["movements"]
    own = {row.log_index for row in entries(street.desk.territory.store, 1) if street.granja.hex().encode() in
           (row.note or b"") + row.event_lines}  # fmt: skip
    assert {one.get("log_index", one.get("entry", {}).get("log_index")) for one in whole["entries"]} == own


def test_an_export_of_who_is_no_member(street: Street) -> None:
    found = street.export(street.auditor)
    assert (found["holder"]["role"], found["accounts"], found["movements"]) == ("auditor", [], [])
    assert [one["entry"]["log_index"] for one in found["entries"]] == [3 + 1, street.erasing]


def test_an_erased_instruction_is_told_as_such_to_its_parties(street: Street) -> None:
    desk, path = street.desk, f"instructions/{street.old.hex()}"
    said = {"log_index": street.erased, "kind": "transfer", "erased_by": street.erasing}
    for holder in (street.forn, street.granja, street.auditor, desk.territory.administrators[0][0]):
        assert check_problem(desk.get(path, desk.token(holder)), 410, "erased") == said
    check_problem(desk.get(path, desk.token(street.third)), 404, "not_found")
    entry = desk.get(f"entries/{street.erased}", desk.token(street.forn)).json
    assert entry is not None and "receipt" not in entry and entry["proof"]


def test_the_same_text_again_is_answered_with_its_place(street: Street) -> None:
    response = street.desk.submit(street.octets)
    assert response.status_code == 200 and response.json is not None
    assert set(response.json) == {"entry"} and response.json["entry"]["log_index"] == street.erased
    many = street.desk.submit_many({"instructions": [street.octets.decode()]}).json
    assert many is not None and many["outcomes"][0]["receipt"] == response.json


def test_free_texts_go_by_their_age(street: Street) -> None:
    territory = street.desk.territory
    store, ledger_id = territory.store, territory.ledger_id
    assert personal.count_texts(store, ledger_id, territory.clock.now) == 0
    assert personal.count_texts(store, ledger_id, territory.clock.now + 1, ["memo"]) == 2
    assert personal.erase_texts(store, ledger_id, territory.clock.now + 1, ["memo"]) == 2
    assert personal.count_texts(store, ledger_id, territory.clock.now + 1) == 1, "the erasure's reason"
    token = street.desk.token(street.forn)
    receipt = street.desk.get(f"instructions/{territory.row(street.paid).id.hex()}", token).json
    assert receipt is not None and receipt["texts"] == []
    verify(json.dumps(receipt).encode(), territory.origin, territory.identity)


def test_the_profile_of_who_is_no_member_is_in_its_receipt(desk: Desk) -> None:
    territory = desk.territory
    id, key = territory.clock.id(), seed("nil")
    asked, texts = RegisterHolder("delegate", public("nil")), {"profile": "Nil, of the mill"}
    draft = territory.draft("register_holder", asked, id=id, texts=texts)
    territory.seeds[id] = key
    assert desk.submit(draft.signed([*territory.administrators[:2], (HolderId(id), key)])).status_code == 201
    receipt = desk.get(f"instructions/{id.hex()}", desk.token(id)).json
    assert verify(json.dumps(receipt).encode(), territory.origin, territory.identity).texts == (
        ("profile", "Nil, of the mill"),)  # fmt: skip
    found = desk.get(f"holders/{id.hex()}", desk.token(id)).json
    assert found is not None and found["profile"]["text"] == "Nil, of the mill"
