"""Entries are decided again by the rules of their time: a release that decides otherwise keeps the old decisions, and
an old one that meets new rules says so, and accuses nobody."""

from typing import Any

import pytest

from ledger.audit.auditing import audit
from ledger.audit.fault import Fault
from ledger.core import ledgers, machine, transfers
from ledger.core.ledgers import SetPolicy
from ledger.core.refusals import Refused
from ledger.store.errors import StoreError, Unavailable
from tests.lived import Lived

OLD = machine.BY_KIND["transfer"]
MOST = 100


def small_transfers_alone(state: Any, asked: Any, at: Any, signers: Any) -> list[Any]:
    """What rules 2 decide in these tests."""
    if asked.amount > MOST:
        raise Refused("credit_exceeded", amount=asked.amount)
    return transfers.transfer(state, asked, at, signers)


def release(monkeypatch: pytest.MonkeyPatch, former: tuple[tuple[int, machine.Kind], ...]) -> None:
    """Make this program one that decides by rules 2, too."""
    new = OLD._replace(decide=small_transfers_alone)
    monkeypatch.setattr(ledgers, "RULES", (1, 2))
    monkeypatch.setattr(machine, "KINDS", tuple(new if kind is OLD else kind for kind in machine.KINDS))
    monkeypatch.setattr(machine, "FORMER", former)
    monkeypatch.setattr(machine, "BY_KIND", machine.kinds_of(2))
    monkeypatch.setattr(machine, "BY_RULES", {str(number): machine.kinds_of(number) for number in ledgers.RULES})


def tighten(lived: Lived) -> int:
    """Put rules 2 in force; the log index of the policy."""
    policy = lived.draft("set_policy", SetPolicy("rules", "2", 0)).signed(lived.administrators[:2])
    lived.log("set_policy of rules", policy)
    return lived.index["set_policy of rules"]


def pay(lived: Lived, amount: int) -> Any:
    (outcome,) = lived.send(lived.transfer(lived.miller, lived.baker, amount))
    return outcome


def test_every_entry_is_decided_by_the_rules_of_its_time(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        release(patched, ((1, OLD),))
        large = pay(lived, MOST + 1).log_index
        tighten(lived)
        assert pay(lived, MOST + 1).reason == "credit_exceeded"
        assert pay(lived, MOST).log_index == large + 2
        assert audit(lived.store, lived.ledger_id, processes=1).size == large + 3
    with monkeypatch.context() as patched:
        release(patched, ())  # one that forgot how it decided before
        with pytest.raises(Fault, match=rf"^entry {lived.index['transfer']}: decided again, it is refused"):
            audit(lived.store, lived.ledger_id, processes=1)


def test_a_release_that_does_not_know_the_rules_says_so(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        release(patched, ((1, OLD),))
        index = tighten(lived)
    with pytest.raises(StoreError, match=rf"^entry {index}: rules 2 are in force, .* by 1 alone: use a newer one"):
        audit(lived.store, lived.ledger_id, processes=1)
    with pytest.raises(Unavailable, match="rules 2 are in force"):
        pay(lived, 1)


def test_the_nearest_of_the_former_decisions_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = OLD._replace(window=1), OLD._replace(window=2)
    monkeypatch.setattr(machine, "FORMER", ((2, second), (1, first)))
    windows = [machine.kinds_of(rules)["transfer"].window for rules in (1, 2, 3)]
    assert windows == [1, 2, OLD.window]
