"""Before signing: `prepare` writes the text that is signed, `preview` says what it would come to now.

Both answer to a token of the scope `preview`, and write nothing. A preview that is refused is answered with the very
problem and status that the submission would get.
"""

import binascii
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate

from ledger.api import access
from ledger.api.edge import JSON, TEXT, Routes, body, body_type, json_body, json_response
from ledger.api.fields import Id, Said, Time
from ledger.api.grammar import asks, mapping
from ledger.api.problems import Problem, of_refusal
from ledger.api.served import Served, served
from ledger.api.submitting import SUBMISSION_MOST
from ledger.core.forms import BadForm
from ledger.core.refusals import Refusal
from ledger.core.words import Anchor, HolderId
from ledger.log import checkpoint
from ledger.log.instruction import Signed
from ledger.service.preparing import PREPARED, Around, Ask, prepare
from ledger.service.preview import Asking, Previewed, ToldEnough, plain, preview
from ledger.service.wording import terms_of
from ledger.store import queries
from ledger.store.errors import Unavailable
from ledger.store.queries import Info

ASK_MOST = 4 * 1024 * 1024  # octets of what is asked: 4,096 legs, with room for spaces

drafting = Routes("drafting", __name__, url_prefix="/v1/ledgers", description="Before signing")


class AskSchema(Schema):
    """What is wanted, as far as it is the same for every kind; `fields` are the kind's own to read."""

    kind = fields.String(required=True, validate=validate.OneOf(PREPARED))
    wanted = fields.Dict(required=True, data_key="fields")
    valid_s = fields.Integer(strict=True)


class Draft(Schema):
    """The text to sign, octet by octet, and the salted lines that go with it; what was filled in; what it will do."""

    kind = fields.String(required=True)
    id = Id(required=True)
    not_after = Time(required=True)
    anchor = fields.Function(lambda draft: [draft.anchor.size, _base64(draft.anchor.root)], required=True,
                             metadata={"type": "array", "description": "size and root"})  # fmt: skip
    text = fields.Function(lambda draft: draft.text.decode(), required=True, metadata={"type": "string"})
    salted = fields.Function(lambda draft: [line.decode() for line in draft.salted], required=True,
                             metadata={"type": "array", "items": {"type": "string"}})  # fmt: skip
    words = fields.List(fields.String(), required=True)


class AccountAfter(Schema):
    """An account of the reader's own, as it would stand after."""

    id = Said(required=True, metadata=Id.said)
    balance = fields.Integer(required=True)
    held = fields.Integer(required=True)
    available = fields.Integer(required=True)


class PreviewSchema(Schema):
    """What the submission would be answered: 201, or 200 where the same text is in the log at `log_index`."""

    status = fields.Integer(required=True)
    log_index = fields.Integer(required=True)
    time = Time(required=True, allow_none=True)
    words = fields.List(fields.String(), required=True)
    events = fields.List(fields.Dict(), required=True)
    accounts = fields.List(fields.Nested(AccountAfter), required=True)


def _base64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode()


# --- prepare


@drafting.route("/<ledger:ledger>/instructions/prepare", methods=["POST"])
@drafting.doc(security=[{"token": []}], requestBody={"required": True, "content": {
    JSON: {"schema": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in asks()],
                      "discriminator": {"propertyName": "kind", "mapping": mapping()}}}}})  # fmt: skip
@drafting.response(200, Draft)
def prepare_instruction(ledger: str) -> Any:
    """The exact text to sign for what is asked in plain JSON, with id, validity, anchor and salts filled in, and in
    words what signing it will do."""
    one = served(ledger)
    access.reader(one, "preview")
    body_type(JSON)
    ask = _ask(json_body(ASK_MOST))
    info = _info(one)
    _, note = one.checkpoint()
    latest = checkpoint.parse(note)
    around = Around(
        one.origin, terms_of(info.ledger), Anchor(latest.size, latest.root), max(info.head.time, int(one.clock()))
    )
    try:
        return prepare(ask, around)
    except BadForm as error:
        raise Problem("body_invalid", what=str(error)) from error


def _ask(said: Any) -> Ask:
    try:
        loaded: dict[str, Any] = AskSchema().load(said)
    except ValidationError as error:
        raise Problem("body_invalid", fields=error.messages) from error
    return Ask(loaded["kind"], loaded["wanted"], loaded.get("valid_s"))


def _info(one: Served) -> Info:
    info = queries.info(one.store, one.ledger_id)
    if info is None:
        raise Unavailable("the genesis is not logged yet")
    return info


# --- preview


@drafting.route("/<ledger:ledger>/instructions/preview", methods=["POST"])
@drafting.doc(security=[{"token": []}], requestBody={"required": True, "content": {TEXT: {
    "schema": {"type": "string"}}}})  # fmt: skip
@drafting.response(200, PreviewSchema)
def preview_instruction(ledger: str) -> Response:
    """What a text without signature lines, and its salted lines, would come to if all who must had signed it; nothing
    is written. Where the submission would be refused, its very problem."""
    one = served(ledger)
    reader = access.reader(one, "preview")
    body_type(TEXT)
    if why := one.trouble():
        raise Problem("not_ready", {"Retry-After": "5"}, what=why)
    asking = Asking(HolderId(reader.holder), reader.is_administrator, int(one.clock()))
    found = _previewed(one, body(SUBMISSION_MOST), asking)
    return json_response(PreviewSchema().dump(plain(_info(one).ledger, found)))


def _previewed(one: Served, octets: bytes, asking: Asking) -> Previewed:
    try:
        found = preview(one.door, octets, asking)
    except Signed as error:
        raise Problem("already_signed") from error
    except ToldEnough as error:
        raise Problem("told_enough", {"Retry-After": str(error.wait_s)}) from error
    refusal = found.outcome if isinstance(found, Previewed) else found
    if isinstance(refusal, Refusal):
        raise of_refusal(refusal)
    assert isinstance(found, Previewed)
    return found
