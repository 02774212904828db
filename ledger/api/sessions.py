"""Tokens: given out for a signed login, ended by whoever holds them. Nothing lists them: they are kept as hashes."""

from typing import Any

from flask import Response
from marshmallow import Schema

from ledger.api import access, schemas
from ledger.api.edge import TEXT, Routes, body, body_type, takes_query
from ledger.api.fields import Some
from ledger.api.served import served
from ledger.store.logins import Token

LOGIN_MOST = 4096  # octets of a login note
sessions = Routes("sessions", __name__, url_prefix="/v1/ledgers", description="Logging in and out")


class LoginQuery(Schema):
    """Which scopes the token is to have; without it, all that its holder may have."""

    scopes = Some(access.SCOPES, "; ".join(map(": ".join, access.SCOPES.items())))


@sessions.route("/<ledger:ledger>/tokens", methods=["POST"])
@sessions.doc(requestBody={"required": True, "content": {TEXT: {"schema": {"type": "string"}}}})
@sessions.arguments(LoginQuery, location="query")
@sessions.response(201, schemas.Token)
@takes_query
def log_in(asked: dict[str, Any], ledger: str) -> Token:
    """A bearer token for the holder who signed a login note over a nonce of its own."""
    one = served(ledger)
    body_type(TEXT)
    return access.log_in(one, body(LOGIN_MOST), asked.get("scopes"))


@sessions.route("/<ledger:ledger>/tokens", methods=["DELETE"])
@sessions.doc(security=[{"token": []}])
@sessions.response(204, description="None of them counts any more")
def log_out_everywhere(ledger: str) -> Response:
    """End every token of the holder whose token this is: after a loss."""
    access.log_out(served(ledger), everywhere=True)
    return Response(status=204)


@sessions.route("/<ledger:ledger>/tokens/current", methods=["DELETE"])
@sessions.doc(security=[{"token": []}])
@sessions.response(204, description="It counts no more")
def log_out(ledger: str) -> Response:
    """End the token that the request carries."""
    access.log_out(served(ledger), everywhere=False)
    return Response(status=204)
