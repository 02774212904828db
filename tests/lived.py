"""A territory in which everything has happened once, for tests of receipts, rebuild and audit."""

import json
from typing import Any

from ledger.core.cancels import Cancel
from ledger.core.ledgers import SetPolicy
from ledger.core.members import Facts, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.transfers import Leg
from ledger.core.words import AccountId, MemberId
from ledger.log import checkpoint
from ledger.receipts.verifying import Shown, verify
from ledger.service.receipts import receipt_of
from tests.tables import entries
from tests.territory import LIMITS, TerritoryOfTests


class Lived(TerritoryOfTests):
    """A territory in which everything has happened once."""

    def __init__(self, url: str, **more: Any):
        super().__init__(url, **more)
        self.index: dict[str, int] = {"genesis": 0}
        self.baker, octets = self.admission("baker", profile="Forn Vell, Plaça 1")
        self.log("admit", octets)
        self.miller, octets = self.admission("miller")
        self.log("admit of another", octets)
        self.log("open_account", self.administer("open_account", OpenAccount(MemberId(self.baker), "personal")))
        self.second = self.ids[-1]
        account, index = AccountId(self.baker), self.index["admit"]
        why = {"reason": "decided in May"}
        self.log("set_limits", self.administer("set_limits", SetLimits(account, -900, 900, index, b""), texts=why))
        facts = Facts("business", False, True, "ES/08215", "nace2.1/10.71", MemberId(self.miller))
        more = {**why, "profile": "Forn Nou, Plaça 2"}
        self.log(
            "set_facts", self.administer("set_facts", SetFacts(MemberId(self.baker), facts, index, b""), texts=more)
        )
        self.log("suspend", self.administer("suspend", Suspend(account, index, b""), texts=why))
        self.log("reinstate", self.administer("reinstate", Reinstate(account, self.index["suspend"], b""), texts=why))
        self.log("set_policy", self.administer("set_policy", SetPolicy("limits", LIMITS, 0)))
        self.log("transfer", self.transfer(self.baker, self.miller, 120, once="2026/1", memo="rye – sègol", ref="A 1"))
        legs = [Leg(AccountId(self.miller), 10, once="w1"), Leg(self.second, 20), Leg(AccountId(self.miller), 30)]
        self.log("transfer_many", self.transfer_many(self.baker, legs))
        target = self.clock.id()
        self.log("cancel", self.signed(self.draft("cancel", Cancel(target)), self.miller))

    @property
    def ids(self) -> list[Any]:
        return [row.id for row in entries(self.store, self.ledger_id)]

    def log(self, what: str, octets: bytes) -> None:
        (outcome,) = self.send(octets)
        assert hasattr(outcome, "log_index"), outcome
        self.index[what] = outcome.log_index

    def checkpoint(self, size: int | None = None) -> bytes:
        head = self.door.head()
        root = self.door.lookups.root_at(size or head.size)
        assert root is not None
        return checkpoint.sign(self.operator, self.origin, size or head.size, root)

    def keep_checkpoint(self) -> None:
        """Store a checkpoint of the log as it stands."""
        head = self.door.head()
        assert head.root is not None
        self.door.submit([], [(head.size, head.root, self.checkpoint())])

    def receipt(self, what: str, reader: bytes | None, size: int | None = None) -> dict[str, Any] | None:
        return receipt_of(self.store, self.ledger_id, self.index[what], reader, self.checkpoint(size))

    def shown(self, what: str, reader: bytes, size: int | None = None) -> Shown:
        found = self.receipt(what, reader, size)
        assert found is not None
        return verify(json.dumps(found).encode(), self.origin, self.identity)
