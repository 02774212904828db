"""Which checkpoint is published: the latest with a quorum, the newest where there is none, or none for too long."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.log import checkpoint, cosignature, keys, notes, policy
from ledger.log.keys import COSIGNER
from ledger.log.policy import Policy
from ledger.rebuild.rebuilding import rebuild
from ledger.service.witnessed import STALE_S, PolicyError, latest_met, published, read_policy
from ledger.store import cosignatures
from ledger.store.cosignatures import Kept
from ledger.store.errors import StoreError
from tests.territory import ORIGIN, START, TerritoryOfTests, seed

OPERATOR = seed("operator")
LOG = f"log {keys.vkey(ORIGIN, keys.public_of(OPERATOR))}"


def vkey(n: int) -> str:
    return keys.vkey(f"witness.example/w{n}", keys.public_of(seed(f"w{n}")), COSIGNER)


def asked(count: int, quorum: str = "group q all w0 w1\nquorum q") -> Policy:
    lines = [f"witness w{n} {vkey(n)} http://127.0.0.1:9" for n in range(count)]
    return policy.parse("\n".join([LOG, *lines, quorum, ""]).encode())


class Published:
    """A ledger whose checkpoints are signed one after the other, and what is published of it."""

    def __init__(self, territory: TerritoryOfTests):
        self.store, self.ledger_id = territory.store, territory.ledger_id
        self._territory, self._members = territory, territory.members(2)
        self.now = START
        self.newest = (0, b"")
        self._texts: dict[int, bytes] = {}

    def grow(self, size: int) -> None:
        """Pay until the log has this size, and sign it."""
        self._territory.clock.now = self.now
        while (head := self._territory.door.head()).size < size:
            self._territory.send(self._territory.transfer(*self._members, 1))
        assert head.root is not None
        note = checkpoint.sign(OPERATOR, ORIGIN, size, head.root)
        with self.store.write(self.ledger_id) as transaction:
            transaction.keep([(size, head.root, note)])
        self.newest, self._texts[size] = (size, note), checkpoint.body(ORIGIN, size, head.root)

    def cosign(self, n: int, size: int, key: str = "", before: int = 0) -> None:
        name, text = f"witness.example/w{n}", self._texts[size]
        line = cosignature.make(seed(key or f"w{n}"), name, text, START)
        key_id = keys.key_id(name, keys.public_of(seed(f"w{n}")), COSIGNER)
        cosignatures.keep(self.store, self.ledger_id, Kept(size, name, key_id, line.encode()), before)

    def published(self, policy: Policy | None) -> tuple[int, list[str]]:
        """The size, and whose lines stand there."""
        size, note = published(self.store, self.ledger_id, policy, self.newest, self.now)
        signed = checkpoint.parse(note)
        assert signed.size == size
        return size, [line.name.rpartition("/")[2] for line in signed.signatures]


@pytest.fixture
def here(database_url: str) -> Iterator[Published]:
    territory = TerritoryOfTests(database_url)
    yield Published(territory)
    territory.close()


def test_the_latest_with_a_quorum(here: Published) -> None:
    here.grow(4)
    assert here.published(asked(3)) == (4, ["solana"])
    here.cosign(0, 4)
    assert here.published(asked(3)) == (4, ["solana", "w0"])  # what there is, while there was never more
    here.cosign(1, 4)
    assert here.published(asked(3)) == (4, ["solana", "w0", "w1"])
    here.grow(7)
    here.cosign(0, 7, before=4)
    here.cosign(2, 7, before=4)
    assert here.published(asked(3)) == (4, ["solana", "w0", "w1"])
    assert here.published(None) == (7, ["solana"])
    here.cosign(1, 7, before=4)
    assert here.published(asked(3)) == (7, ["solana", "w0", "w1", "w2"])
    assert policy.verify(asked(3), published(here.store, here.ledger_id, asked(3), here.newest, 0)[1])


def test_what_lies_behind_for_too_long_is_not_published(here: Published) -> None:
    here.grow(4)
    here.cosign(0, 4)
    here.cosign(1, 4)
    here.now += 10 * STALE_S
    assert here.published(asked(2)) == (4, ["solana", "w0", "w1"])  # nothing has come since
    here.grow(7)
    here.cosign(0, 7, before=4)
    assert here.published(asked(2)) == (4, ["solana", "w0", "w1"])  # what has come has not waited long
    here.now += STALE_S + 1
    assert here.published(asked(2)) == (7, ["solana", "w0"])
    here.cosign(1, 7, before=4)
    assert here.published(asked(2)) == (7, ["solana", "w0", "w1"])
    here.grow(8)
    here.now += STALE_S
    assert here.published(asked(2))[0] == 7
    here.now += 1
    assert here.published(asked(2)) == (8, ["solana"])


def test_a_line_that_somebody_put_there_does_not_count(here: Published) -> None:
    here.grow(4)
    here.cosign(0, 4)
    here.cosign(1, 4, key="stranger")
    assert here.published(asked(2)) == (4, ["solana", "w0"])
    assert latest_met(here.store, here.ledger_id, asked(2)) is None
    with here.store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM cosignature")
    here.cosign(0, 4)
    here.cosign(1, 4)
    with here.store.writing() as connection:
        connection.exec_driver_sql('UPDATE cosignature SET "size" = 5')  # of a checkpoint that is not there
    assert latest_met(here.store, here.ledger_id, asked(2)) is None


def test_fifteen_lines_at_most(here: Published) -> None:
    here.grow(4)
    for n in range(15):
        here.cosign(n, 4)
    assert len(here.published(asked(15))[1]) == 16
    here.cosign(15, 4)
    assert len(here.published(asked(15))[1]) == 16


def test_little_is_kept(here: Published) -> None:
    for size in range(4, 30):
        here.grow(size)
        here.cosign(0, size, before=5)
        if size == 5:
            here.cosign(1, size, before=5)
    rows = cosignatures.kept(here.store, here.ledger_id)
    assert [(row.size, row.name[-2:]) for row in rows] == [(29, "w0"), (5, "w0"), (5, "w1")]
    here.cosign(0, 29, before=5)
    assert cosignatures.kept(here.store, here.ledger_id) == rows
    cosignatures.forget_before(here.store, here.ledger_id, 29)
    assert [row.size for row in cosignatures.kept(here.store, here.ledger_id)] == [29]
    assert cosignatures.kept(here.store, here.ledger_id + 1) == []
    assert notes.parse_line(rows[0].line.decode()).name == "witness.example/w0"


def test_a_database_from_before_is_told_what_to_do(here: Published) -> None:
    cosignatures.check(here.store)
    with here.store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE cosignature")
    with pytest.raises(StoreError, match="comarca rebuild"):
        cosignatures.check(here.store)
    rebuild(here.store)
    cosignatures.check(here.store)
    here.grow(4)
    here.cosign(0, 4)
    rebuild(here.store)  # which takes nothing away
    assert len(cosignatures.kept(here.store, here.ledger_id)) == 1


def test_policies_that_cannot_be_collected_by(tmp_path: Path) -> None:
    file, w0 = tmp_path / "policy", f"witness w0 {vkey(0)} https://w0.example\n"
    other = f"log {keys.vkey('ledger.example/other', keys.public_of(OPERATOR))}\n"
    many = "".join(f"witness w{n} {vkey(n)} https://w.example\n" for n in range(16))
    for text, said in (
        ("", "a policy is at most"), (f"{LOG}\n{w0}quorum w1\n", "line 3"),
        (f"{other}{w0}quorum w0\n", "names other logs"), (f"{LOG}\nquorum none\n", "no witness has an address"),
        (f"witness w0 {vkey(0)}\nquorum w0\n", "no witness has an address"),
        (f"{w0.replace('https', 'ftp')}quorum w0\n", "not an address"), (f"{many}quorum none\n", "has room for 15"),
    ):  # fmt: skip
        file.write_text(text)
        with pytest.raises(PolicyError, match=said):
            read_policy(file, ORIGIN)
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(tmp_path / "absent", ORIGIN)
    file.write_text(f"{w0}quorum w0\n")  # without a log it may be of any
    assert read_policy(file, ORIGIN).witnesses[0].name == "w0"
