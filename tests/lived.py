"""A territory in which everything has happened once, for tests of receipts, rebuild and audit."""

import json
from typing import Any

from ledger.core.cancels import Cancel
from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.holders import RegisterHolder
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.ledgers import YEAR, KeyHolder, Quorum, SetPolicy
from ledger.core.members import Admit, Facts, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import DELAYED_S, CompleteRecovery, Recover, Veto
from ledger.core.state import snake
from ledger.core.transfers import Leg, Transfer
from ledger.core.words import AccountId, HolderId, InstructionId, MemberId
from ledger.log import checkpoint
from ledger.receipts.verifying import Shown, verify
from ledger.service.receipts import receipt_of
from tests.tables import entries
from tests.territory import LIMITS, TerritoryOfTests, public, seed


class Lived(TerritoryOfTests):
    """A territory in which everything has happened once."""

    def __init__(self, url: str, **more: Any):
        super().__init__(url, **more)
        self.former_operator, self.operator_since = self.operator, 0
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
        self.live_with_keys()

    def live_with_keys(self) -> None:
        """What happens to keys, holders, grants and offices: the miller's keys change, the baker loses its own."""
        why = {"reason": "decided in June"}
        miller, baker = HolderId(self.miller), HolderId(self.baker)
        self.delegate = self.registered("delegate", "delegate")
        self.auditor = self.registered("auditor", "auditor")
        self.custodian = self.registered("custodian", "custodian")
        admission = self.draft("admit", Admit("commercial", Facts("person", True, False, "ES/08215"),
                                              custodian=HolderId(self.custodian)))  # fmt: skip
        self.log("admit in custody", admission.signed([*self.administrators[:2], (self.custodian, seed("custodian"))]))
        self.minor = admission.id
        self.log_by("add_key", AddKey(miller, public("till")), (miller, "miller"), (miller, "till"))
        self.log_by(
            "rotate_key", RotateKey(miller, public("till"), public("till 2")), (miller, "till"), (miller, "till 2")
        )
        self.log_by("transfer by a new key", Transfer(AccountId(miller), AccountId(baker), 7), (miller, "till 2"))
        self.log_by("add_key of a telephone", AddKey(miller, public("phone")), (miller, "till 2"), (miller, "phone"))
        self.log_by("revoke_key", RevokeKey(miller, public("phone")), (miller, "till 2"))
        grant = GiveGrant(AccountId(miller), HolderId(self.delegate), ("read", "transfer"), day=100)
        self.log_by("give_grant", grant, (miller, "miller"))
        paid = Transfer(AccountId(miller), AccountId(baker), 30)
        self.log_by("transfer by a delegate", paid, (self.delegate, "delegate"))
        ended = EndGrant(AccountId(miller), HolderId(self.delegate), self.index["give_grant"])
        self.log_by("end_grant", ended, (miller, "miller"))
        barred = self.draft("force_revoke_key", ForceRevokeKey(baker, public("baker"), b""), texts=why)
        self.log("force_revoke_key", barred.signed(self.administrators[:2]))
        self.be_recovered(baker, why)
        self.change_office()
        self.forget()

    def be_recovered(self, baker: HolderId, why: dict[str, str]) -> None:
        """A recovery that its holder vetoes with a barred key, and completes with the new one when its day comes."""
        started = self.draft("recover", Recover(baker, public("baker 2"), b""), texts=why)
        self.log("recover", started.signed([*self.administrators[:2], (baker, seed("baker 2"))]))
        recovery = InstructionId(started.id)
        self.log_by("veto", Veto(recovery, baker), (baker, "baker"))
        self.clock.now += DELAYED_S
        self.log_by("complete_recovery", CompleteRecovery(recovery, baker, public("baker 2")), (baker, "baker 2"))
        self.seeds[baker] = seed("baker 2")
        again = self.draft("recover", Recover(baker, public("baker 3"), b""), texts=why)
        self.log("recover again", again.signed([*self.administrators[:2], (baker, seed("baker 3"))]))
        self.log_by("veto by a live key", Veto(InstructionId(again.id), baker), (baker, "baker 2"))

    def change_office(self) -> None:
        """A new administrator for an old one, who changes its key; then a new operator's and a new clerk's key."""
        one, two, _ = self.administrators
        new = HolderId(self.clock.id())
        four = (new, seed("admin 3"))
        change = SetAdministrators((one[0], two[0], new), (("any", Quorum("administrators", 2)),), 0,
                                   (KeyHolder(new, public("admin 3")),))  # fmt: skip
        self.log("set_administrators", self.draft("set_administrators", change).signed([one, two, four]))
        self.log_by("rotate_key of an administrator", RotateKey(new, public("admin 3"), public("admin 3b")),
                    (new, "admin 3"), (new, "admin 3b"))  # fmt: skip
        four = (new, seed("admin 3b"))
        self.former, self.administrators = self.administrators[2], [one, two, four]
        operator = self.draft("set_operator", SetOperator(public("operator 2"), 0))
        self.log("set_operator", operator.signed([two, four]))
        self.former_operator, self.operator = self.operator, seed("operator 2")
        self.operator_since = self.index["set_operator"]
        clerk = (self.clerk[0], seed("clerk 2"))
        self.log("set_clerk", self.draft("set_clerk", SetClerk(KeyHolder(clerk[0], public("clerk 2")), 0)).signed(
            [one, four, clerk]))  # fmt: skip
        self.clerk = clerk
        self.seeds |= dict([four, clerk])

    def forget(self) -> None:
        """A payment is erased when the ledger keeps instructions no longer."""
        self.log("transfer erased", self.transfer(self.miller, self.second, 5, memo="not for ever", ref="B 2"))
        retention = SetPolicy("retention", str(YEAR), 0)
        self.log("set_policy of retention", self.draft("set_policy", retention).signed(self.administrators[:2]))
        self.clock.now += YEAR + 1
        self.log("erase", self.erasure(self.auditor, self.index["transfer erased"]))

    def registered(self, label: str, role: Any) -> HolderId:
        """A holder with the key of its label."""
        id = self.clock.id()
        draft = self.draft("register_holder", RegisterHolder(role, public(label)), id=id)
        self.log(f"register_holder {role}", draft.signed([*self.administrators[:2], (HolderId(id), seed(label))]))
        self.index.setdefault("register_holder", self.index[f"register_holder {role}"])
        self.seeds[id] = seed(label)
        return HolderId(id)

    def log_by(self, what: str, asked: Any, *signers: tuple[HolderId, str]) -> None:
        """Log an instruction of the kind that its form says, signed with the keys of these labels."""
        draft = self.draft(snake(type(asked).__name__), asked)
        self.log(what, draft.signed([(holder, seed(label)) for holder, label in signers]))

    @property
    def ids(self) -> list[Any]:
        return [row.id for row in entries(self.store, self.ledger_id)]

    def log(self, what: str, octets: bytes) -> None:
        (outcome,) = self.send(octets)
        assert hasattr(outcome, "log_index"), outcome
        self.index[what] = outcome.log_index

    def checkpoint(self, size: int | None = None) -> bytes:
        head = self.door.head()
        size = size or head.size
        root = self.door.lookups.root_at(size)
        assert root is not None
        return checkpoint.sign(self.operator_at(size), self.origin, size, root)

    def operator_at(self, size: int) -> bytes:
        """The seed that signs checkpoints of this size."""
        return self.operator if size > self.operator_since else self.former_operator

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
