"""What speaks against a signature, as far as the text tells, and the ledger, if it is at hand: said before it is handed
on. Nothing is refused for it: whoever decides looks again.
"""

from collections.abc import Collection
from typing import Any

from cli.ledgers import LedgerInfo
from cli.parts import parts_of
from cli.session import Session, Signing
from ledger.client.gathering import Gathering
from ledger.client.http import ServerError
from ledger.client.outcomes import Unknown
from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.keys import ALIVE, BARRED
from ledger.core.machine import BY_KIND, MONTH
from ledger.core.offices import SetAdministrators
from ledger.core.transfers import Transfer, TransferMany
from ledger.log import keys
from ledger.store.errors import StoreError, Unavailable


def ledger_at_hand(session: Session, origin: str) -> LedgerInfo | None:
    """The ledger that a text is for, where the settings lead to it; None where they lead nowhere, or to another."""
    try:
        info = session.info
    except (StoreError, Unavailable, Unknown, ServerError):
        return None
    return info if info.origin == origin else None


def doubts(session: Session, info: LedgerInfo | None, gathering: Gathering, signer: Signing) -> list[str]:
    """Sentences, without their points; none where all is well."""
    public = keys.public_of(signer.seed)
    if gathering.registers().get(public) == signer.holder:
        return []
    if info is None:
        return _without_part(_named(gathering, None), signer)
    try:
        session.log_in_as(signer)
        said = _of_key(session.holder(signer.holder.hex()), info, gathering, signer)
        return said or _without_part(_signs(session, info, gathering, signer), signer)
    except ServerError as error:
        return [f"holder {signer.holder.hex()}, key {info.key_id(signer.holder, public)}: {str(error).rstrip('.')}"]


def _without_part(may: Collection[bytes] | None, signer: Signing) -> list[str]:
    if may is None or signer.holder in may:
        return []
    return [f"holder {signer.holder.hex()} has no part in this instruction, which would be refused with its signature"]


def _of_key(holder: dict[str, Any], info: LedgerInfo, gathering: Gathering, signer: Signing) -> list[str]:
    """Whether the key is the holder's and counts."""
    status = {keys.decode(key["public"]): key["status"] for key in holder["keys"]}
    alive = (*ALIVE, BARRED) if gathering.kind == "veto" else ALIVE
    public = keys.public_of(signer.seed)
    if status.get(public) in alive:
        return []
    live = [info.key_id(signer.holder, key) for key, now in status.items() if now in ALIVE]
    what = f"is {status[public]}" if public in status else f"is none of holder {signer.holder.hex()}"
    return [f"the key {info.key_id(signer.holder, public)} {what}; live: {', '.join(live) or 'none'}"]


# --- who has a part


def _named(gathering: Gathering, info: LedgerInfo | None) -> set[bytes] | None:
    """The holders that can sign a text; None where only a look at the accounts tells."""
    asked, _ = gathering.read()
    named = {part.holder for part in parts_of(gathering)}
    if gathering.kind == "genesis":
        return named
    if BY_KIND[gathering.kind].window != MONTH:
        return named or None
    if info is None:
        return None
    to_be = set(asked.administrators) if isinstance(asked, SetAdministrators) else set()
    return named | to_be | set(info.administrators)


def _signs(session: Session, info: LedgerInfo, gathering: Gathering, signer: Signing) -> Collection[bytes] | None:
    """The same; of what concerns an account, the signer alone, if it may act for it."""
    asked, _ = gathering.read()
    if isinstance(asked, Transfer | TransferMany):
        return [signer.holder] if _may_pay(session, asked.payer, gathering.kind, signer) else []
    if isinstance(asked, GiveGrant | EndGrant):
        found = _account(session, asked.account)
        return [bytes.fromhex(found["member"])] if found and found["member"] else []
    return _named(gathering, info)


def _may_pay(session: Session, account: bytes, kind: str, signer: Signing) -> bool:
    """Whether the signer is the account's member, has a grant for it, or is its member's custodian."""
    own, found = signer.holder.hex(), _account(session, account)
    if found and found["member"] == own:
        return True
    grants = [one for one in session.holder(own)["grants"] if one["account"] == account.hex() and one["stands"]]
    if grants:
        return any(kind in one["kinds"] for one in grants)
    return found is not None and _has_custody(session, found["member"], own)


def _has_custody(session: Session, member: str | None, holder: str) -> bool:
    """Over HTTP a custodian is shown its member's accounts, but not the member: then the account speaks for it."""
    if member is None:
        return False
    try:
        facts = session.holder(member)["facts"]
    except ServerError:
        return True
    return bool(facts) and facts["custodian"] == holder


def _account(session: Session, id: bytes) -> dict[str, Any] | None:
    try:
        return session.account(id.hex())
    except ServerError:
        return None
