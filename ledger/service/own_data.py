"""A holder's own data, all of it, as one JSON object written piece by piece: for its right to a copy.

    {"export": "comarca/member@v1", "ledger": {...}, "holder": {...}, "accounts": [...], "grants": [...],
     "logins": [...], "movements": [...], "entries": [...], "complete": true}

`entries` are receipts, each of which proves itself, with what a party sees and nothing more; of an erased entry what is
left. Memory does not grow with the log: entries are looked through in blocks, each in a short read of its own.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ledger.core.accounts import Account, Movement
from ledger.core.grants import Grant
from ledger.core.keys import ALIVE, ROTATED
from ledger.core.machine import read_event
from ledger.log import base64s, checkpoint, keys, salted
from ledger.receipts.making import ids_named
from ledger.service.receipts import Receipts, Wanted
from ledger.store import movements, personal, queries
from ledger.store.database import Store
from ledger.store.movements import Filter
from ledger.store.personal import ErasedEntry, HolderInfo
from ledger.store.queries import Place

EXPORT = "comarca/member@v1"
BLOCK = 20_000  # entries looked through in one read
AT_ONCE = 20  # receipts made together
PAGE = 500  # movements read together


def holder_facts(info: HolderInfo) -> dict[str, Any]:
    """What the ledger knows of a holder, in plain values."""
    facts, profile = info.member, info.profile
    return {
        "id": info.id.hex(),
        "role": info.role,
        "profile": None if profile is None else {"text": profile.text, "log_index": profile.log_index},
        "facts": None if facts is None else {**_plain(facts), "inside": bool(facts.inside), "sse": bool(facts.sse)},
        "keys": [_plain(key) for key in info.keys],
        "recovery": None if info.recovery is None else _plain(info.recovery),
    }


def granted(store: Store, ledger_id: int, holder: bytes) -> list[dict[str, Any]]:
    """The grants that a holder has, and those over its accounts, in plain values. `stands`: whether it counts at the
    ledger's own time; one that was ended has no kinds."""
    own = [account.id for account in queries.accounts_of(store, ledger_id, holder)]
    found, info = personal.grants(store, ledger_id, holder, own), queries.info(store, ledger_id)
    behind = personal.statuses(store, ledger_id, [grant.by for grant in found])
    now = info.head.time if info else 0
    return [{**_plain(grant), "kinds": json.loads(grant.kinds), "stands": _stands(grant, behind[grant.by], now)}
            for grant in found]  # fmt: skip


def _stands(grant: Grant, by: str, now: int) -> bool:
    in_time = grant.until is None or now <= grant.until
    return in_time and by in (*ALIVE, ROTATED) and grant.kinds != "[]"


def left_of(store: Store, ledger_id: int, log_index: int, reader: bytes | None) -> ErasedEntry | None:
    """What is left of an erased entry for those whom its event lines name, or, with None for the reader, for anyone;
    None where it was not erased, or is no business of the reader's. Raises Unavailable."""
    found = personal.erased_entry(store, ledger_id, log_index)
    if found is None or reader is None:
        return found
    mine = queries.ids_of(store, ledger_id, reader)
    lines = tuple(line for line in found.event_lines if ids_named(read_event(salted.split(line)[1])) & mine)
    return found._replace(event_lines=lines) if lines else None


def export(receipts: Receipts, holder: bytes, signed: bytes) -> Iterator[str]:
    """The pieces of the object, for a holder that is there; `signed` is the latest checkpoint. Raises Unavailable."""
    store, ledger_id = receipts.store, receipts.ledger_id
    info, size = personal.holder(store, ledger_id, holder), checkpoint.parse(signed).size
    if info is None:
        raise LookupError(f"no holder {holder.hex()}")
    accounts = queries.accounts_of(store, ledger_id, holder)
    own = [account.id for account in accounts]
    yield f'{{"export":"{EXPORT}",\n"ledger":{_json(_ledger(store, ledger_id, size))},\n'
    yield f'"holder":{_json(holder_facts(info))},\n"accounts":{_json([_plain(account) for account in accounts])},\n'
    logins = [login._asdict() for login in personal.logins(store, ledger_id, holder)]
    yield f'"grants":{_json(granted(store, ledger_id, holder))},\n"logins":{_json(logins)},\n"movements":['
    yield from _separated(_movements(store, ledger_id, accounts))
    yield '],\n"entries":['
    yield from _separated(_entries(receipts, holder, {holder, *own}, size, signed))
    yield '],\n"complete":true}\n'


def _separated(items: Iterator[dict[str, Any]]) -> Iterator[str]:
    for n, item in enumerate(items):
        yield (",\n" if n else "\n") + _json(item)


def _ledger(store: Store, ledger_id: int, size: int) -> dict[str, Any]:
    found = queries.info(store, ledger_id)
    assert found is not None and found.head.identity is not None
    unit = {"code": found.ledger.unit_code, "scale": found.ledger.unit_scale}
    return {"origin": found.head.origin, "identity": base64s.encode(found.head.identity), "log_size": size,
            "time": found.head.time, "unit": unit}  # fmt: skip


def _movements(store: Store, ledger_id: int, accounts: Sequence[Account]) -> Iterator[dict[str, Any]]:
    """Every movement of these accounts, newest first, each with the balance of that account alone."""
    for account in accounts:
        place: Place | None = None
        while page := movements.movements(store, ledger_id, Filter(account=account.id), place, PAGE):
            yield from (_seen_from(account.id, movement) for movement in page)
            place = Place(page[-1].log_index, page[-1].n)


def _seen_from(account: bytes, movement: Movement) -> dict[str, Any]:
    seen = {"account": account.hex(), **_plain(movement)}
    payer_balance, payee_balance = seen.pop("payer_balance"), seen.pop("payee_balance")
    return {**seen, "balance": payer_balance if movement.payer == account else payee_balance}


def _entries(receipts: Receipts, holder: bytes, ids: set[bytes], size: int, signed: bytes) -> Iterator[dict[str, Any]]:
    store, ledger_id = receipts.store, receipts.ledger_id
    for start in range(0, size, BLOCK):
        found = personal.entries_with(store, ledger_id, ids, start, min(start + BLOCK, size))
        for n in range(0, len(found), AT_ONCE):
            some = found[n : n + AT_ONCE]
            made = receipts.of([Wanted(log_index, [holder]) for log_index in some], signed)
            for log_index, receipt in zip(some, made, strict=True):
                shown = receipt or _erased(store, ledger_id, log_index, holder)
                if shown is not None:
                    yield shown


def _erased(store: Store, ledger_id: int, log_index: int, holder: bytes) -> dict[str, Any] | None:
    left = left_of(store, ledger_id, log_index, holder)
    if left is None:
        return None
    events = [json.loads(salted.split(line)[1]) for line in left.event_lines]
    return {"log_index": log_index, "time": left.time, "kind": left.erasure.kind, "id": left.erasure.id.hex(),
            "erased_by": left.erasure.erased_by, "events": events}  # fmt: skip


def _plain(row: Any) -> dict[str, Any]:
    """A row in plain values: ids as hex, keys and hashes as they stand in signed text."""
    return {name.rstrip("_"): _value(value) for name, value in row._asdict().items()}


def _value(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    return value.hex() if len(value) == 16 else keys.encode(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
