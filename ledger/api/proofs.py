"""That the log only grew: a consistency proof from any size to the latest checkpoint, for anyone."""

from typing import Any

from flask import Response
from marshmallow import Schema

from ledger.api.edge import TEXT, Routes, produces, public, takes_query
from ledger.api.fields import Whole
from ledger.api.problems import Problem
from ledger.api.served import Served, served
from ledger.log import consistency
from ledger.store import queries

proofs = Routes("proofs", __name__, description="The public log")


class ConsistencyQuery(Schema):
    """The sizes of the smaller log and of the larger."""

    old = Whole(required=True)
    new = Whole(load_default=None)


@proofs.route("/<ledger:ledger>/consistency", methods=["GET"])
@proofs.arguments(ConsistencyQuery, location="query")
@proofs.response(200, {"type": "string"}, content_type=TEXT,
                 description="The body of a C2SP tlog-witness add-checkpoint request")  # fmt: skip
@produces(TEXT)
@takes_query
def show_consistency(asked: dict[str, Any], ledger: str) -> Response:
    """A proof that the log only grew from its first `old` entries to the latest signed checkpoint, or to that of size
    `new`."""
    one = served(ledger)
    old: int = asked["old"]
    size, note = _signed(one, asked["new"])
    if old > size:
        raise Problem("query_invalid", what=f"old: beyond the {size} entries of the checkpoint")
    path = queries.consistency(one.store, one.ledger_id, old, size)
    return public(Response(consistency.format(old, path, note), content_type=f"{TEXT}; charset=utf-8"))


def _signed(one: Served, size: int | None) -> tuple[int, bytes]:
    """The latest checkpoint, or the one of this size; raises Problem where none was signed of it."""
    latest, note = one.checkpoint()
    if size is None or size == latest:
        return latest, note
    found = queries.checkpoint_of(one.store, one.ledger_id, size)
    if found is None:
        raise Problem("not_found")
    return size, found
