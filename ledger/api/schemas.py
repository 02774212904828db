"""Schemas: what goes in and out at the edge. They check queries, write answers, and are the OpenAPI document."""

from typing import Any

from marshmallow import Schema, fields, validate

from ledger.api.fields import Id, Octets, Time, Whole
from ledger.core.words import SAFE

MOST = 500  # items of a page
PAGE = 50  # items of a page where the query says nothing


class Problem(Schema):
    """RFC 9457, with our reason, the figures compared, and what would help."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    reason = fields.String(required=True)
    details = fields.Dict(required=True)
    remedy = fields.String(required=True)


class Paged(Schema):
    """What every list takes."""

    limit = Whole(load_default=PAGE, validate=validate.Range(1, MOST))
    cursor = fields.String(validate=validate.Length(max=64))


class Page(Schema):
    """What every list answers beside its items."""

    next = fields.String(required=True, allow_none=True, metadata={"description": "cursor of the page after, or null"})


class EntriesQuery(Paged):
    """Which entries: from a log index on, in log order."""

    start = Whole(load_default=0, data_key="from", validate=validate.Range(0, SAFE))


class StreamQuery(Schema):
    """Where a stream begins: a log index; without it, what is logged from now on."""

    start = Whole(load_default=None, data_key="from", validate=validate.Range(0, SAFE))


class Unit(Schema):
    """What the ledger counts: amounts are integers of 10**-scale units."""

    code = fields.String(attribute="unit_code", required=True)
    name = fields.String(attribute="unit_name", required=True)
    scale = fields.Integer(attribute="unit_scale", required=True)
    parity = fields.Raw(required=True, allow_none=True)


class LedgerBrief(Schema):
    """A ledger in the list of those served here."""

    name = fields.String(required=True)
    origin = fields.String(required=True)
    identity = Octets(required=True, metadata={"description": "the root at size 1, in base64"})
    log_size = fields.Integer(required=True)
    time = Time(required=True, metadata={"description": "of the last entry"})
    unit = fields.Nested(Unit, required=True)


class Ledger(LedgerBrief):
    """A ledger: what its genesis fixed and the policies in force. All of it is public."""

    verifier_keys = fields.List(fields.String(), required=True, metadata={"description": "C2SP signed-note keys"})
    territory = fields.Dict(required=True)
    backing = fields.String(required=True)
    utc_offset = fields.Integer(required=True, metadata={"description": "minutes"})
    administrators = fields.List(fields.String(), required=True)
    authority = fields.Dict(required=True)
    administrators_since = fields.Integer(required=True, metadata={"description": "log index, as the other two"})
    operator_since = fields.Integer(required=True)
    clerk = Id(required=True)
    clerk_since = fields.Integer(required=True)
    common = fields.Dict(required=True, metadata={"description": "common accounts by their words"})
    losses_cap = fields.Integer(required=True)
    pilot = fields.Boolean(required=True)
    charter = Octets(required=True, allow_none=True)
    predecessor = fields.Raw(required=True, allow_none=True)
    policies = fields.Dict(required=True, metadata={"description": "feature: {body, since}"})


class LedgerPage(Page):
    """The ledgers served here."""

    items = fields.List(fields.Nested(LedgerBrief), required=True)


class Token(Schema):
    """A bearer token."""

    token = fields.String(attribute="secret", required=True)
    expires = Time(required=True)
    holder = Id(required=True)
    scopes = fields.Function(lambda token: token.scopes.split(), required=True,
                             metadata={"type": "array", "items": {"type": "string"}})  # fmt: skip


class Receipt(Schema):
    """docs/formats.md, Receipt; for a reader who is no party, the log index and the entry alone."""

    receipt = fields.String()
    checkpoint = fields.String()
    entry = fields.Dict(required=True)
    legs = fields.List(fields.Dict())
    texts = fields.List(fields.Dict())
    events = fields.List(fields.Dict())
    keys = fields.List(fields.Dict())


class Entry(Schema):
    """An entry: its public lines, a c2sp.org/tlog-proof@v1; note and event lines of a kind that everybody may read;
    for a party its receipt."""

    log_index = fields.Integer(required=True)
    entry = fields.String(required=True)
    proof = fields.String(required=True)
    note = fields.String()
    events = fields.List(fields.String())
    receipt = fields.Nested(Receipt)


class PublicLine(Schema):
    """An entry's public lines: the Merkle leaf."""

    log_index = fields.Integer(required=True)
    entry = fields.String(required=True)


class EntryPage(Page):
    """Public lines in log order; `next` is null at the end of what is signed."""

    items = fields.List(fields.Nested(PublicLine), required=True)


class Submissions(Schema):
    """Many submissions, each with its own outcome."""

    instructions = fields.List(fields.String(), required=True)


class Outcome(Schema):
    """What one of many came to: a receipt (or the entry, for a repeat by others) or a problem."""

    status = fields.Integer(required=True)
    receipt = fields.Nested(Receipt)
    problem = fields.Nested(Problem)


class Outcomes(Schema):
    """One outcome a submission, in order."""

    outcomes = fields.List(fields.Nested(Outcome), required=True)


class Health(Schema):
    """In words, by ledger, what is wrong; `ok` where nothing is."""

    status = fields.String(required=True)
    ledgers = fields.Dict()


def page(items: list[Any], following: str | None) -> dict[str, Any]:
    """A page and the cursor of the one after."""
    return {"items": items, "next": following}
