"""Transfers: a member pays another, or many others under one signature; and `once`, the second key of idempotency.

A `once` is a word of the payer's own (a bank reference, a row of a file) that its account can use one time, for
ever: a second use, also within one bulk, refuses the whole instruction and names the first use.
"""

from typing import Annotated, Any, NamedTuple

from ledger.core.accounts import ACCOUNTS, Moved, check, check_one
from ledger.core.grants import paying, rows_of_payer
from ledger.core.keys import Signer
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import (
    AccountId,
    Amount,
    At,
    FreeText,
    InstructionId,
    Legs,
    MovementId,
    OnceWord,
    Purpose,
    Reference,
)


class Transfer(NamedTuple):
    """Pay another member. `ref` is carried to a bank as it is; `memo` and `evidence` are free text, by hash."""

    payer: AccountId
    payee: AccountId
    amount: Amount
    purpose: Purpose | None = None
    ref: Reference | None = None
    once: OnceWord | None = None
    memo: FreeText | None = None
    evidence: FreeText | None = None


class Leg(NamedTuple):
    """One transfer of a bulk, in a salted line of its own."""

    payee: AccountId
    amount: Amount
    purpose: Purpose | None = None
    ref: Reference | None = None
    once: OnceWord | None = None


class TransferMany(NamedTuple):
    """Pay many members under one signature, all or none; each payee is shown its own leg alone."""

    payer: AccountId
    legs: Annotated[Legs, Leg]


class OnceUsed(NamedTuple):
    """An account has used this word."""

    account: AccountId
    once: OnceWord


class Once(NamedTuple):
    """A used word, and the instruction that used it."""

    account: AccountId
    once: str
    id: InstructionId
    log_index: int


ONCE = Noun(Once, keys=2)


def transfer(state: State, asked: Transfer, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: one movement, the word it used, and the grant."""
    used = paying(state, asked.payer, asked.amount, at, signers)
    _check_payee(state, asked.payer, asked.payee)
    if asked.once is not None:
        _check_once(state, asked.payer, asked.once)
    check_one(state, asked.payer, asked.payee, asked.amount)
    events: list[Any] = [
        Moved(MovementId(at.id, 0), asked.payer, asked.payee, asked.amount, "trade", asked.purpose)
    ]  # fmt: skip
    if asked.once is not None:
        events.append(OnceUsed(asked.payer, asked.once))
    return events + used if used else events


def transfer_many(state: State, asked: TransferMany, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: a movement a leg, or nothing at all."""
    payer, legs = asked.payer, asked.legs.items
    by_grant = paying(state, payer, sum(leg.amount for leg in legs), at, signers)
    used: set[str] = set()
    events: list[Any] = []
    for n, leg in enumerate(legs):
        _check_payee(state, payer, leg.payee, n)
        events.append(Moved(MovementId(at.id, n), payer, leg.payee, leg.amount, "trade", leg.purpose))
        if leg.once is not None:
            if leg.once in used:
                raise Refused("once_used", once=leg.once, leg=n, first="an earlier leg of this bulk")
            used.add(leg.once)
            _check_once(state, payer, leg.once, n)
            events.append(OnceUsed(payer, leg.once))
    check(state, ((payer, leg.payee, leg.amount) for leg in legs))
    return events + by_grant if by_grant else events


def _check_payee(state: State, payer: AccountId, payee: AccountId, leg: int | None = None) -> None:
    if payee == payer:
        raise Refused("same_account", **_which(leg))
    account = state.get(ACCOUNTS, payee)
    if account is None or account.kind != "member":  # common accounts are paid by kinds of their own
        raise Refused("payee_unknown", payee=payee.hex(), **_which(leg))


def _which(leg: int | None) -> dict[str, int]:
    return {} if leg is None else {"leg": leg}


def _check_once(state: State, account: AccountId, once: str, leg: int | None = None) -> None:
    first = state.get(ONCE, (account, once))
    if first is not None:
        raise Refused("once_used", once=once, first=first.id.hex(), log_index=first.log_index, **_which(leg))


def once_used(state: State, event: OnceUsed, at: At) -> None:
    """Evolve: the word is used from now on."""
    state.put(ONCE, Once(event.account, event.once, at.id, at.log_index))


def rows_of_transfer(asked: Transfer, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """The rows that a transfer's word and its signers refer to, for the footprint."""
    rows = rows_of_payer(asked.payer, signers)
    return [*rows, (ONCE, (asked.payer, asked.once))] if asked.once is not None else rows


def rows_of_legs(asked: TransferMany, signers: frozenset[Signer]) -> list[tuple[Noun[Any], Any]]:
    """The rows that the legs and their signers refer to, for the footprint."""
    rows: list[tuple[Noun[Any], Any]] = [(ACCOUNTS, leg.payee) for leg in asked.legs.items]
    rows += [(ONCE, (asked.payer, leg.once)) for leg in asked.legs.items if leg.once is not None]
    return rows + rows_of_payer(asked.payer, signers)
