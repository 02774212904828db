"""A log that is not the one it was: forks and stale copies are found, raised with evidence, and never remembered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.api import answering
from ledger.client.member import LogBroken, LogForked, LogShrunk, Member, MemoryFileError, NotProved, Payment
from ledger.core.offices import SetOperator
from ledger.log import base64s, checkpoint, consistency, cosignature, keys, merkle, policy
from ledger.store.log import Head
from tests.client.street import Answer, Passing, Street
from tests.territory import public, seed


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path)
    yield street
    street.close()


def check_evidence(street: Street, broken: LogBroken) -> dict[str, Any]:
    """Both checkpoints are in the file, and the operator has signed them."""
    found: dict[str, Any] = json.loads(broken.evidence.read_text())
    operator = keys.public_of(seed("operator"))
    for name, seen in (("remembered", broken.remembered), ("shown", broken.shown)):
        note = found[name]["checkpoint"].encode()
        signed = checkpoint.verify(note, street.ledger.origin, operator)
        assert (signed.size, signed.root, note) == seen == (
            found[name]["size"], base64s.decode(found[name]["root"]), seen.checkpoint)  # fmt: skip
    assert found["identity"] == base64s.encode(street.ledger.identity)
    assert str(broken.evidence) in str(broken) and broken.evidence.stat().st_mode & 0o777 == 0o600
    return found


def forked(street: Street, entries: int) -> Member:
    """A client that has seen a log of 6 entries, led to one that is another from the fifth on."""
    bakery = street.member()
    copy = street.copy("fork.db")
    bakery.pay_each([Payment(street.members[1], 1)] * 2)
    fork = street.serve(copy)
    other = street.member(2)
    for _ in range(entries):
        other.pay(street.members[1], 9)
    assert fork.served.door.head().size == 4 + entries
    return bakery


@pytest.mark.parametrize("entries", [2, 3, 5])
def test_a_fork_is_found_at_a_visit(street: Street, entries: int) -> None:
    bakery = forked(street, entries)
    before = bakery.seen
    with pytest.raises(LogForked, match="pay nothing more") as caught:
        bakery.visit()
    found = check_evidence(street, caught.value)
    assert (found["remembered"]["size"], found["shown"]["size"]) == (6, 4 + entries)
    assert bakery.seen == before
    with pytest.raises(LogForked):
        bakery.visit()


def test_a_fork_is_found_by_the_first_payment_to_it(street: Street) -> None:
    """What we sign is anchored to the log that we have seen: a fork cannot take it, and its refusal gives it away."""
    bakery = forked(street, 5)
    with pytest.raises(LogForked) as caught:
        bakery.pay(street.members[1], 1)
    check_evidence(street, caught.value)


def test_a_fork_is_found_by_the_receipt_of_an_older_payment(street: Street) -> None:
    bakery = street.member()
    paid = bakery.pay(street.members[1], 1)
    copy = street.copy("fork.db")
    bakery.pay(street.members[1], 1)
    street.serve(copy)
    street.member(2).pay(street.members[1], 9)
    with pytest.raises(LogForked) as caught:
        bakery.outcome(paid.id)
    check_evidence(street, caught.value)


def test_a_stale_copy_is_found(street: Street) -> None:
    bakery = street.member()
    paid = bakery.pay(street.members[1], 1)
    copy = street.copy("stale.db")
    bakery.pay_each([Payment(street.members[1], 1)] * 3)
    street.serve(copy)
    for ask in (bakery.visit, lambda: bakery.outcome(paid.id), lambda: bakery.pay(street.members[1], 1)):
        with pytest.raises(LogShrunk, match="shorter") as caught:
            ask()
        found = check_evidence(street, caught.value)
        assert (found["remembered"]["size"], found["shown"]["size"]) == (8, 5)
    assert bakery.seen.size == 8


def test_a_memory_outlives_the_client(street: Street) -> None:
    bakery = street.member()
    copy = street.copy("stale.db")
    bakery.pay(street.members[1], 1)
    bakery.close()
    street.serve(copy)
    with pytest.raises(LogShrunk):
        street.member().visit()


def test_a_process_that_lags_behind_is_waited_for(street: Street) -> None:
    bakery = street.member()
    old = street.upstreams[0].served.checkpoint()[1]
    bakery.pay(street.members[1], 1)
    street.spoil("GET", *[lambda passing: (200, {}, consistency.format(1, [], old))] * 3)
    assert bakery.visit().size == 5
    assert len(street.slept) == 3


def test_no_entry_is_signed_as_two_logs_of_one_size(street: Street) -> None:
    """A proof to another checkpoint of the same size gives the fork away by itself."""
    bakery = street.member()
    bakery.visit()
    other = checkpoint.sign(seed("operator"), street.ledger.origin, 5, bytes(32))

    def other_checkpoint(passing: Passing) -> Answer:
        return 200, {}, consistency.format(4, [bytes(32)], other)

    street.spoil("GET", other_checkpoint)
    with pytest.raises(LogForked, match="two logs of 5 entries") as caught:
        bakery.pay(street.members[1], 1)
    check_evidence(street, caught.value)


@pytest.mark.parametrize("octets", [b"", b"old 4\n\nhalf", b"old 4\nAAAA\n\n\n", b"<html>busy</html>"])
def test_a_proof_garbled_on_its_way_is_no_fork(street: Street, octets: bytes) -> None:
    bakery = street.member()
    bakery.visit()
    street.spoil("GET", *[lambda passing: (200, {}, octets)] * 2)
    assert bakery.pay(street.members[1], 1).log_index == 4 and bakery.seen.size == 5
    street.spoil("GET", *[lambda passing: (200, {}, octets)] * 6)
    with pytest.raises(NotProved, match="only grew is not shown") as caught:
        bakery.pay(street.members[1], 1)
    assert bakery.seen.size == 5
    assert bakery.send(caught.value.octets).log_index == 5 and bakery.seen.size == 6


def test_a_checkpoint_that_the_operator_has_not_signed(street: Street) -> None:
    bakery = street.member()
    bakery.visit()
    stranger = checkpoint.sign(bytes(32), street.ledger.origin, 9, bytes(32))
    street.spoil("GET", *[lambda passing: (200, {}, consistency.format(1, [], stranger))] * 6)
    with pytest.raises(NotProved, match="no checkpoint"):
        bakery.visit()
    assert bakery.visit().size == 4


def test_the_proof_is_of_the_log_since_the_last_visit(street: Street) -> None:
    bakery = street.member()
    bakery.visit()
    street.member(1).pay_each([Payment(street.members[2], 1)] * 5)
    street.passed.clear()
    bakery.visit()
    assert ("GET", "/solana/consistency?old=4&new=9") in street.passed


def by_witness(street: Street, note: bytes) -> bytes:
    """A checkpoint, cosigned by the witness `w1`."""
    text = checkpoint.parse(note).text
    return note + cosignature.make(seed("w1"), "witness.example/w1", text, 1_795_000_000).encode() + b"\n"


def test_what_witnesses_cosigned(street: Street) -> None:
    """The witness cosigned what was published while a payment went on: it is proved against the memory, and older."""
    bakery = street.member()
    published = by_witness(street, street.upstreams[0].served.checkpoint()[1])
    vkey = keys.vkey("witness.example/w1", keys.public_of(seed("w1")), keys.COSIGNER)
    asked = policy.parse(f"witness w1 {vkey}\nquorum w1\n".encode())
    with pytest.raises(NotProved, match="by none of the policy's witnesses"):
        bakery.witnessed(asked)
    bakery.pay(street.members[1], 1)
    street.spoil("GET", lambda passing: (200, {}, published))
    assert bakery.witnessed(asked).cosigned == {"w1": 1_795_000_000}
    assert bakery.seen.size == 5


def test_a_log_that_was_shown_to_the_witness_and_not_to_us(street: Street) -> None:
    bakery = street.member()
    bakery.visit()
    other = by_witness(street, checkpoint.sign(seed("operator"), street.ledger.origin, 4, bytes(32)))
    vkey = keys.vkey("witness.example/w1", keys.public_of(seed("w1")), keys.COSIGNER)
    street.spoil("GET", lambda passing: (200, {}, other))
    with pytest.raises(LogForked) as caught:
        bakery.witnessed(policy.parse(f"witness w1 {vkey}\nquorum w1\n".encode()))
    assert json.loads(caught.value.evidence.read_text())["shown"]["checkpoint"] == other.decode()


# --- the file


def test_the_file(street: Street, tmp_path: Path) -> None:
    bakery = street.member()
    assert bakery.seen == (1, street.ledger.identity, b"") and not (tmp_path / "0.memory").exists()
    seen = bakery.visit()
    found = json.loads((tmp_path / "0.memory").read_text())
    assert (found["size"], found["root"], found["checkpoint"]) == (
        4, base64s.encode(seen.root), seen.checkpoint.decode())  # fmt: skip
    assert bakery.seen == seen and len(seen.root) == merkle.HASH
    assert [path.name for path in tmp_path.glob("*.memory*")] == ["0.memory", "0.memory.lock"]


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b"null", b'{"comarca_memory":1}', b'{"comarca_memory":2}'])
def test_a_damaged_file_is_not_forgotten_silently(street: Street, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "0.memory").write_bytes(octets)
    with pytest.raises(MemoryFileError, match=r"0\.memory"):
        street.member()


def test_the_memory_of_another_ledger(street: Street, tmp_path: Path) -> None:
    street.member().visit()
    path = tmp_path / "0.memory"
    path.write_text(path.read_text().replace(street.ledger.origin, "other.example/solana"))
    with pytest.raises(MemoryFileError, match="another ledger"):
        street.member()


def test_the_operator_s_new_key_is_learned_from_a_receipt(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one signs no more. Every receipt shows how the administrators changed it; a bare checkpoint does not."""
    bakery, mill = street.member(), street.members[1]
    bakery.pay(mill, 1)
    served, territory = street.upstreams[-1].served, street.territory
    change = territory.draft("set_operator", SetOperator(public("operator 2"), 0)).signed(territory.administrators[:2])
    item: Any = served.door.verify(change)
    (changed,) = served.answers([item])
    assert isinstance(changed, answering.Answer)
    since = changed.receipt["entry"]["log_index"]

    def sign(head: Head) -> bytes:
        key = "operator 2" if head.size > since else "operator"
        return checkpoint.sign(seed(key), head.origin, head.size, head.root or b"")

    monkeypatch.setattr("tests.client.street.sign", sign)
    street.restart()
    receipt = bakery.pay(mill, 2)
    assert receipt.shown.operator == (since, public("operator 2"))
    assert checkpoint.verify(bakery.visit().checkpoint, territory.origin, public("operator 2")).size == 7
    other = street.member(2)
    with pytest.raises(NotProved):
        other.visit()
    other.pay(mill, 3)
    assert other.visit().size == 8
