"""A model of keys over time and of grants, for `tests/invariants.py`: from event lines alone, by sums made by hand.

It answers one question, which the rules put so: was this key live at that log index, and was its holder somebody who
may pay from this account? It knows nothing of decide and evolve.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ledger.log import keys

OFFSET_S = 3600  # the tests' territory lives an hour east of Greenwich


class Known(NamedTuple):
    """A key: whose, and how it stands. `stopped` keys count and pay nothing."""

    holder: str
    public: str
    status: str  # live, rotated, ended, barred, pending


class Ring:
    """Every holder's keys, recoveries and grants, event by event."""

    def __init__(self) -> None:
        self.keys: dict[str, Known] = {}  # by the key's text
        self.first: dict[str, str] = {}  # of a key that took another's place, the first that had it
        self.stopped: set[str] = set()  # holders with a pending recovery
        self.custodians: dict[str, str] = {}  # of members without a key of their own
        self.grants: dict[tuple[str, str], dict[str, Any]] = {}
        self.paid: Counter[tuple[str, str, str]] = Counter()  # account, holder, day or month

    def named(self, name: str, key_id: bytes) -> Known | None:
        """The key of a signature line."""
        holder = name[-32:]
        for key in self.keys.values():
            if key.holder == holder and keys.key_id(name, keys.decode(key.public)) == key_id:
                return key
        return None

    def put(self, holder: str, public: str, status: str) -> None:
        self.keys[public] = Known(holder, public, status)

    def end(self, holder: str, of: tuple[str, ...], status: str) -> None:
        for key in list(self.keys.values()):
            if key.holder == holder and key.status in of:
                self.put(holder, key.public, status)

    def apply(self, event: dict[str, Any]) -> None:
        """Follow one event."""
        follow = getattr(self, f"_{event['event']}", None)
        if follow is not None:
            follow(event)

    def _key_added(self, event: dict[str, Any]) -> None:
        assert event["key"] not in self.keys, "a key is registered once"
        self.put(event["holder"], event["key"], "live")

    def _key_rotated(self, event: dict[str, Any]) -> None:
        assert self.keys[event["old"]] == Known(event["holder"], event["old"], "live")
        self.put(event["holder"], event["old"], "rotated")
        self.first[event["key"]] = self.first.get(event["old"], event["old"])
        self._key_added(event)

    def _key_revoked(self, event: dict[str, Any]) -> None:
        assert self.keys[event["key"]] == Known(event["holder"], event["key"], "live")
        place = self.first.get(event["key"], event["key"])
        for public, key in self.keys.items():
            if key.status == "rotated" and self.first.get(public, public) == place:
                self.keys[public] = key._replace(status="ended")
        self.put(event["holder"], event["key"], "barred" if event.get("forced") else "ended")

    def _recovery_started(self, event: dict[str, Any]) -> None:
        assert event["key"] not in self.keys and event["holder"] not in self.stopped
        self.put(event["holder"], event["key"], "pending")
        self.stopped.add(event["holder"])

    def _recovery_vetoed(self, event: dict[str, Any]) -> None:
        self.end(event["holder"], ("pending",), "ended")
        self.stopped.remove(event["holder"])

    def _recovery_completed(self, event: dict[str, Any]) -> None:
        assert self.keys[event["key"]].status == "pending"
        self.end(event["holder"], ("live", "rotated"), "ended")
        self.put(event["holder"], event["key"], "live")
        self.stopped.remove(event["holder"])
        self.custodians.pop(event["holder"], None)

    def _member_admitted(self, event: dict[str, Any]) -> None:
        if "custodian" in event:
            self.custodians[event["member"]] = event["custodian"]

    def _grant_given(self, event: dict[str, Any]) -> None:
        self.grants[event["account"], event["holder"]] = event

    def _grant_ended(self, event: dict[str, Any]) -> None:
        self.grants.pop((event["account"], event["holder"]), None)  # it may be ended twice, which changes nothing

    # --- who may pay

    def check_payment(self, payer: str, member: str, signers: set[str], kind: str, total: int, time: int) -> None:
        """7: a movement names its authority: the member's key, or that of a holder with a grant that covers it."""
        assert member not in self.stopped, "a recovery stops outgoing payments"
        if member in signers or self.custodians.get(member) in signers:
            return
        (holder,) = signers
        grant = self.grants[payer, holder]
        assert kind in grant["kinds"] and time <= grant.get("until", time)
        assert self.keys[grant["by"]].status in ("live", "rotated"), "a grant stands while the key that gave it does"
        assert total <= grant.get("payment", total)
        moment = datetime.fromtimestamp(time + OFFSET_S, UTC)
        for name, span in (("day", f"{moment:%Y-%m-%d}"), ("month", f"{moment:%Y-%m}")):
            self.paid[payer, holder, span] += total
            assert self.paid[payer, holder, span] <= grant.get(name, self.paid[payer, holder, span]), name
