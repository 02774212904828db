"""Changes: which entries set the limits or the status of an account, the facts of a member, a policy.

A row leads to an entry and says no more: the entry has who signed, when, why, and what it set. So a history is read
without looking through the log, and an account's row need not know what it was.
"""

from typing import NamedTuple

from ledger.core.state import Noun, State
from ledger.core.words import At

LIMITS, STATUS, FACTS, POLICY = "limits", "status", "facts", "policy"


class Change(NamedTuple):
    """That an entry set this, or set it first. `subject`: the account's or member's id, or the policy's feature in
    ASCII."""

    what: str
    subject: bytes
    log_index: int


CHANGES = Noun(Change, keys=3, indexes=(("what", "log_index"),))


def mark(state: State, what: str, subject: bytes, at: At) -> None:
    """Evolve, within that of another noun: one more entry that set this. Called after all else is read."""
    state.put(CHANGES, Change(what, subject, at.log_index))
