"""Accounts: balances, limits, status, and the short closed list of events that change them.

Only `moved`, `limits_set`, `status_set` and `account_opened` touch an account; other features' events touch their
own nouns. A limit is stated twice: `check`, on each account's net change by an instruction, and the guards
`lowest` and `highest`, on which the database has CHECKs. The guards follow the limits one entry later, so that a
limit lowered under a balance leaves the member unable to spend and never unable to recover.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ledger.core import changes
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State, made
from ledger.core.words import (
    AccountId,
    AccountKind,
    Amount,
    AnyCeiling,
    At,
    Floor,
    InstructionId,
    MemberId,
    MovementId,
    Purpose,
    Status,
    Word,
)

MovementKind = Literal[
    "trade", "fee", "demurrage", "top_up", "redemption", "reversal", "clearing", "loss", "gift", "opening", "bridge"
]


class Account(NamedTuple):
    """A member's position. `entry`, `limits_since`, `status_since` are log indexes; `negative_since` is a time."""

    id: AccountId
    member: MemberId | None
    kind: str
    class_: str | None
    balance: int
    held: int
    floor: int
    ceiling: int
    lowest: int
    highest: int
    entry: int
    status: str
    open_items: int
    negative_since: int | None
    limits_since: int
    status_since: int
    opened: int

    @property
    def available(self) -> int:
        """How much it may pay now, in minor units; negative for an account beyond a lowered limit."""
        return self.balance - self.held - self.floor


class Movement(NamedTuple):
    """The atom that a transfer causes, with both balances after it. `of` and `of_n` name the movement it belongs
    to (of a fee, a reversal), `item` the open thing it came from."""

    id: InstructionId
    n: int
    log_index: int
    payer: AccountId
    payee: AccountId
    amount: int
    kind: str
    purpose: str | None
    of: InstructionId | None
    of_n: int | None
    item: InstructionId | None
    payer_balance: int
    payee_balance: int
    time: int


ACCOUNTS = Noun(
    Account,
    keys=1,
    checks=(
        '"lowest" <= "floor"',
        '"highest" >= "ceiling"',
        '"balance" - "held" >= "lowest"',
        '"balance" <= "highest"',
        '"held" >= 0',
        '"open_items" >= 0',
    ),
    indexes=(("member",),),
)
MOVEMENTS = Noun(
    Movement,
    keys=2,
    checks=('"amount" > 0', '"payer" <> "payee"'),
    # The last has all that lists are filtered by: one that is narrow and only grows at its end, not one for each.
    indexes=(("payer", "log_index"), ("payee", "log_index"), ("log_index", "id", "n", "kind", "amount", "purpose")),
)


class AccountOpened(NamedTuple):
    """An account exists, open, at balance zero."""

    account: AccountId
    kind: AccountKind
    floor: Floor
    ceiling: AnyCeiling
    member: MemberId | None = None
    class_: Word | None = None


class Moved(NamedTuple):
    """An amount went from payer to payee. `kind` tells trade from the rest for ever."""

    id: MovementId
    payer: AccountId
    payee: AccountId
    amount: Amount
    kind: MovementKind
    purpose: Purpose | None = None
    of: MovementId | None = None
    item: InstructionId | None = None


class LimitsSet(NamedTuple):
    """An account has these limits from now on."""

    account: AccountId
    floor: Floor
    ceiling: AnyCeiling


class StatusSet(NamedTuple):
    """An account is open, suspended or closed from now on."""

    account: AccountId
    status: Status


def account_opened(state: State, event: AccountOpened, at: At) -> None:
    """Evolve: a new row at zero, its guards on its limits."""
    state.put(
        ACCOUNTS,
        Account(
            id=event.account, member=event.member, kind=event.kind, class_=event.class_, balance=0, held=0,
            floor=event.floor, ceiling=event.ceiling, lowest=event.floor, highest=event.ceiling, entry=at.log_index,
            status="open", open_items=0, negative_since=None, limits_since=at.log_index, status_since=at.log_index,
            opened=at.log_index,
        ),
    )  # fmt: skip
    changes.mark(state, changes.LIMITS, event.account, at)
    changes.mark(state, changes.STATUS, event.account, at)


def moved(state: State, event: Moved, at: At) -> None:
    """Evolve: both balances, and the movement with what they became."""
    (id, n), payer_id, payee_id, amount, kind, purpose, of, item = event
    log_index, time, _ = at
    payer = _shifted(state.row(ACCOUNTS, payer_id), -amount, log_index, time)
    payee = _shifted(state.row(ACCOUNTS, payee_id), amount, log_index, time)
    state.put(ACCOUNTS, payer)
    state.put(ACCOUNTS, payee)
    of_id, of_n = of or (None, None)
    state.put(
        MOVEMENTS,
        made(Movement, (
            id, n, log_index, payer_id, payee_id, amount, kind, purpose, of_id, of_n, item,
            payer.balance, payee.balance, time,
        )),
    )  # fmt: skip


def _shifted(account: Account, change: int, log_index: int, time: int) -> Account:
    """The account after its balance changed. Written out because every transfer passes here twice."""
    (id, member, kind, class_, balance, held, floor, ceiling, lowest, highest, entry, status, items, since,
     limits_since, status_since, opened) = account  # fmt: skip
    if entry != log_index:  # the first change in a new entry: the guards close as far as the position allows
        if lowest < floor:
            lowest = min(floor, max(lowest, balance - held))
        if highest > ceiling:
            highest = max(ceiling, min(highest, balance))
    balance += change
    if balance >= 0:
        since = None
    elif since is None:
        since = time
    return made(Account, (id, member, kind, class_, balance, held, floor, ceiling, lowest, highest, log_index, status,
                          items, since, limits_since, status_since, opened))  # fmt: skip


def limits_set(state: State, event: LimitsSet, at: At) -> None:
    """Evolve: new limits; the guards open wide enough for the position as it stands."""
    account = state.row(ACCOUNTS, event.account)
    state.put(
        ACCOUNTS,
        account._replace(
            floor=event.floor,
            ceiling=event.ceiling,
            lowest=min(event.floor, account.balance - account.held),
            highest=max(event.ceiling, account.balance),
            entry=at.log_index,
            limits_since=at.log_index,
        ),
    )
    changes.mark(state, changes.LIMITS, event.account, at)


def status_set(state: State, event: StatusSet, at: At) -> None:
    """Evolve: a new status."""
    account = state.row(ACCOUNTS, event.account)
    state.put(ACCOUNTS, account._replace(status=event.status, status_since=at.log_index))
    changes.mark(state, changes.STATUS, event.account, at)


def check(state: State, moves: Iterable[tuple[AccountId, AccountId, int]]) -> None:
    """Refuse moves (payer, payee, amount) that worsen an account beyond its limits.

    Compared on each account's net change, so a circle of members without credit settles. Own limits come first:
    whoever pays learns its own figures and nothing of the other side's.
    """
    net: dict[AccountId, int] = {}
    for payer, payee, amount in moves:
        net[payer] = net.get(payer, 0) - amount
        net[payee] = net.get(payee, 0) + amount
    for id, change in net.items():
        if change < 0:
            _check_paying(state.row(ACCOUNTS, id), -change)
    for id, change in net.items():
        if change > 0:
            _check_receiving(state.row(ACCOUNTS, id), change)


def check_one(state: State, payer: AccountId, payee: AccountId, amount: int) -> None:
    """`check` for one move between two accounts, which is what most instructions come to."""
    _check_paying(state.row(ACCOUNTS, payer), amount)
    _check_receiving(state.row(ACCOUNTS, payee), amount)


def _check_paying(account: Account, amount: int) -> None:
    if account.status != "open":
        raise Refused("account_closed" if account.status == "closed" else "account_suspended", account=account.id.hex())
    if account.balance - amount - account.held < account.floor:
        raise Refused(
            "credit_exceeded",
            account=account.id.hex(), amount=amount, available=account.available, balance=account.balance,
            held=account.held, floor=account.floor, short_by=amount - account.available,
        )  # fmt: skip


def _check_receiving(account: Account, amount: int) -> None:
    if account.status == "closed" or account.balance + amount > account.ceiling:
        raise Refused("payee_cannot_receive", payee=account.id.hex())
