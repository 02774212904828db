"""The stream of a ledger's entries, as server-sent events, for who has a token."""

from collections import Counter
from collections.abc import Iterator
from threading import Lock

from flask import Response, current_app, request

from ledger.api import access, schemas
from ledger.api.edge import Routes, produces, takes_query
from ledger.api.problems import Problem
from ledger.api.served import Served, served
from ledger.followers.stream import stream
from ledger.log.checkpoint import SIZE
from ledger.store import queries
from ledger.store.logins import Reader

EVENTS = "text/event-stream"
STREAMS_MOST = "COMARCA_STREAMS_MOST"  # in the application's configuration: how many may be open in one process
RESERVED = 16  # one place in so many is for holders without a stream
streams = Routes("streams", __name__, url_prefix="/v1/ledgers", description="Entries as they are logged")
_counting = Lock()


@streams.route("/<ledger:ledger>/stream", methods=["GET"])
@streams.doc(
    security=[{"token": []}],
    parameters=[{"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"},
                 "description": "the id of the last event seen; counts before `from`"}],
)  # fmt: skip
@streams.arguments(schemas.StreamQuery, location="query")
@streams.response(200, {"type": "string"}, content_type=EVENTS, description="Server-sent events, one an entry")
@produces(EVENTS)
@takes_query
def follow(asked: dict[str, int | None], ledger: str) -> Response:
    """The entries that concern the reader (an administrator or auditor: all), in log order, from a log index on;
    without one, from now on."""
    one = served(ledger)
    reader = access.reader(one)
    one.news.start()
    position = _position(asked["start"], one.news.size)
    if position > one.news.size:
        raise Problem("query_invalid", what=f"from: the log has {one.news.size} signed entries")
    response = Response(content_type=EVENTS)
    if request.method != "HEAD":  # which has no body, so nothing would ever end
        place = Place(one, reader.holder)
        response.response = _streamed(one, reader, position)
        response.call_on_close(place.leave)  # and not at the generator's end: one that never began has none
    response.headers["X-Accel-Buffering"] = "no"  # a proxy that gathers octets would hold events back
    return response


def _position(start: int | None, size: int) -> int:
    last = request.headers.get("Last-Event-ID")
    if last is None:
        return size if start is None else start
    if not SIZE.fullmatch(last):
        raise Problem("query_invalid", what="Last-Event-ID: a log index")
    return int(last) + 1


class Place:
    """One of the places for streams, taken when it is made; raises Problem where there is none for this holder.

    The last few are for holders without a stream, so that no one member keeps all others out.
    """

    def __init__(self, one: Served, holder: bytes):
        most = current_app.config[STREAMS_MOST]
        self._one, self._holder, self._taken = one, holder, True
        with _counting:
            kept = most // RESERVED if one.streams[holder] else 0
            if one.streams.total() >= most - kept:
                raise Problem("too_many_streams", {"Retry-After": "5"})
            one.streams[holder] += 1

    def leave(self) -> None:
        """Give the place back; once is enough."""
        with _counting:
            if self._taken:
                self._taken = False
                self._one.streams[self._holder] -= 1
                self._one.streams += Counter()  # without the holders that have none


def _streamed(one: Served, reader: Reader, position: int) -> Iterator[bytes]:
    secret = request.authorization.token if request.authorization else None

    def names() -> frozenset[bytes] | None:
        if secret is None or access.known(one, secret) is None:
            return None
        return queries.ids_of(one.store, one.ledger_id, reader.holder)

    return stream(one.news, names, reader.reads_all, position)
