"""A ledger in memory for tests of the core: every row in a dictionary, no octets, no database, no clock.

    book = Book()
    forn, granja = book.members(2)
    book.enter("transfer", Transfer(forn, granja, 3430), forn)

Keys are mere names here (32 octets made from a label): the core never verifies a signature.
"""

import hashlib
from typing import Any, Literal

from ledger.core import machine
from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.erasures import Target
from ledger.core.holders import RegisterHolder
from ledger.core.keys import LOGGED, Logged, Signer
from ledger.core.ledgers import YEAR, KeyHolder, LedgerOpened, Quorum, SetPolicy, Territory, Unit
from ledger.core.machine import NOUNS, Repeat, Verified
from ledger.core.members import Admit, Facts, SetLimits
from ledger.core.refusals import Refusal
from ledger.core.state import Noun, State
from ledger.core.words import AccountId, At, HolderId, InstructionId

START = 1_795_000_000
LIMITS = '{"commercial":[-50000,50000],"personal":[-1000,2000]}'
BUSINESS = Facts("business", True, True, "ES/08215")
FREE_TEXT = b"\x07" * 32  # the hash of some free text


class WholeState(State):
    """A state that holds all there is: a row that is not in it does not exist."""

    __slots__ = ()

    def get(self, noun: Noun[Any], key: Any) -> Any:
        return self.rows[noun].get(key)


def public(label: str) -> bytes:
    """A public key by name."""
    return hashlib.sha256(label.encode()).digest()


def uuid7(number: int) -> InstructionId:
    """The test's id of this number."""
    octets = bytearray(hashlib.sha256(number.to_bytes(8)).digest()[:16])
    octets[0:6] = (START * 1000 + number).to_bytes(6)
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    return InstructionId(bytes(octets))


class Book:
    """A ledger: its genesis entered, three administrators of whom two sign."""

    def __init__(self, opened: bool = True, **genesis: Any):
        self.state: State = WholeState(NOUNS)
        self.size, self.time, self._drawn = 0, START, 0
        self.keys: dict[bytes, bytes] = {}
        self.events: list[tuple[At, list[Any]]] = []
        self.administrators = [self.holder(f"administrator {n}") for n in range(3)]
        self.clerk = self.holder("clerk")
        self.common = {word: AccountId(self.id()) for word in ("fees", "losses")}
        self.genesis_id = self.id()
        if not opened:
            return
        outcome = self.enter("genesis", self.genesis(**genesis), *self.founders, id=self.genesis_id)
        assert outcome == 0, outcome

    @property
    def founders(self) -> list[HolderId]:
        """Who signs a genesis."""
        return [*self.administrators, self.clerk]

    def id(self) -> InstructionId:
        self._drawn += 1
        return uuid7(self._drawn)

    def holder(self, label: str) -> HolderId:
        id = HolderId(self.id())
        self.keys[id] = public(label)
        return id

    def genesis(self, **changes: Any) -> LedgerOpened:
        """This ledger's genesis, with fields changed."""
        form = LedgerOpened(
            administrators=tuple(KeyHolder(holder, self.keys[holder]) for holder in self.administrators),
            authority=(("any", Quorum("administrators", 2)),),
            backing="none",
            clerk=KeyHolder(self.clerk, self.keys[self.clerk]),
            common=tuple(sorted(self.common.items())),
            losses_cap=1_000_000,
            operator=public("operator"),
            origin="ledger.example/solana",
            policies=(("limits", LIMITS),),
            rules=1,
            territory=Territory("Solana", ("ES/08215",)),
            unit=Unit("SOL", "sol", 2),
            utc_offset=60,
        )
        return form._replace(**changes)

    # --- asking

    def verified(
        self,
        kind: str,
        asked: Any,
        *holders: HolderId | InstructionId | AccountId | Signer,
        id: InstructionId | None = None,
        not_after: int | None = None,
        anchor: Literal["true", "ahead", "wrong"] = "true",
    ) -> Verified:
        """An instruction as intake would give it, signed by these holders with the keys that this book knows."""
        signers = frozenset(h if isinstance(h, Signer) else Signer(HolderId(h), self.keys[h]) for h in holders)
        named = (kind, asked, id := id or self.id(), self.time + 600 if not_after is None else not_after)
        text = hashlib.sha256(repr(named).encode()).digest()
        return Verified(kind, asked, id, named[3], anchor, text, signers)

    def decide(self, instruction: Verified) -> Any:
        """What the instruction would come to now."""
        return machine.decide(self.state, instruction, At(self.size, self.time, instruction.id))

    def put(self, instruction: Verified) -> int | Refusal | Repeat:
        """Decide and enter; the log index, or why not."""
        at = At(self.size, self.time, instruction.id)
        events = machine.decide(self.state, instruction, at)
        if not isinstance(events, list):
            return events
        for event in events:
            machine.evolve(self.state, event, at)
        self.state.rows[LOGGED][instruction.id] = Logged(
            instruction.id, at.log_index, instruction.text_hash, instruction.kind, at.time
        )
        self.events.append((at, events))
        self.size += 1
        return at.log_index

    def enter(self, kind: str, asked: Any, *holders: Any, **more: Any) -> int | Refusal | Repeat:
        """`verified`, then `put`."""
        return self.put(self.verified(kind, asked, *holders, **more))

    def administer(self, kind: str, asked: Any, *more: Any, **named: Any) -> int | Refusal | Repeat:
        """Enter an instruction that two administrators sign."""
        return self.enter(kind, asked, *self.administrators[:2], *more, **named)

    # --- members

    def admission(self, label: str, **fields: Any) -> Verified:
        """An admission in order, with fields changed."""
        id = self.id()
        asked = Admit("commercial", BUSINESS, public(label))._replace(**fields)
        if asked.key:
            self.keys[id] = asked.key
        return self.verified("admit", asked, *self.administrators[:2], *([id] if asked.key else []), id=id)

    def member(self, label: str, **fields: Any) -> AccountId:
        """Admit a member; its id, which is its account's."""
        admission = self.admission(label, **fields)
        outcome = self.put(admission)
        assert isinstance(outcome, int), outcome
        return AccountId(admission.id)

    def members(self, count: int, **fields: Any) -> list[AccountId]:
        """Admit this many members."""
        return [self.member(f"member {n}", **fields) for n in range(count)]

    def registered(self, label: str, role: Literal["delegate", "custodian", "auditor", "bank"]) -> HolderId:
        """Register a holder; its id."""
        id = HolderId(self.id())
        self.keys[id] = public(label)
        outcome = self.administer("register_holder", RegisterHolder(role, public(label)), id, id=InstructionId(id))
        assert isinstance(outcome, int), outcome
        return id

    def in_custody(self, custodian: HolderId, **fields: Any) -> AccountId:
        """Admit a member without a key of its own; its id."""
        id, asked = self.id(), Admit("commercial", BUSINESS, custodian=custodian)._replace(**fields)
        outcome = self.administer("admit", asked, custodian, id=id)
        assert isinstance(outcome, int), outcome
        return AccountId(id)

    def aged(self, *logged: Verified) -> tuple[HolderId, list[Target]]:
        """Enter these, let the years of a policy `retention` pass; an auditor, and what an erasure names."""
        indexes = [self.put(instruction) for instruction in logged]
        assert all(isinstance(index, int) for index in indexes), indexes
        self.administer("set_policy", SetPolicy("retention", str(YEAR)))
        auditor = self.registered("auditor", "auditor")
        self.time += YEAR + 1
        return auditor, [Target(at, one.id, one.text_hash) for at, one in zip(indexes, logged, strict=True)]  # type: ignore[arg-type]

    def account(self, id: bytes) -> Account:
        return self.state.row(ACCOUNTS, AccountId(id))

    def limit(self, account: AccountId, floor: int, ceiling: int) -> int | Refusal | Repeat:
        """Set an account's limits, looking at what stands."""
        since = self.account(account).limits_since
        return self.administer("set_limits", SetLimits(account, floor, ceiling, since, FREE_TEXT))
