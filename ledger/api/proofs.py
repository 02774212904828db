"""That the log only grew: a consistency proof from any size to the latest checkpoint, for anyone."""

from typing import Any

from flask import Response
from marshmallow import Schema

from ledger.api.edge import TEXT, Routes, produces, public, takes_query
from ledger.api.fields import Whole
from ledger.api.problems import Problem
from ledger.api.served import served
from ledger.log import consistency
from ledger.store import queries

proofs = Routes("proofs", __name__, description="The public log")


class ConsistencyQuery(Schema):
    """The size of the smaller log."""

    old = Whole(required=True)


@proofs.route("/<ledger:ledger>/consistency", methods=["GET"])
@proofs.arguments(ConsistencyQuery, location="query")
@proofs.response(200, {"type": "string"}, content_type=TEXT,
                 description="The body of a C2SP tlog-witness add-checkpoint request")  # fmt: skip
@produces(TEXT)
@takes_query
def show_consistency(asked: dict[str, Any], ledger: str) -> Response:
    """A proof that the first `old` entries are still those that the latest signed checkpoint begins with."""
    one = served(ledger)
    size, note = one.checkpoint()
    old: int = asked["old"]
    if old > size:
        raise Problem("query_invalid", what=f"old: the log has {size} signed entries")
    path = queries.consistency(one.store, one.ledger_id, old, size)
    return public(Response(consistency.format(old, path, note), content_type=f"{TEXT}; charset=utf-8"))
