"""After a change of the operator's key: who signs which checkpoint, and that all who verify go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.exporting import DatabaseLog
from ledger.audit.auditing import audit
from ledger.checking.checking import Trust, check
from ledger.checking.files import Instructions, Site
from ledger.core.offices import SetOperator
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site as ExportedSite
from ledger.log import checkpoint, keys
from ledger.log.malformed import Malformed
from ledger.rebuild.recovering import recover
from ledger.receipts.verifying import verify
from ledger.sequencer.sequencer import Logged, Sequencer, Unsigned
from ledger.service.receipts import receipt_of
from ledger.service.signing import BOTH_S, signing
from ledger.signer.signer import Signer, SignerRefused
from ledger.store.database import Store
from tests.others.node import judge
from tests.territory import TerritoryOfTests, public, seed

OLD, NEW, THIRD = "operator", "operator 2", "operator 3"


class Changing:
    """A territory, a sequencer in front of its door, and a signer that has the keys of some labels."""

    def __init__(self, url: str, folder: Path):
        self.territory = TerritoryOfTests(url)
        self.members = self.territory.members(2)
        self.state = folder / "operator.state"
        Signer.create_state(self.state)
        self.sequencer: Sequencer | None = None
        self.start(OLD)

    def start(self, *labels: str) -> None:
        """Stop, and start again with these keys."""
        self.stop()
        door, seeds = self.territory.door, [seed(label) for label in labels]
        signer = Signer(seeds, self.territory.origin, self.state)
        self.sequencer = Sequencer(door, signing(signer, door.store, door.ledger_id))

    def stop(self) -> None:
        if self.sequencer is not None:
            self.sequencer.close()

    def send(self, *octets: bytes) -> list[Logged]:
        """One batch, as far as the sequencer is not faster."""
        assert self.sequencer is not None
        items: list[Any] = [self.territory.verify(one) for one in octets]
        return [future.result(60) for future in self.sequencer.put(items)]

    def pay(self) -> bytes:
        return self.territory.transfer(*self.members, 1)

    def change(self, label: str, was: int = 0) -> bytes:
        draft = self.territory.draft("set_operator", SetOperator(public(label), was))
        return draft.signed(self.territory.administrators[:2])


@pytest.fixture
def changing(sqlite_url: str, tmp_path: Path) -> Iterator[Changing]:
    changing = Changing(sqlite_url, tmp_path)
    yield changing
    changing.stop()
    changing.territory.close()


def signers(note: bytes) -> list[str]:
    """The labels of those who signed, in the order of their lines; each line verifies."""
    origin = checkpoint.parse(note).origin
    found = []
    for line in checkpoint.parse(note).signatures:
        (label,) = [one for one in (OLD, NEW, THIRD) if keys.key_id(origin, public(one)) == line.key_id]
        checkpoint.verify(note, origin, public(label))
        assert line.name == origin
        found.append(label)
    return found


def test_the_key_that_stands_signs_and_the_former_one_after_it(changing: Changing) -> None:
    changing.start(NEW, OLD)  # both are there beforehand; the new one waits
    assert [signers(one.checkpoint) for one in changing.send(changing.pay())] == [[OLD]]
    batch = changing.send(changing.pay(), changing.change(NEW), changing.pay())
    size = checkpoint.parse(batch[-1].checkpoint).size
    assert size == changing.territory.door.head().size == 7
    assert signers(batch[-1].checkpoint) == [NEW, OLD]
    assert Signer([], "", changing.state).latest() == batch[-1].checkpoint


def test_the_former_key_signs_for_thirty_days_of_log_time(changing: Changing) -> None:
    changing.start(NEW, OLD)
    (changed,) = changing.send(changing.change(NEW))
    assert signers(changed.checkpoint) == [NEW, OLD]
    for later, expected in ((BOTH_S, [NEW, OLD]), (1, [NEW]), (BOTH_S, [NEW])):
        changing.territory.clock.now += later
        (paid,) = changing.send(changing.pay())
        assert signers(paid.checkpoint) == expected


def test_several_changes_within_the_days(changing: Changing) -> None:
    changing.start(THIRD, NEW, OLD)
    changing.send(changing.change(NEW))
    since = changing.territory.door.head().size - 1
    changing.territory.clock.now += BOTH_S
    (changed,) = changing.send(changing.change(THIRD, since))
    assert signers(changed.checkpoint) == [THIRD, NEW, OLD]
    changing.territory.clock.now += 1
    assert signers(changing.send(changing.pay())[0].checkpoint) == [THIRD, NEW]


def test_a_former_key_that_is_lost_is_done_without(changing: Changing) -> None:
    changing.start(NEW, OLD)
    changing.send(changing.change(NEW))
    changing.start(NEW)
    assert signers(changing.send(changing.pay())[0].checkpoint) == [NEW]


def test_without_the_new_key_nothing_is_signed_until_it_is_there(changing: Changing) -> None:
    octets = changing.change(NEW), changing.pay()
    for one in octets:
        with pytest.raises(Unsigned, match=r"which is not here\. Name its file by COMARCA_OPERATOR_KEY"):
            changing.send(one)
    assert changing.sequencer is not None and keys.encode(public(NEW)) in str(changing.sequencer.trouble)
    changing.stop()
    changing.sequencer = None
    with pytest.raises(SignerRefused, match=r"which is not here\. Name its file"):
        changing.start(OLD)  # before anything is written
    changing.start(NEW, OLD)
    assert changing.sequencer is not None and changing.sequencer.latest is not None
    assert signers(changing.sequencer.latest) == [NEW, OLD]  # signed at the start
    for one in octets:
        (logged,) = changing.send(one)
        assert signers(logged.checkpoint) == [NEW, OLD] and type(logged.outcome).__name__ == "Repeat"


def test_all_who_verify_go_on(changing: Changing, tmp_path: Path) -> None:
    """Receipts here and in Node, a monitor that knows one key alone, audit, export, check, recover: under two lines."""
    changing.start(NEW, OLD)
    territory, (payer, payee) = changing.territory, changing.members
    (before, _, paid) = changing.send(changing.pay(), changing.change(NEW), changing.pay())
    changing.stop()
    assert changing.sequencer is not None
    note = changing.sequencer.latest
    assert note is not None and signers(note) == [NEW, OLD]
    receipts = [
        json.dumps(receipt_of(territory.store, territory.ledger_id, one.outcome.log_index, reader, note)).encode()
        for one in (before, paid) for reader in (payer, payee)
    ]  # fmt: skip
    for receipt in receipts:
        assert verify(receipt, territory.origin, territory.identity).checkpoint.size == territory.door.head().size
    done = audit(territory.store, territory.ledger_id)
    assert (done.size, done.signed) == (territory.door.head().size,) * 2
    folder = tmp_path / "site"
    log, private = DatabaseLog(territory.store, territory.ledger_id, note), private_folder(folder)
    ExportedSite(folder, log).export(lambda more: None, PrivateFolder(private, log, log.size, True))
    for trust in (Trust(key=public(NEW)), Trust(key=public(OLD)), Trust(identity=territory.identity)):
        assert check(folder, trust, private).note == note
    with pytest.raises(Malformed):
        checkpoint.verify(note, territory.origin, public(THIRD))
    store = Store.create(f"sqlite:///{tmp_path}/recovered.db")
    ledger_id = store.add_ledger(territory.origin)
    checked = check(folder, Trust(identity=territory.identity), private)
    recover(store, ledger_id, Site(folder), Instructions(private, territory.origin), checked)
    assert audit(store, ledger_id).size == territory.door.head().size
    store.close()
    assert judge(receipts, territory.origin, territory.identity) == ["verified"] * 4
