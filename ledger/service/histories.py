"""Histories as plain values: what was set, by whom, when and why, and what stood before."""

import json
from typing import Any

from ledger.ambient.clock import moment
from ledger.core.changes import FACTS, LIMITS, POLICY, STATUS
from ledger.log import salted
from ledger.receipts.making import signer_names
from ledger.service.books import Page, Plain
from ledger.store import history
from ledger.store.database import Store
from ledger.store.history import Changed, Set
from ledger.store.queries import Place

SUBJECTS = {LIMITS: "account", STATUS: "account", FACTS: "member", POLICY: "feature"}  # by their names in events


def list_changes(
    store: Store, ledger_id: int, what: str, subject: bytes | None, after: Place | None, limit: int, *,
    reasons: bool = True,
) -> Page:  # fmt: skip
    """What the limits or status of an account, the facts of a member, a policy or all policies have been, newest first;
    the reasons that were given, where the reader may see them. Raises Unavailable."""
    found = history.history(store, ledger_id, what, subject, after, limit + 1)
    shown = [_shown(what, one, reasons) for one in found[:limit]]
    return shown, found[limit - 1].place if len(found) > limit else None


def _shown(what: str, changed: Changed, reasons: bool) -> Plain:
    """One change. Who signed is unknown once the note is erased; a reason may be, or may never have been given."""
    now, name = changed.now, _name(what, changed.subject)
    return {
        **({"feature": name} if what == POLICY else {}),
        "log_index": now.log_index, "time": moment(now.time), "id": now.id.hex(), "kind": now.kind,
        "signers": sorted(signer_names(now.note)) if now.note is not None else None,
        "reason": now.reason if reasons else None,
        "before": None if changed.before is None else _value(what, name, changed.before),
        "after": _value(what, name, now),
    }  # fmt: skip


def _name(what: str, subject: bytes) -> str:
    return subject.decode() if what == POLICY else subject.hex()


def _value(what: str, name: str, entry: Set) -> Any:
    """What an entry set this subject to: the last of its events that does."""
    events = (json.loads(salted.split(line)[1]) for line in reversed(entry.event_lines))
    return next(value for event in events if (value := _set_by(what, name, event)) is not None)


def _set_by(what: str, name: str, event: Plain) -> Any:
    """What an event sets this subject to, or None where it does not."""
    if what == POLICY and event["event"] == "ledger_opened":
        return {**event["policies"], "rules": event["rules"]}[name]
    if event.get(SUBJECTS[what]) != name:
        return None
    if what == LIMITS and event["event"] in ("account_opened", "limits_set"):
        return {"floor": event["floor"], "ceiling": event["ceiling"]}
    if what == STATUS and event["event"] in ("account_opened", "status_set"):
        return event.get("status", "open")
    if what == FACTS and event["event"] in ("member_admitted", "facts_set"):
        return event["facts"]
    return event["body"] if what == POLICY and event["event"] == "policy_set" else None
