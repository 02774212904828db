"""Offices: who governs the ledger, who runs its server and whose key is its clerk's, changed by the administrators.

A change of the administrators needs enough of the old ones, enough of the new ones, and each newly named key. The
operator's key signs checkpoints only, and proves itself by its first one; the clerk's signs with the change.
"""

from typing import Annotated, Any, NamedTuple

from ledger.core.forms import LINE, Form
from ledger.core.keys import (
    ALIVE,
    KEYS,
    LIVE,
    LOGGED,
    NAMED,
    REPLACED,
    Key,
    KeyAdded,
    Named,
    Signer,
    check_further,
    check_unused,
    keys_of,
    register,
    ring_rows,
    set_status,
)
from ledger.core.ledgers import (
    LEDGER,
    KeyHolder,
    Quorum,
    administrators_of,
    authority_row,
    authority_text,
    by_authority,
    check_authority,
    check_was,
    enough,
    ids_text,
)
from ledger.core.refusals import Refused
from ledger.core.state import Noun, State
from ledger.core.words import MAP, At, FreeText, HolderId, InstructionId, LogIndex, PublicKey, Word


class SetAdministrators(NamedTuple):
    """Name all administrators from now on, and how many of them sign what; `new` has the keys of those who were none.
    Each of the new has a holder id of its own, drawn by whoever writes the text."""

    administrators: tuple[HolderId, ...]
    authority: Annotated[tuple[tuple[Word, Quorum], ...], MAP]
    was: LogIndex
    new: tuple[KeyHolder, ...] | None = None
    reason: FreeText | None = None

    def flaw(self) -> str | None:
        """Of form, too: absence is the one way to say that nobody is new."""
        return "new: not empty, or absent" if self.new == () else None


class SetOperator(NamedTuple):
    """Name the key that signs the checkpoints from now on."""

    operator: PublicKey
    was: LogIndex
    reason: FreeText | None = None


class SetClerk(NamedTuple):
    """Put a new key in the place of the clerk's."""

    clerk: KeyHolder
    was: LogIndex
    reason: FreeText | None = None


class AdministratorsSet(NamedTuple):
    """Who governs the ledger from the next log index on, and how many of them sign what."""

    administrators: tuple[HolderId, ...]
    authority: Annotated[tuple[tuple[Word, Quorum], ...], MAP]


NAMED_FORM = Form(AdministratorsSet, {"event": "administrators_set"})


class OperatorSet(NamedTuple):
    """The key that signs checkpoints of every size beyond this entry."""

    operator: PublicKey


class ClerkSet(NamedTuple):
    """The clerk's key, and its only one, from the next log index on."""

    holder: HolderId
    key: PublicKey


# --- administrators


def signed_by_old_and_new(
    state: State, asked: SetAdministrators, at: At, signers: frozenset[Signer]
) -> frozenset[Signer]:
    """Who signs a change of administrators: enough of the old, enough of the new, and each newly named key."""
    old = by_authority(state, "set_administrators", signers)
    authority = dict(asked.authority)
    quorum = authority.get("set_administrators") or authority.get("any")
    if quorum is None:
        raise Refused("administrators_invalid", what='authority: "any" is missing')
    new = enough(asked.administrators, quorum.k, signers)
    named = registered_administrators(asked, at.id)
    if not named <= signers:
        raise Refused("signatures_missing", needed="each newly named key")
    return old | new | named


def registered_administrators(asked: SetAdministrators, id: InstructionId) -> frozenset[Signer]:
    """The keys that a change of administrators registers."""
    return frozenset(Signer(holder, key) for holder, key in asked.new or ())


def new_administrators_keys(asked: SetAdministrators) -> list[bytes]:
    """Every key that a change of administrators registers."""
    return [key for _, key in asked.new or ()]


def set_administrators(state: State, asked: SetAdministrators, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the new administrators, if nobody was faster and the ledger can be governed by them."""
    ledger = state.row(LEDGER, ())
    check_unused(state, new_administrators_keys(asked))
    check_was(ledger.administrators_since, asked.was)
    check_authority(len(asked.administrators), asked.authority, bool(ledger.pilot), "administrators_invalid")
    _check_named(state, asked, at.id)
    named = AdministratorsSet(asked.administrators, asked.authority)
    if len(NAMED_FORM.text(named)) > LINE:
        raise Refused("administrators_invalid", what=f"authority: the event's line is longer than {LINE} octets")
    return [named, *(KeyAdded(*new) for new in asked.new or ())]


def _check_named(state: State, asked: SetAdministrators, id: InstructionId) -> None:
    """Refuse holders that are named twice, or are neither administrators now nor new under an id of their own."""
    standing, new = set(administrators_of(state.row(LEDGER, ()))), [holder for holder, _ in asked.new or ()]
    if len(set(asked.administrators)) != len(asked.administrators) or len(set(new)) != len(new):
        raise Refused("administrators_invalid", what="administrators: one is named twice")
    if not set(asked.administrators) - standing == set(new):
        raise Refused(
            "administrators_invalid", what="new: exactly those who are no administrators yet, with their keys"
        )
    for holder in new:
        used = InstructionId(holder)
        if used == id or state.get(LOGGED, used) is not None or state.get(NAMED, used) is not None:
            raise Refused("administrators_invalid", what="new: an id that is in use; draw a new one")


def administrators_set(state: State, event: AdministratorsSet, at: At) -> None:
    """Evolve: the ledger's row, and the ids that were given."""
    ledger = state.row(LEDGER, ())
    for holder in set(event.administrators) - set(administrators_of(ledger)):
        state.put(NAMED, Named(InstructionId(holder), at.log_index))
    state.put(
        LEDGER,
        ledger._replace(
            administrators=ids_text(event.administrators),
            authority=authority_text(event.authority),
            administrators_since=at.log_index,
        ),
    )


def rows_of_administrators(asked: SetAdministrators, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The ids and the keyrings of the new, for the footprint."""
    new = [holder for holder, _ in asked.new or ()]
    ids: list[tuple[Noun[Any], Any]] = [(noun, holder) for noun in (LOGGED, NAMED) for holder in new]
    return [*authority_row(), *ids, *ring_rows(*new)]


# --- operator and clerk


def set_operator(state: State, asked: SetOperator, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the operator's new key, if nobody was faster."""
    ledger = state.row(LEDGER, ())
    check_unused(state, new_operators_key(asked))
    check_was(ledger.operator_since, asked.was)
    state.get(KEYS, ledger.operator)  # which evolve ends
    return [OperatorSet(asked.operator)]


def new_operators_key(asked: SetOperator) -> list[bytes]:
    """The key that a change of the operator's registers; it signs no instruction, so not this one."""
    return [asked.operator]


def operator_set(state: State, event: OperatorSet, at: At) -> None:
    """Evolve: the operator's key."""
    ledger = state.row(LEDGER, ())
    set_status(state, state.row(KEYS, ledger.operator), REPLACED)
    state.put(KEYS, Key(event.operator, None, at.log_index, at.log_index, LIVE))
    state.put(LEDGER, ledger._replace(operator=event.operator, operator_since=at.log_index))


def signed_with_clerk(state: State, asked: SetClerk, at: At, signers: frozenset[Signer]) -> frozenset[Signer]:
    """Who signs a change of the clerk's key: the administrators, and the new key."""
    used = by_authority(state, "set_clerk", signers)
    new = registered_clerk(asked, at.id)
    if not new <= signers:
        raise Refused("signatures_missing", needed="the clerk's new key")
    return used | new


def registered_clerk(asked: SetClerk, id: InstructionId) -> frozenset[Signer]:
    """The key that a change of the clerk's registers."""
    return frozenset((Signer(*asked.clerk),))


def new_clerks_key(asked: SetClerk) -> list[bytes]:
    """Every key that a change of the clerk's registers."""
    return [asked.clerk.key]


def set_clerk(state: State, asked: SetClerk, at: At, signers: frozenset[Signer]) -> list[Any]:
    """Decide: the clerk's new key, under the clerk's own id, if nobody was faster."""
    ledger = state.row(LEDGER, ())
    if asked.clerk.holder != ledger.clerk:
        raise Refused("holder_unknown")
    check_further(state, ledger.origin, asked.clerk.holder, asked.clerk.key)
    check_was(ledger.clerk_since, asked.was)
    return [ClerkSet(asked.clerk.holder, asked.clerk.key)]


def clerk_set(state: State, event: ClerkSet, at: At) -> None:
    """Evolve: one live key of the clerk's."""
    standing, ledger = keys_of(state, event.holder), state.row(LEDGER, ())
    register(state, Key(event.key, event.holder, at.log_index, at.log_index, LIVE))
    for key in standing:
        if key.status in ALIVE:
            set_status(state, key, REPLACED)
    state.put(LEDGER, ledger._replace(clerk_since=at.log_index))


def rows_of_clerk(asked: SetClerk, *_: Any) -> list[tuple[Noun[Any], Any]]:
    """The keyring that grows, for the footprint."""
    return ring_rows(asked.clerk.holder)
