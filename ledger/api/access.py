"""Who asks: the bearer token of a request, and the login that gives one out.

A login is a note as an instruction's (docs/formats.md, Login) over a nonce that the client draws:

    comarca/login@v1
    ledger.example/solana
    {"nonce":"mJ1qX0...","not_after":1795003856}

signed by exactly one holder. A nonce counts once; the note is good for 300 s before `not_after`.

What a token is good for is its scopes, all that its holder may have unless the login asks for fewer: a till that only
previews needs no token that reads. A scope never gives what its holder may not do by its role in the ledger.
"""

import secrets
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from flask import request

from ledger.api.limits import charge_holder, charge_login, check_holder
from ledger.api.problems import Problem, of_refusal
from ledger.api.served import Served, served
from ledger.core.forms import BadForm, Form
from ledger.core.refusals import Refusal
from ledger.core.words import HolderId, Pattern, Time
from ledger.log import instruction, keys
from ledger.log.malformed import Malformed
from ledger.store import logins
from ledger.store.logins import Nonce, Reader, Token

WINDOW_S = 300  # how long before `not_after` a login is accepted
LIFE_S = 3600  # how long a token is good for
SCOPES = {
    "read": "read what is one's own: accounts, movements, receipts, the stream",
    "preview": "prepare and preview instructions",
    "administer": "read and preview as an administrator; given to administrators alone",
    "audit": "read every account and entry, without personal data; given to registered auditors alone",
}
BEARER = {"WWW-Authenticate": "Bearer"}


class Login(NamedTuple):
    """The object of a login: at least 16 characters, so that no two clients draw the same, and its end."""

    nonce: Annotated[str, Pattern(r"[0-9A-Za-z+/=_.-]{16,128}")]
    not_after: Time


LOGIN = Form(Login)


def log_in(served: Served, octets: bytes, wanted: Sequence[str] | None = None) -> Token:
    """A fresh token for the holder who signed the login, with the scopes that are wanted, or all that the holder may
    have; raises Problem."""
    sent, login = _read(served, octets)
    holder, public = _check_signature(served, sent)
    now = int(served.clock())
    _check_time(login, now)
    if not logins.is_live(served.store, served.ledger_id, public):
        raise of_refusal(Refusal("key_dead", {"holder": holder.hex()}))
    scopes = " ".join(_scopes(served, holder, wanted))
    token = Token(secrets.token_urlsafe(32), holder, public, scopes, now + LIFE_S)
    nonce = Nonce(holder, login.nonce, login.not_after + 1)
    check_holder(holder)
    if not logins.log_in(served.store, served.ledger_id, nonce, token, now):
        raise Problem("nonce_used")
    charge_login(holder)
    return token


def _scopes(served: Served, holder: HolderId, wanted: Sequence[str] | None) -> list[str]:
    """The scopes of a new token, in the order of the table."""
    may = ["read", "preview"]
    if holder in logins.administrators(served.store, served.ledger_id):
        may.append("administer")
    if logins.role(served.store, served.ledger_id, holder) == "auditor":
        may.append("audit")
    for scope in wanted or ():
        if scope not in may:
            raise _scope_missing(scope)
    return [scope for scope in may if wanted is None or scope in wanted]


def _scope_missing(scope: str) -> Problem:
    """RFC 6750 section 3.1."""
    return Problem("scope_missing", {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                   scope=scope)  # fmt: skip


def _read(served: Served, octets: bytes) -> tuple[instruction.Submission, Login]:
    try:
        sent = instruction.parse_login(octets)
        if sent.origin != served.origin:
            raise Malformed(f"the origin is {sent.origin!r}, and this ledger's is {served.origin!r}")
        if len(sent.signatures) != 1:
            raise Malformed("exactly one signature line logs in")
        login, _ = LOGIN.read(sent.object)
    except (Malformed, BadForm) as error:
        raise of_refusal(Refusal("malformed", {"what": str(error)})) from error
    return sent, login


def _check_signature(served: Served, sent: instruction.Submission) -> tuple[HolderId, bytes]:
    line = sent.signatures[0]
    holder = HolderId(bytes.fromhex(line.name[-32:]))
    public = served.door.lookups.key_of(holder, line.key_id)
    if public is None or not keys.verify(public, line.signature, sent.text):
        raise of_refusal(Refusal("signature_invalid", {"name": line.name}))
    return holder, public


def _check_time(login: Login, now: int) -> None:
    figures = {"not_after": login.not_after, "time": now}
    if now > login.not_after:
        raise of_refusal(Refusal("expired", figures))
    if now < login.not_after - WINDOW_S:
        raise of_refusal(Refusal("not_yet_valid", {**figures, "window": WINDOW_S}))


def reader(served: Served, scope: str = "read") -> Reader:
    """Who asks; raises Problem where the request has no good token, or one without this scope."""
    found = reader_if_any(served, scope)
    if found is None:
        raise Problem("token_missing", BEARER)
    return found


def reader_if_any(served: Served, scope: str = "read") -> Reader | None:
    """Who asks, or None where the request carries no token. A bad one is refused, never ignored."""
    if "Authorization" not in request.headers:
        return None
    found = known(served, _secret())
    if found is None:
        raise Problem("token_invalid", BEARER)
    charge_holder(found.holder)
    if scope not in found.scopes.split():
        raise _scope_missing(scope)
    return found


def overseer(served: Served) -> Reader:
    """Who asks for what belongs to all: an administrator or an auditor, as such; raises Problem on anyone else."""
    found = reader(served)
    if not found.reads_all:
        raise _scope_missing("administer")
    return found


def by_token() -> bool:
    """Whether the request has a token that counts where it asks; its holder is charged. Raises Problem on another."""
    name = (request.view_args or {}).get("ledger")
    if name is None or "Authorization" not in request.headers:
        return False
    found = known(served(name), _secret())
    if found is None:
        raise Problem("token_invalid", BEARER)
    charge_holder(found.holder)
    return True


def _secret() -> str:
    sent = request.authorization
    return (sent.token or "") if sent is not None and sent.type == "bearer" else ""


def known(served: Served, secret: str) -> Reader | None:
    """Whose token this is, or None where it counts no more. Administrators and auditors read as such by scope alone."""
    if not secret or not secret.isascii():
        return None
    found = logins.reader_of(served.store, served.ledger_id, secret, int(served.clock()))
    if found is None:
        return None
    scopes = found.scopes.split()
    return found._replace(
        is_administrator=found.is_administrator and "administer" in scopes,
        is_auditor=found.is_auditor and "audit" in scopes,
    )


def log_out(served: Served, everywhere: bool) -> None:
    """End the token that the request carries, or with it every other of its holder's; raises Problem."""
    secret = _secret()
    found = known(served, secret)
    if found is None:
        raise Problem("token_invalid" if "Authorization" in request.headers else "token_missing", BEARER)
    if everywhere:
        logins.revoke_all(served.store, served.ledger_id, found.holder)
    else:
        logins.revoke(served.store, served.ledger_id, secret)
