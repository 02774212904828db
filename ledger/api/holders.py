"""What the ledger knows of a holder, for itself and for those who govern; and a holder's own data, all of it."""

from collections.abc import Iterator
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields

from ledger.api import access, schemas
from ledger.api.cursors import Page
from ledger.api.edge import JSON, Routes, json_response, takes_query
from ledger.api.problems import Problem
from ledger.api.served import served
from ledger.api.streaming import Place
from ledger.service import books
from ledger.service.own_data import export, granted, holder_facts
from ledger.store import personal
from ledger.store.logins import Reader

holders = Routes("holders", __name__, url_prefix="/v1/ledgers", description="Holders and their own data")
PIECE = 16 * 1024  # characters sent at once


class Holder(Schema):
    """A holder. `profile` is null where none is kept, and for auditors; `facts` where it is no member."""

    id = fields.String(required=True)
    role = fields.String(required=True, allow_none=True)
    profile = fields.Dict(required=True, allow_none=True, metadata={"description": "text, log_index"})
    facts = fields.Dict(required=True, allow_none=True)
    keys = fields.List(fields.Dict(), required=True)
    recovery = fields.Dict(required=True, allow_none=True, metadata={"description": "the latest"})


class HolderWithGrants(Holder):
    """A holder, the grants that it has, and those over its accounts."""

    grants = fields.List(fields.Dict(), required=True)


class Export(Schema):
    """Everything of one holder: docs/personal-data.md. It is whole where it ends with `complete`."""

    export = fields.String(required=True)
    ledger = fields.Dict(required=True)
    holder = fields.Nested(Holder, required=True)
    accounts = fields.List(fields.Dict(), required=True)
    grants = fields.List(fields.Dict(), required=True)
    logins = fields.List(fields.Dict(), required=True)
    movements = fields.List(fields.Dict(), required=True)
    entries = fields.List(fields.Dict(), required=True)
    complete = fields.Boolean(required=True)


class Registered(Schema):
    """A registered holder. `name` is what its profile says: null where none is kept, and for auditors; `since` is a log
    index."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    role = fields.String(required=True)
    since = fields.Integer(required=True)


class RegisteredPage(schemas.Page):
    """Registered holders in the order of registration."""

    items = fields.List(fields.Nested(Registered), required=True)


@holders.route("/<ledger:ledger>/holders", methods=["GET"])
@holders.doc(security=[{"token": []}])
@holders.arguments(schemas.Paged, location="query")
@holders.response(200, RegisteredPage)
@takes_query
def list_holders(asked: dict[str, Any], ledger: str) -> Response:
    """The registered holders (delegates, custodians, auditors, the bank) in the order of registration, for
    administrators; for auditors without names."""
    one = served(ledger)
    reader = access.overseer(one)
    page = Page(one, asked, "holders")
    found = books.list_holders(one.store, one.ledger_id, page.after, page.limit, names=reader.is_administrator)
    return page.answer(found)


@holders.route("/<ledger:ledger>/holders/<id:id>", methods=["GET"])
@holders.doc(security=[{"token": []}])
@holders.response(200, HolderWithGrants)
def show_holder(ledger: str, id: bytes) -> Response:
    """A holder's profile, facts, keys, recovery and grants, for itself and for administrators; for auditors without the
    profile."""
    one = served(ledger)
    reader = access.reader(one)
    found = personal.holder(one.store, one.ledger_id, id) if _may_see(reader, id) else None
    if found is None:
        raise Problem("not_found")
    hidden = reader.holder != id and not reader.is_administrator
    shown = holder_facts(found._replace(profile=None) if hidden else found)
    return json_response({**shown, "grants": granted(one.store, one.ledger_id, id)})


def _may_see(reader: Reader, id: bytes) -> bool:
    return reader.holder == id or reader.reads_all


@holders.route("/<ledger:ledger>/holders/<id:id>/export", methods=["GET"])
@holders.doc(security=[{"token": []}])
@holders.response(200, Export)
def export_holder(ledger: str, id: bytes) -> Response:
    """All that this ledger keeps of the holder who asks: profile, facts, keys, accounts, grants, movements, and a
    receipt of each entry that concerns it. For the holder alone."""
    one = served(ledger)
    reader = access.reader(one)
    if reader.holder != id:
        raise Problem("not_found")
    response = Response(content_type=JSON, headers={"Content-Disposition": f'attachment; filename="{id.hex()}.json"'})
    if request.method != "HEAD":
        place = Place(one, id)  # it looks through the whole log: as many at once as streams
        response.response = _in_pieces(export(one.receipts, id, one.checkpoint()[1]))
        response.call_on_close(place.leave)
    return response


def _in_pieces(parts: Iterator[str]) -> Iterator[bytes]:
    """Fewer and larger pieces: each is a system call and a chunk of HTTP."""
    gathered: list[str] = []
    length = 0
    for part in parts:
        gathered.append(part)
        length += len(part)
        if length >= PIECE:
            yield "".join(gathered).encode()
            gathered, length = [], 0
    yield "".join(gathered).encode()
