"""Accounts: where one stands, for whoever may read it; what all of them come to, for those who govern or audit."""

from flask import Response
from marshmallow import Schema, fields

from ledger.api import access
from ledger.api.edge import Routes, json_response
from ledger.api.fields import Id, Time
from ledger.api.problems import Problem
from ledger.api.served import Served, served
from ledger.core.accounts import Account
from ledger.service import books
from ledger.store import queries
from ledger.store.logins import Reader

accounts = Routes("accounts", __name__, url_prefix="/v1/ledgers", description="Accounts")


class Position(Schema):
    """A position. Amounts are minor units; `entry`, `opened`, `*_since` (but `negative_since`) are log indexes."""

    id = Id(required=True)
    member = Id(required=True, allow_none=True)
    kind = fields.String(required=True)
    class_ = fields.String(data_key="class", required=True, allow_none=True)
    status = fields.String(required=True)
    balance = fields.Integer(required=True)
    held = fields.Integer(required=True)
    floor = fields.Integer(required=True)
    ceiling = fields.Integer(required=True)
    available = fields.Integer(required=True)
    open_items = fields.Integer(required=True)
    negative_since = Time(required=True, allow_none=True)
    entry = fields.Integer(required=True)
    opened = fields.Integer(required=True)
    limits_since = fields.Integer(required=True)
    status_since = fields.Integer(required=True)


class AccountGroup(Schema):
    """The accounts of one kind and class, which is null for common ones."""

    kind = fields.String(required=True)
    class_ = fields.String(data_key="class", required=True, allow_none=True)
    accounts = fields.Integer(required=True)
    positive = fields.Integer(required=True)
    negative = fields.Integer(required=True)


class AccountTotals(Schema):
    """All balances in the log of this size. `negative` is the mutual credit in use; `sum` is zero."""

    log_size = fields.Integer(required=True)
    accounts = fields.Integer(required=True)
    positive = fields.Integer(required=True)
    negative = fields.Integer(required=True)
    sum = fields.Integer(required=True)
    groups = fields.List(fields.Nested(AccountGroup), required=True)


@accounts.route("/<ledger:ledger>/accounts/totals", methods=["GET"])
@accounts.doc(security=[{"token": []}])
@accounts.response(200, AccountTotals)
def show_totals(ledger: str) -> Response:
    """How many accounts there are, what is owned and what is owed, for administrators and auditors."""
    one = served(ledger)
    access.overseer(one)
    return json_response(books.total_accounts(one.store, one.ledger_id))


@accounts.route("/<ledger:ledger>/accounts/<id:id>", methods=["GET"])
@accounts.doc(security=[{"token": []}])
@accounts.response(200, Position)
def show_account(ledger: str, id: bytes) -> Response:
    """An account's position, for its member, those whom it lets read, administrators and auditors."""
    one = served(ledger)
    return json_response(books.position(readable_account(one, id, access.reader(one))))


def readable_account(one: Served, id: bytes, reader: Reader) -> Account:
    """The account if the reader may see it; absent and not yours are one answer. Raises Problem."""
    found = queries.account(one.store, one.ledger_id, id, None if reader.reads_all else reader.holder)
    if found is None:
        raise Problem("not_found")
    return found
