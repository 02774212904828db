"""Members: all of them with their accounts, for those who govern or audit the ledger."""

from typing import Any, get_args

from flask import Response
from marshmallow import Schema, fields, validate

from ledger.api import access, schemas
from ledger.api.accounts import Position
from ledger.api.cursors import Page
from ledger.api.edge import Routes, takes_query
from ledger.api.fields import Id, Matching, Truth
from ledger.api.served import served
from ledger.core.members import MemberKind
from ledger.core.words import Status
from ledger.service import books
from ledger.store.listings import MemberFilter

members = Routes("members", __name__, url_prefix="/v1/ledgers", description="Members and their accounts")


class MembersQuery(schemas.Paged):
    """Filters combine freely. `class` and `status` are those of an account: of one, where both are given."""

    kind = fields.String(validate=validate.OneOf(get_args(MemberKind)))
    place = Matching(r"[A-Z]{2}/[A-Za-z0-9]{1,12}", "country and LAU code, such as ES/08215")
    inside = Truth()
    sse = Truth()
    sector = Matching(r"[a-z0-9.]{1,16}/[A-Za-z0-9.]{1,16}", "such as nace2.1/10.71")
    class_ = Matching(r"[a-z][a-z0-9_]{0,31}", "a class of the policy `limits`", data_key="class")
    status = fields.String(validate=validate.OneOf(get_args(Status)))


class Facts(Schema):
    """What rules and figures need to know of a member."""

    kind = fields.String(required=True)
    inside = fields.Boolean(required=True)
    sse = fields.Boolean(required=True)
    place = fields.String(required=True)
    sector = fields.String(required=True, allow_none=True)
    beneficiary = Id(required=True, allow_none=True)


class Member(Schema):
    """A member. `name` is what its profile says: null where none is kept, and for auditors. `admitted` and
    `facts_since` are log indexes."""

    id = Id(required=True)
    name = fields.String(required=True, allow_none=True)
    facts = fields.Nested(Facts, required=True)
    facts_since = fields.Integer(required=True)
    admitted = fields.Integer(required=True)
    custodian = Id(required=True, allow_none=True)
    accounts = fields.List(fields.Nested(Position), required=True)


class MemberPage(schemas.Page):
    """Members in the order of admission."""

    items = fields.List(fields.Nested(Member), required=True)


@members.route("/<ledger:ledger>/members", methods=["GET"])
@members.doc(security=[{"token": []}])
@members.arguments(MembersQuery, location="query")
@members.response(200, MemberPage)
@takes_query
def list_members(asked: dict[str, Any], ledger: str) -> Response:
    """The members with their accounts, in the order of admission, for administrators; for auditors without names."""
    one = served(ledger)
    reader = access.overseer(one)
    page = Page(one, asked, "members")
    wanted = MemberFilter(**{name: value for name, value in asked.items() if name in MemberFilter._fields})
    found = books.list_members(one.store, one.ledger_id, wanted, page.after, page.limit, names=reader.is_administrator)
    return page.answer(found)
