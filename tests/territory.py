"""A territory for tests: three administrators of whom two sign, and as many members as a test wants.

Keys come from labels, so a failing test can be read; ids and time are the test's own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.client.writing import Draft, write
from ledger.core.erasures import Erase, Target
from ledger.core.holders import RegisterHolder
from ledger.core.ledgers import KeyHolder, LedgerOpened, Quorum, Territory, Unit
from ledger.core.members import Admit, Facts
from ledger.core.refusals import Refusal
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, Anchor, HolderId, InstructionId
from ledger.intake.submission import Prepared
from ledger.log import keys
from ledger.rebuild.replay import read_entries
from ledger.service.door import Accepted, Door, Outcome
from ledger.store.database import Store
from ledger.store.log import EntryRow

ORIGIN = "ledger.example/solana"
START = 1_795_000_000
RETENTION = 315_576_000  # ten years
LIMITS = '{"commercial":[-500000,500000],"personal":[-10000,20000]}'


def seed(label: str) -> bytes:
    """The test-only seed of a label."""
    return hashlib.sha256(f"TEST ONLY {label}".encode()).digest()


def public(label: str) -> bytes:
    """The public key of a label."""
    return keys.public_of(seed(label))


class Clock:
    """A clock that a test moves; `id` draws UUIDv7 whose order is that of drawing."""

    def __init__(self, now: int = START):
        self.now = now
        self._drawn = 0

    def __call__(self) -> float:
        return self.now

    def id(self) -> InstructionId:
        self._drawn += 1
        tail = hashlib.sha256(str(self._drawn).encode()).digest()[:8]
        octets = (self.now * 1000).to_bytes(6) + (0x7000 | (self._drawn >> 12 & 0xFFF)).to_bytes(2) + tail
        return InstructionId(octets[:8] + bytes([0x80 | octets[8] & 0x3F]) + octets[9:])


class TerritoryOfTests:
    """A ledger in a database, and the keys of everyone in it."""

    def __init__(self, url: str, limits: str = LIMITS, origin: str = ORIGIN, clock: Clock | None = None,
                 **genesis: Any):  # fmt: skip
        self.clock = clock or Clock()
        self.origin = origin
        self.open(url)
        self.administrators = [(HolderId(self.clock.id()), seed(f"admin {n}")) for n in range(3)]
        self.clerk = (HolderId(self.clock.id()), seed("clerk"))
        self.operator = seed("operator")
        self.common = {word: AccountId(self.clock.id()) for word in ("fees", "losses")}
        self.seeds: dict[bytes, bytes] = dict([*self.administrators, self.clerk])
        self.anchor: Anchor | None = None
        self.genesis = self.draft("genesis", self.genesis_form(limits, **genesis))
        (outcome,) = self.send(self.genesis.signed([*self.administrators, self.clerk]))
        assert getattr(outcome, "log_index", None) == 0, outcome
        head = self.door.head()
        assert head.identity is not None
        self.identity: bytes = head.identity
        self.anchor = Anchor(1, self.identity)

    def open(self, url: str) -> None:
        """Make the database and a door to it."""
        self.url = url
        self.store = Store.create(url)
        self.ledger_id = self.store.add_ledger(self.origin)
        self.door = Door(self.store, self.ledger_id, self.clock)

    def genesis_form(self, limits: str, **changes: Any) -> LedgerOpened:
        """The genesis of this territory, with fields changed."""
        form = LedgerOpened(
            administrators=tuple(KeyHolder(holder, keys.public_of(key)) for holder, key in self.administrators),
            authority=(("any", Quorum("administrators", 2)),),
            backing="none",
            clerk=KeyHolder(self.clerk[0], keys.public_of(self.clerk[1])),
            common=tuple(sorted(self.common.items())),
            losses_cap=1_000_000,
            operator=keys.public_of(self.operator),
            origin=self.origin,
            policies=(("limits", limits), ("retention", str(RETENTION))),
            rules=1,
            territory=Territory("Solana", ("ES/08215",)),
            unit=Unit("SOL", "sol", 2),
            utc_offset=60,
        )
        return form._replace(**changes)

    # --- writing

    def draft(self, kind: str, asked: Any, *, texts: Mapping[str, str] | None = None, legs: Sequence[Any] = (),
              id: InstructionId | None = None, not_after: int | None = None,
              anchor: Anchor | None = None) -> Draft:  # fmt: skip
        """An unsigned instruction, valid for ten minutes."""
        return write(
            kind, asked, origin=self.origin, id=id or self.clock.id(),
            not_after=self.clock.now + 600 if not_after is None else not_after,
            anchor=anchor or self.anchor, texts=texts, legs=legs,
        )  # fmt: skip

    def signed(self, draft: Draft, *holders: bytes) -> bytes:
        """The submission signed by these holders (or members), with the keys this territory keeps."""
        return draft.signed([(HolderId(holder), self.seeds[holder]) for holder in holders])

    def administer(self, kind: str, asked: Any, **more: Any) -> bytes:
        """A submission signed by two administrators."""
        return self.draft(kind, asked, **more).signed(self.administrators[:2])

    def transfer(self, payer: bytes, payee: bytes, amount: int, **fields: Any) -> bytes:
        """A payment, signed by its payer; `memo` and `evidence` are texts."""
        texts: dict[str, str] = {name: fields.pop(name) for name in ("memo", "evidence") if name in fields}
        more = {name: fields.pop(name) for name in ("id", "not_after", "anchor") if name in fields}
        asked = Transfer(AccountId(payer), AccountId(payee), amount, **fields)
        return self.signed(self.draft("transfer", asked, texts=texts, **more), payer)

    def transfer_many(self, payer: bytes, legs: Sequence[Leg], **more: Any) -> bytes:
        """A bulk, signed by its payer."""
        return self.signed(self.draft("transfer_many", TransferMany(AccountId(payer), None), legs=legs, **more), payer)  # type: ignore[arg-type]

    def admission(self, label: str, class_: str = "commercial", facts: Facts | None = None,
                  profile: str | None = None, **more: Any) -> tuple[bytes, bytes]:  # fmt: skip
        """A new member's id and its signed admission; its key is that of the label."""
        key = seed(label)
        asked = Admit(class_, facts or Facts("business", True, True, "ES/08215"), keys.public_of(key))
        draft = self.draft("admit", asked, texts={"profile": profile} if profile else None, **more)
        self.seeds[draft.id] = key
        return draft.id, draft.signed([*self.administrators[:2], (HolderId(draft.id), key)])

    def register_auditor(self, label: str = "auditor") -> HolderId:
        """Register an auditor; its id."""
        id = self.clock.id()
        draft = self.draft("register_holder", RegisterHolder("auditor", public(label)), id=id)
        self.seeds[id] = seed(label)
        self.accepted(draft.signed([*self.administrators[:2], (HolderId(id), seed(label))]))
        return HolderId(id)

    def erasure(self, auditor: HolderId, *log_indexes: int) -> bytes:
        """The erasure of these entries, signed by two administrators and the auditor."""
        rows = [self.row(log_index) for log_index in sorted(log_indexes)]
        targets = tuple(Target(row.log_index, InstructionId(row.id), row.text_hash) for row in rows)
        draft = self.draft("erase", Erase(auditor, targets, b""), texts={"reason": "their time is over"})
        return draft.signed([*self.administrators[:2], (auditor, self.seeds[auditor])])

    def row(self, log_index: int) -> EntryRow:
        """An entry as it is stored."""
        with self.store.read() as connection:
            (chunk,) = read_entries(connection, self.ledger_id, log_index, log_index + 1)
        return chunk[0]

    # --- sending

    def accepted(self, octets: bytes) -> int:
        """Send one submission, which is accepted; its log index."""
        (outcome,) = self.send(octets)
        assert isinstance(outcome, Accepted), outcome
        return outcome.log_index

    def verify(self, octets: bytes) -> Prepared | Refusal:
        return self.door.verify(octets)

    def send(self, *submissions: bytes) -> list[Outcome]:
        """Verify and submit as one batch; each one's outcome."""
        verified = [self.door.verify(octets) for octets in submissions]
        outcomes = iter(self.door.submit([item for item in verified if isinstance(item, Prepared)])[0])
        return [item if isinstance(item, Refusal) else next(outcomes) for item in verified]

    def members(self, count: int, class_: str = "commercial", first: int = 0) -> list[bytes]:
        """Admit this many members; their ids, which are also their accounts'."""
        admitted = [self.admission(f"member {n}", class_) for n in range(first, first + count)]
        for outcome in self.send(*(octets for _, octets in admitted)):
            assert hasattr(outcome, "log_index"), outcome
        return [id for id, _ in admitted]

    def close(self) -> None:
        self.store.close()
