"""A member at a ledger, over HTTP: pays, cancels, changes keys, gives grants, asks and reads, and believes nothing that
is not proved.

    ledger = Ledger("ledger.example/solana", identity)          # both are printed in the ledger's statutes
    with Member("https://ledger.example", ledger, holder, seed, Path("solana.memory")) as member:
        receipt = member.pay(farm, 3430, memo="flour of May", once="till 3, slip 1207")
        receipt.save(Path(f"{receipt.id}.json"))

What can come instead of a receipt: `Refused` (nothing was written, with the reason and what would help), `Unknown`
(send the very same text again: `member.send(error.octets)`), `LogForked` or `LogShrunk` (evidence against the
operator).
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.ambient.ids import new_id
from ledger.client.admitting import Ledger
from ledger.client.answers import (
    Movement,
    Position,
    Preview,
    Receipt,
    Refused,
    movement_of,
    parsed,
    position_of,
    preview_of,
)
from ledger.client.connections import Connections
from ledger.client.delivery import Answer, Delivery
from ledger.client.gathering import of_draft
from ledger.client.growth import Growth, LogBroken, LogForked, LogShrunk, NotProved, WrongLedger
from ledger.client.http import PAGE_MOST, TIMEOUT_S, TRIES, Client, ServerError
from ledger.client.memory import Memory, MemoryFileError, Seen
from ledger.client.outcomes import Unknown, id_of
from ledger.client.writing import Draft, Seed, write
from ledger.core.cancels import Cancel
from ledger.core.forms import BadForm
from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.keyrings import AddKey, RevokeKey, RotateKey
from ledger.core.ledgers import Unit
from ledger.core.machine import FORMS, LEGS
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, HolderId, InstructionId, Legs
from ledger.log.instruction import ID
from ledger.log.keys import public_of
from ledger.log.malformed import Malformed
from ledger.log.policy import Policy, Verified

__all__ = [
    "Answer", "Ledger", "LogBroken", "LogForked", "LogShrunk", "Member", "MemoryFileError", "Movement", "NotProved",
    "Payment", "Position", "Preview", "Receipt", "Refused", "ServerError", "Unknown", "WrongLedger",
]  # fmt: skip

VALID_S = 3600  # how long an instruction may be accepted: both clocks may be wrong by some of it
Id = str | bytes


class Payment(NamedTuple):
    """To whom, how much in minor units, and what may go with it (docs/kinds.md, `transfer`)."""

    payee: Id
    amount: int
    memo: str | None = None
    once: str | None = None
    purpose: str | None = None
    ref: str | None = None


class Member:
    """One account of one holder. Several threads may use it; close it after use.

    `memory` is the file of checkpoints; `account` is the holder's first where none is named. `clock` is in Unix
    seconds; `sleep` waits, `chance` draws from [0, 1).
    """

    def __init__(
        self,
        server: str,
        ledger: Ledger,
        holder: Id,
        seed: Seed,
        memory: Path,
        *,
        account: Id | None = None,
        tries: int = TRIES,
        timeout_s: float = TIMEOUT_S,
        valid_s: int = VALID_S,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ):
        name = ledger.origin.rpartition("/")[2]
        self.ledger, self.holder = ledger, HolderId(octets_of(holder))
        self.account = AccountId(octets_of(account) if account is not None else self.holder)
        self._seed, self._clock, self._valid_s = seed, clock, valid_s
        self._memory = Memory(memory, ledger)
        self._growth = Growth(ledger, self._memory)

        def make() -> Client:
            return Client(server, name, tries=tries, timeout_s=timeout_s, sleep=sleep, chance=chance,
                          origin=ledger.origin)  # fmt: skip

        make()  # a wrong address is told here
        self._connections = Connections(make, self.holder, seed, clock)
        self._delivery = Delivery(self._connections, self._growth, tries)

    def __enter__(self) -> "Member":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._connections.close()

    # --- paying

    def pay(self, payee: Id, amount: int, *, memo: str | None = None, once: str | None = None,
            purpose: str | None = None, ref: str | None = None) -> Receipt:  # fmt: skip
        """Pay, and have the verified receipt. Raises ValueError where it cannot be signed; Refused; Unknown; LogBroken;
        ServerError where the request was not understood at all."""
        return self.send(self.write_payment(Payment(payee, amount, memo, once, purpose, ref)))

    def write_payment(self, payment: Payment) -> bytes:
        """A payment signed and not sent yet: to be kept, for instance, before it is sent. Raises ValueError."""
        return self._signed("transfer", *self._transfer(payment))

    def _transfer(self, payment: Payment) -> tuple[Transfer, dict[str, str]]:
        asked = Transfer(self.account, AccountId(octets_of(payment.payee)), payment.amount, payment.purpose,
                         payment.ref, payment.once)  # fmt: skip
        return asked, {"memo": payment.memo} if payment.memo is not None else {}

    def preview(self, payment: Payment) -> Preview:
        """What a payment would come to now; nothing is signed or written. Raises ValueError; Refused; Unknown;
        ServerError (`told_enough`)."""
        asked, texts = self._transfer(payment)
        unsigned = of_draft(self._read("transfer", asked, texts)).octets
        try:
            body = self._connections.reading(lambda client: client.preview(unsigned))
        except ServerError as error:
            if error.status in (409, 422):
                raise Refused(id_of(unsigned), error.body) from error
            raise
        return parsed(lambda found: preview_of(found, self.account.hex()), body)

    def pay_each(self, payments: Sequence[Payment]) -> list[Answer]:
        """Pay many, each an instruction of its own, in order; for each its receipt, or Refused or Unknown as a value.
        Raises ValueError, LogBroken, ServerError."""
        return self._delivery.send_many([self.write_payment(payment) for payment in payments])

    def transfer_many(self, payments: Sequence[Payment]) -> Receipt:
        """Pay many under one signature, all or none; each payee is shown its own leg alone. Raises as `pay` does."""
        return self.send(self.write_many(payments))

    def write_many(self, payments: Sequence[Payment]) -> bytes:
        """Many transfers under one signature, not sent yet. Raises ValueError; also for a memo, which a leg has not."""
        if any(payment.memo is not None for payment in payments):
            raise ValueError("a transfer among many has no memo; say it by ref or purpose")
        legs = [Leg(AccountId(octets_of(one.payee)), one.amount, one.purpose, one.ref, one.once) for one in payments]
        try:
            for leg in legs:
                LEGS["transfer_many"].read(LEGS["transfer_many"].text(leg).encode())
        except BadForm as error:
            raise ValueError(str(error)) from error
        return self._signed("transfer_many", TransferMany(self.account, Legs(0, b"")), {}, legs)

    def cancel(self, id: Id) -> Receipt:
        """Withdraw from an instruction that is not in the log: none of this id that this holder signed is accepted any
        more. Refused (`already_logged`) where it is in. Raises as `pay` does."""
        return self.send(self._signed("cancel", Cancel(InstructionId(octets_of(id)))))

    # --- keys and grants

    def add_key(self, seed: Seed) -> Receipt:
        """Give the holder a further key, the youngest, for another till; it signs this, too. Keep it on the disk first.
        Raises as `pay` does."""
        return self.send(self._signed("add_key", AddKey(self.holder, public_of(seed)), also=[seed]))

    def rotate_key(self, seed: Seed) -> Receipt:
        """Put a new key in the place of this client's, which signs with it from then on. Keep it on the disk first.
        Raises as `pay` does: after Unknown send the text again; with its receipt make a client with the new key."""
        asked = RotateKey(self.holder, public_of(self._seed), public_of(seed))
        receipt = self._send_last(self._signed("rotate_key", asked, also=[seed]))
        self._seed = seed
        self._connections.sign_with(seed)
        return receipt

    def revoke_key(self, public: bytes) -> Receipt:
        """End a key of the holder's, of 32 octets, with every grant that it gave: this client's own, or a younger one.
        Raises as `pay` does."""
        return self._send_last(self._signed("revoke_key", RevokeKey(self.holder, public)))

    def _send_last(self, octets: bytes) -> Receipt:
        """Send what may end this client's own key. Where the answer was lost, a dead key cannot ask for it; but
        the same text, sent again, gets the one that it has."""
        for _ in range(2):
            try:
                return self.send(octets)
            except ServerError as error:
                if error.reason != "key_dead":
                    raise
        raise Unknown("the answers were lost, and the key is dead by now: send the same text again", octets)

    def give_grant(self, holder: Id, kinds: Sequence[str], *, payment: int | None = None, day: int | None = None,
                   month: int | None = None, until: int | None = None) -> Receipt:  # fmt: skip
        """Let a holder act for the account, in place of what it was given before: `kinds` of docs/kinds.md, at most so
        many minor units at once, on a day, in a month, until then (Unix seconds). Raises as `pay` does."""
        to, standing = HolderId(octets_of(holder)), self._grant_of(holder)
        was = standing["since"] if standing else None
        asked = GiveGrant(self.account, to, tuple(sorted(set(kinds))), payment, day, month, until, was)
        return self.send(self._signed("give_grant", asked))

    def end_grant(self, holder: Id) -> Receipt:
        """Let a holder act for the account no more. Raises ValueError where it has no grant; else as `pay` does."""
        standing = self._grant_of(holder)
        if standing is None:
            raise ValueError(f"{octets_of(holder).hex()} has no grant on account {self.account.hex()}")
        return self.send(
            self._signed("end_grant", EndGrant(self.account, HolderId(octets_of(holder)), standing["since"]))
        )

    def grants(self) -> list[dict[str, Any]]:
        """The grants that the holder has, and those over its accounts, as the server says them (docs/api.md). Raises
        Unknown, ServerError."""
        found = self._connections.reading(lambda client: client.holder(self.holder.hex()))
        return list(found["grants"])

    def _grant_of(self, holder: Id) -> dict[str, Any] | None:
        named = (self.account.hex(), octets_of(holder).hex())
        return next((one for one in self.grants() if (one["account"], one["holder"]) == named), None)

    # --- sending

    def send(self, octets: bytes) -> Receipt:
        """Send a signed submission, or send it again: it is logged once. Raises as `pay` does."""
        return self._delivery.send(octets)

    def send_many(self, submissions: Sequence[bytes]) -> list[Answer]:
        """Send many, or send them again; each one's answer. Raises LogBroken, ServerError."""
        return self._delivery.send_many(submissions)

    def _signed(self, kind: str, asked: Any, texts: Mapping[str, str] = {}, legs: Sequence[Any] = (),
                also: Sequence[Seed] = ()) -> bytes:  # fmt: skip
        return self._read(kind, asked, texts, legs).signed([(self.holder, seed) for seed in (self._seed, *also)])

    def _read(self, kind: str, asked: Any, texts: Mapping[str, str], legs: Sequence[Any] = ()) -> Draft:
        """A draft as strictly read as the ledger will; raises ValueError."""
        try:
            draft = self._draft(kind, asked, texts, legs)
            FORMS[kind].read(draft.text.split(b"\n")[2])
        except (BadForm, Malformed) as error:
            raise ValueError(str(error)) from error
        return draft

    def _draft(self, kind: str, asked: Any, texts: Mapping[str, str], legs: Sequence[Any]) -> Draft:
        """The text, anchored to the log as it was last proved: a fork cannot take it for its own."""
        not_after = int(self._clock()) + self._valid_s
        return write(kind, asked, origin=self.ledger.origin, id=InstructionId(new_id()), not_after=not_after,
                     anchor=self._memory.read().anchor, texts=texts, legs=legs)  # fmt: skip

    # --- asking

    def outcome(self, id: Id) -> Receipt | None:
        """The receipt of an instruction that this holder signed or that names it; None where none is in the log yet.
        Raises Unknown, LogBroken, ServerError."""
        return self._delivery.outcome(octets_of(id).hex())

    def position(self) -> Position:
        """Where the account stands, as the server says it: a position has no proof. Raises Unknown, ServerError."""
        return parsed(position_of, self._connections.reading(lambda client: client.account(self.account.hex())))

    def movements(self, **filters: str) -> Iterator[Movement]:
        """The account's movements, newest first, page by page, as the server says them. `filters` are those of
        docs/api.md (`kind`, `to`, and `from` as `**{"from": ...}`). Raises Unknown, ServerError."""
        cursor: str | None = None
        while True:
            page = self._page({"limit": str(PAGE_MOST)} | filters | ({"cursor": cursor} if cursor else {}))
            for item in page.get("items", ()):
                yield parsed(movement_of, item)
            cursor = page.get("next")
            if cursor is None:
                return

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        return self._connections.reading(lambda client: client.read(f"accounts/{self.account.hex()}/movements", query))

    def visit(self) -> Seen:
        """Look at the log, and prove that it only grew since the last visit. Raises LogBroken, Unknown, WrongLedger."""
        with self._connections.one() as client:
            return self._growth.visit(client)

    def witnessed(self, policy: Policy) -> Verified:
        """The published checkpoint, cosigned by enough witnesses of this policy and proved to be of the log that was
        seen. Raises NotProved where it is not cosigned (yet), LogBroken, Unknown, WrongLedger."""
        with self._connections.one() as client:
            return self._growth.witnessed(client, policy)

    @property
    def unit(self) -> Unit:
        """The ledger's unit and its scale (how many of an amount's digits are decimals), as the genesis fixed them.
        Raises WrongLedger, Unknown."""
        with self._connections.one() as client:
            return self._growth.genesis(client).unit

    @property
    def seen(self) -> Seen:
        """The log as it was proved last."""
        return self._memory.read()


def octets_of(id: Id) -> bytes:
    """An id's 16 octets; raises ValueError."""
    text = id if isinstance(id, str) else id.hex()
    if not ID.fullmatch(text):
        raise ValueError(f"not an id: {text[:40]!r}")
    return bytes.fromhex(text)
