"""Who has a part in an instruction, and must still sign it: as far as its text tells, and the ledger, if there is one.

Whether a signature counts is for whoever decides; this says whom to ask next.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from cli.ledgers import LedgerInfo
from ledger.client.gathering import Gathering
from ledger.core.erasures import Erase
from ledger.core.keyrings import AddKey, RevokeKey, RotateKey
from ledger.core.ledgers import LedgerOpened
from ledger.core.members import Admit
from ledger.core.offices import SetAdministrators
from ledger.core.recoveries import Veto


class Part(NamedTuple):
    """A holder that signs, and what it is in the text; by this key, or by any `but` one, where the text says so."""

    who: str
    holder: bytes
    key: bytes | None = None
    but: bytes | None = None


REGISTERED = {
    "admit": "the new member",
    "register_holder": "the new holder",
    "set_administrators": "the new administrator",
    "set_clerk": "the clerk's new key,",
}


def lacking(info: LedgerInfo | None, gathering: Gathering) -> list[str]:
    """Who must still sign, in words. Without a ledger, what the text alone tells."""
    missing = [f"{who} {holder.hex()}" for who, holder, key, but in parts_of(gathering)
               if not gathering.has_line_of(holder, key, but)]  # fmt: skip
    if info is not None:
        missing += _too_few(gathering, info.administrators, info.needed(gathering.kind), "administrators")
    asked, _ = gathering.read()
    if isinstance(asked, SetAdministrators):
        missing += _too_few(gathering, asked.administrators, needed_of_new(asked), "administrators to be")
    return missing


def needed_of_new(asked: SetAdministrators) -> int:
    """How many of the new administrators a change of them needs."""
    authority = dict(asked.authority)
    quorum = authority.get("set_administrators") or authority.get("any")
    return quorum.k if quorum else 0


def _too_few(gathering: Gathering, holders: Collection[bytes], needed: int, what: str) -> list[str]:
    left = [holder.hex() for holder in holders if not gathering.has_line_of(holder)]
    short = needed - (len(holders) - len(left))
    return [f"{short} more of the {what} {', '.join(left)}"] if short > 0 else []


def parts_of(gathering: Gathering) -> Iterator[Part]:
    """Those whom the text itself names or gives a key; all of them sign it."""
    asked, _ = gathering.read()
    if isinstance(asked, LedgerOpened):
        yield from (Part("administrator", one.holder, one.key) for one in asked.administrators)
        yield Part("clerk", *asked.clerk)
        return
    who = REGISTERED.get(gathering.kind, "the new key of")
    yield from (Part(who, holder, key) for key, holder in gathering.registers().items())
    if isinstance(asked, AddKey | RotateKey):
        yield Part("a live key of", asked.holder, but=asked.key)
    if isinstance(asked, RevokeKey | Veto):
        yield Part("a key of", asked.holder)
    if isinstance(asked, Admit) and asked.custodian:
        yield Part("the custodian", asked.custodian)
    if isinstance(asked, Erase):
        yield Part("the auditor", asked.auditor)
