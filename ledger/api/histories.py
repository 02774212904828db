"""Histories: what an account's limits and status, a member's facts and the policies have been, who set them and why."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from ledger.api import access, schemas
from ledger.api.accounts import readable_account
from ledger.api.cursors import Page
from ledger.api.edge import Routes, public, takes_query
from ledger.api.fields import Id, Time
from ledger.api.problems import Problem
from ledger.api.served import Served, served
from ledger.core.changes import FACTS, LIMITS, POLICY, STATUS
from ledger.core.ledgers import FEATURES
from ledger.service.histories import list_changes
from ledger.store import personal, queries

histories = Routes("histories", __name__, url_prefix="/v1/ledgers", description="What stood when, and who set it")


class PoliciesQuery(schemas.Paged):
    """Which policies: those of one feature, or all."""

    feature = fields.String(validate=validate.OneOf(sorted(FEATURES)))


class Change(Schema):
    """An entry that set something. `signers` are holders, null once the note is erased; `reason` is null where none was
    given, or is kept, or is for this reader to see; `before` where this was the first."""

    log_index = fields.Integer(required=True)
    time = Time(required=True)
    id = Id(required=True, metadata={"description": "of the instruction"})
    kind = fields.String(required=True)
    signers = fields.List(fields.String(), required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)


class Limits(Schema):
    """In minor units."""

    floor = fields.Integer(required=True)
    ceiling = fields.Integer(required=True)


class LimitsChange(Change):
    """An entry that set an account's limits."""

    before = fields.Nested(Limits, required=True, allow_none=True)
    after = fields.Nested(Limits, required=True)


class StatusChange(Change):
    """An entry that set an account's status: open, suspended, closed."""

    before = fields.String(required=True, allow_none=True)
    after = fields.String(required=True)


class FactsChange(Change):
    """An entry that set a member's facts, whole."""

    before = fields.Dict(required=True, allow_none=True)
    after = fields.Dict(required=True)


class PolicyChange(Change):
    """An entry that put a policy in force; `before` and `after` are its bodies."""

    feature = fields.String(required=True)
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True)


class LimitsPage(schemas.Page):
    """Changes, newest first."""

    items = fields.List(fields.Nested(LimitsChange), required=True)


class StatusPage(schemas.Page):
    """Changes, newest first."""

    items = fields.List(fields.Nested(StatusChange), required=True)


class FactsPage(schemas.Page):
    """Changes, newest first."""

    items = fields.List(fields.Nested(FactsChange), required=True)


class PoliciesPage(schemas.Page):
    """Changes, newest first."""

    items = fields.List(fields.Nested(PolicyChange), required=True)


@histories.route("/<ledger:ledger>/accounts/<id:id>/limits", methods=["GET"])
@histories.doc(security=[{"token": []}])
@histories.arguments(schemas.Paged, location="query")
@histories.response(200, LimitsPage)
@takes_query
def list_limits(asked: dict[str, Any], ledger: str, id: bytes) -> Response:
    """What an account's limits have been, newest first, for its member, those whom it lets read, administrators and
    auditors; these without the reasons."""
    return _of_account(served(ledger), asked, LIMITS, id)


@histories.route("/<ledger:ledger>/accounts/<id:id>/status", methods=["GET"])
@histories.doc(security=[{"token": []}])
@histories.arguments(schemas.Paged, location="query")
@histories.response(200, StatusPage)
@takes_query
def list_statuses(asked: dict[str, Any], ledger: str, id: bytes) -> Response:
    """Whether an account has been open, suspended or closed, newest first, for those who may see its limits."""
    return _of_account(served(ledger), asked, STATUS, id)


def _of_account(one: Served, asked: dict[str, Any], what: str, id: bytes) -> Response:
    reader = access.reader(one)
    readable_account(one, id, reader)
    is_party = queries.account(one.store, one.ledger_id, id, reader.holder) is not None
    return _answer(one, asked, what, id, reasons=reader.is_administrator or is_party)


@histories.route("/<ledger:ledger>/members/<id:id>/facts", methods=["GET"])
@histories.doc(security=[{"token": []}])
@histories.arguments(schemas.Paged, location="query")
@histories.response(200, FactsPage)
@takes_query
def list_facts(asked: dict[str, Any], ledger: str, id: bytes) -> Response:
    """What a member's facts have been, newest first, for itself, administrators and auditors; these without reasons."""
    one = served(ledger)
    reader = access.reader(one)
    found = personal.holder(one.store, one.ledger_id, id) if reader.holder == id or reader.reads_all else None
    if found is None or found.member is None:
        raise Problem("not_found")
    return _answer(one, asked, FACTS, id, reasons=reader.is_administrator or reader.holder == id)


@histories.route("/<ledger:ledger>/policies", methods=["GET"])
@histories.doc(security=[{}, {"token": []}])
@histories.arguments(PoliciesQuery, location="query")
@histories.response(200, PoliciesPage)
@takes_query
def list_policies(asked: dict[str, Any], ledger: str) -> Response:
    """What the policies have been, newest first, for anyone; with the reasons for administrators."""
    one = served(ledger)
    reader = access.reader_if_any(one)
    subject = asked["feature"].encode() if "feature" in asked else None
    answer = _answer(one, asked, POLICY, subject, reasons=reader is not None and reader.is_administrator)
    return public(answer) if reader is None else answer


def _answer(one: Served, asked: dict[str, Any], what: str, subject: bytes | None, *, reasons: bool) -> Response:
    page = Page(one, asked, f"{what} {subject.hex() if subject else ''}")
    return page.answer(list_changes(one.store, one.ledger_id, what, subject, page.after, page.limit, reasons=reasons))
