"""Movements: an account's, for whoever may read it; all of the ledger's and what they come to, for those who govern or
audit it. One filter for all three."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, get_args

from flask import Response
from marshmallow import Schema, fields, validate

from ledger.ambient.turns import turns
from ledger.api import access, schemas
from ledger.api.accounts import readable_account
from ledger.api.cursors import Page
from ledger.api.edge import Routes, json_response, takes_query
from ledger.api.fields import Id, Matching, Some, Time, Whole
from ledger.api.served import served
from ledger.core.accounts import MovementKind
from ledger.core.words import MOST
from ledger.service import books
from ledger.store.movements import Filter

movements = Routes("movements", __name__, url_prefix="/v1/ledgers", description="Movements and their totals")


class OwnFilter(Schema):
    """Filters combine freely; `from` is included, `to` is not, amounts are."""

    start = Time(data_key="from")
    end = Time(data_key="to")
    payer = Id()
    payee = Id()
    kind = fields.String(validate=validate.OneOf(get_args(MovementKind)))
    purpose = Matching(r"[A-Z0-9]{4}", "an ISO 20022 purpose code, such as SUPP")
    min_amount = Whole(validate=validate.Range(0, MOST))
    max_amount = Whole(validate=validate.Range(0, MOST))


class AllFilter(OwnFilter):
    """Of the whole ledger, too: `account` is payer or payee, and so is an account of the class."""

    account = Id()
    class_ = Matching(r"[a-z][a-z0-9_]{0,31}", "a class of the policy `limits`", data_key="class")


class OwnQuery(schemas.Paged, OwnFilter):
    """A page of an account's movements."""


class AllQuery(schemas.Paged, AllFilter):
    """A page of the ledger's movements."""


class TotalsQuery(AllFilter):
    """Which movements to add up, and what for."""

    by = Some(books.BY, "a group for each month, kind, pair of classes; without it, no groups")


class Movement(Schema):
    """A movement."""

    id = fields.Raw(required=True, metadata={"type": "array", "description": "[id, n]"})
    log_index = fields.Integer(required=True)
    time = Time(required=True)
    payer = Id(required=True)
    payee = Id(required=True)
    amount = fields.Integer(required=True)
    kind = fields.String(required=True)
    purpose = fields.String(required=True, allow_none=True)
    of = fields.Raw(required=True, allow_none=True,
                    metadata={"type": "array", "description": "[id, n] of what it belongs to"})  # fmt: skip
    item = Id(required=True, allow_none=True)


class OwnMovement(Movement):
    """A movement as one of its two accounts sees it: `balance` is that account's, after it."""

    balance = fields.Integer(required=True)


class AnyMovement(Movement):
    """A movement as the ledger sees it, with the balance of each account after it."""

    payer_balance = fields.Integer(required=True)
    payee_balance = fields.Integer(required=True)


class OwnPage(schemas.Page):
    """Movements, newest first."""

    items = fields.List(fields.Nested(OwnMovement), required=True)


class AllPage(schemas.Page):
    """Movements, newest first."""

    items = fields.List(fields.Nested(AnyMovement), required=True)


class Group(Schema):
    """Movements that are alike in what was asked for. The class of a common account is null."""

    month = fields.String(metadata={"description": "2026-05, on the ledger's calendar"})
    kind = fields.String()
    payer_class = fields.String(allow_none=True)
    payee_class = fields.String(allow_none=True)
    count = fields.Integer(required=True)
    sum = fields.Integer(required=True)


class Totals(Schema):
    """How many movements there are, and the sum of their amounts, in the log of this size."""

    log_size = fields.Integer(required=True)
    count = fields.Integer(required=True)
    sum = fields.Integer(required=True)
    groups = fields.List(fields.Nested(Group), required=True)


@movements.route("/<ledger:ledger>/accounts/<id:id>/movements", methods=["GET"])
@movements.doc(security=[{"token": []}])
@movements.arguments(OwnQuery, location="query")
@movements.response(200, OwnPage)
@takes_query
def list_own(asked: dict[str, Any], ledger: str, id: bytes) -> Response:
    """An account's movements, newest first, for its member, those whom it lets read, administrators and auditors."""
    one = served(ledger)
    readable_account(one, id, access.reader(one))
    page, wanted = Page(one, asked, f"of {id.hex()}"), _filter(asked)
    with _searching(wanted):
        found = books.history(one.store, one.ledger_id, id, wanted, page.after, page.limit)
    return page.answer(found)


@movements.route("/<ledger:ledger>/movements", methods=["GET"])
@movements.doc(security=[{"token": []}])
@movements.arguments(AllQuery, location="query")
@movements.response(200, AllPage)
@takes_query
def list_all(asked: dict[str, Any], ledger: str) -> Response:
    """Every movement of the ledger, newest first, for administrators and auditors."""
    one = served(ledger)
    access.overseer(one)
    page, wanted = Page(one, asked, "movements"), _filter(asked)
    with _searching(wanted):
        found = books.list_movements(one.store, one.ledger_id, wanted, page.after, page.limit)
    return page.answer(found)


@movements.route("/<ledger:ledger>/movements/totals", methods=["GET"])
@movements.doc(security=[{"token": []}])
@movements.arguments(TotalsQuery, location="query")
@movements.response(200, Totals)
@takes_query
def show_totals(asked: dict[str, Any], ledger: str) -> Response:
    """How many movements there are, and what they sum to, by month, kind or class, for administrators and auditors."""
    one = served(ledger)
    access.overseer(one)
    with turns.searching():
        found = books.total_movements(one.store, one.ledger_id, _filter(asked), asked.get("by", ()))
    return json_response(found)


def _filter(asked: dict[str, Any]) -> Filter:
    return Filter(**{name: value for name, value in asked.items() if name in Filter._fields})


def _searching(wanted: Filter) -> AbstractContextManager[None]:
    """A filter may pass every movement there is; without one a page is read, and no more."""
    return turns.searching() if any(value is not None for value in wanted) else nullcontext()
