"""What is read of the books, as plain values: HTTP answers them, and the command on the database shows the same."""

from collections.abc import Collection
from typing import Any

from ledger.ambient.clock import moment
from ledger.core.accounts import Account, Movement
from ledger.store import listings, movements
from ledger.store.database import Store
from ledger.store.listings import Listed, MemberFilter
from ledger.store.movements import Filter, Group
from ledger.store.queries import Place

BY = ("month", "kind", "class")  # what movements are grouped by, in this order

Plain = dict[str, Any]
Page = tuple[list[Plain], Place | None]
"""What is on a page, and where it ends; None where nothing comes after it."""


def list_movements(store: Store, ledger_id: int, wanted: Filter, after: Place | None, limit: int) -> Page:
    """Movements, newest first, with both balances. Raises Unavailable."""
    return _page(store, ledger_id, wanted, after, limit, _whole)


def history(store: Store, ledger_id: int, account: bytes, wanted: Filter, after: Place | None, limit: int) -> Page:
    """An account's movements, newest first, each with the balance of this account alone. Raises Unavailable."""
    mine = wanted._replace(account=account)
    return _page(store, ledger_id, mine, after, limit, lambda movement: _seen_from(account, movement))


def _page(store: Store, ledger_id: int, wanted: Filter, after: Place | None, limit: int, shown: Any) -> Page:
    found = movements.movements(store, ledger_id, wanted, after, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return [shown(one) for one in found[:limit]], Place(last.log_index, last.n) if last else None


def _whole(movement: Movement) -> Plain:
    shown = movement._asdict()
    n, of_n = shown.pop("n"), shown.pop("of_n")
    return shown | {
        "id": [movement.id.hex(), n], "payer": movement.payer.hex(), "payee": movement.payee.hex(),
        "time": moment(movement.time), "of": [movement.of.hex(), of_n] if movement.of else None,
        "item": movement.item.hex() if movement.item else None,
    }  # fmt: skip


def _seen_from(account: bytes, movement: Movement) -> Plain:
    shown = _whole(movement)
    payer_balance, payee_balance = shown.pop("payer_balance"), shown.pop("payee_balance")
    return shown | {"balance": payer_balance if movement.payer == account else payee_balance}


def total_movements(store: Store, ledger_id: int, wanted: Filter, by: Collection[str]) -> Plain:
    """How many movements, the sum of their amounts, and both for each group; at a log size. Raises Unavailable."""
    found = movements.totals(store, ledger_id, wanted, by)
    return {
        "log_size": found.log_size,
        "count": sum(group.number for group in found.groups),
        "sum": sum(group.amount for group in found.groups),
        "groups": [_group(group, by) for group in found.groups] if by else [],
    }


def _group(group: Group, by: Collection[str]) -> Plain:
    shown: Plain = {}
    if "month" in by and group.month is not None:
        shown["month"] = f"{group.month // 12:04}-{group.month % 12 + 1:02}"
    if "kind" in by:
        shown["kind"] = group.kind
    if "class" in by:
        shown |= {"payer_class": group.payer_class, "payee_class": group.payee_class}
    return {**shown, "count": group.number, "sum": group.amount}


# --- members and accounts


def list_members(
    store: Store, ledger_id: int, wanted: MemberFilter, after: Place | None, limit: int, *, names: bool = True
) -> Page:
    """Members with their accounts, in the order of admission; what their profiles say, where the reader may see it.
    Raises Unavailable."""
    found = listings.list_members(store, ledger_id, wanted, after, limit + 1)
    last = Place(found[limit - 1].member.admitted, 0) if len(found) > limit else None
    return [_member(one, names) for one in found[:limit]], last


def _member(listed: Listed, names: bool) -> Plain:
    id, kind, inside, sse, place, sector, beneficiary, facts_since, admitted, custodian = listed.member
    facts = {"kind": kind, "inside": bool(inside), "sse": bool(sse), "place": place, "sector": sector,
             "beneficiary": beneficiary.hex() if beneficiary else None}  # fmt: skip
    return {
        "id": id.hex(), "name": listed.profile if names else None, "facts": facts, "facts_since": facts_since,
        "admitted": admitted, "custodian": custodian.hex() if custodian else None,
        "accounts": [position(account) for account in listed.accounts],
    }  # fmt: skip


def list_holders(store: Store, ledger_id: int, after: Place | None, limit: int, *, names: bool = True) -> Page:
    """Registered holders, in the order of registration; what their profiles say, where the reader may see it. Raises
    Unavailable."""
    found = listings.list_holders(store, ledger_id, after, limit + 1)
    last = Place(found[limit - 1].holder.since, 0) if len(found) > limit else None
    shown = [{"id": holder.id.hex(), "name": profile if names else None, "role": holder.role, "since": holder.since}
             for holder, profile in found[:limit]]  # fmt: skip
    return shown, last


def position(account: Account) -> Plain:
    """Where an account stands; the guards, which follow the limits, are nobody's business."""
    shown = {name.rstrip("_"): value for name, value in account._asdict().items() if name not in ("lowest", "highest")}
    return shown | {
        "id": account.id.hex(), "member": account.member.hex() if account.member else None,
        "available": account.available,
        "negative_since": None if account.negative_since is None else moment(account.negative_since),
    }  # fmt: skip


def total_accounts(store: Store, ledger_id: int) -> Plain:
    """How many accounts there are, what is owned and what is owed: the mutual credit in use; their sum, which is zero
    or something is wrong; at a log size. Raises Unavailable."""
    size, found = listings.balances(store, ledger_id)
    positive, negative = sum(one.positive for one in found), sum(one.negative for one in found)
    return {
        "log_size": size, "accounts": sum(one.accounts for one in found), "positive": positive, "negative": negative,
        "sum": positive + negative,
        "groups": [{name.rstrip("_"): value for name, value in one._asdict().items()} for one in found],
    }  # fmt: skip
