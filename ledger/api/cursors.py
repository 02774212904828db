"""Cursors: where a page ended, opaque to the client and good for the same query alone.

base64url(log index in 8 octets, place in 2, the first 8 of the query's SHA-256), unpadded: 24 characters
"""

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

from flask import Response

from ledger.api.edge import json_response
from ledger.api.problems import Problem
from ledger.api.schemas import page
from ledger.api.served import Served
from ledger.store.queries import Place

LAYOUT = struct.Struct(">QH8s")
MOST = 2**63 - 1  # the largest log index that a database column holds


def encode(place: Place, query: tuple[Any, ...]) -> str:
    """The cursor of the page after this place in a query."""
    return base64.urlsafe_b64encode(LAYOUT.pack(*place, _digest(query))).decode()


def decode(cursor: str, query: tuple[Any, ...]) -> Place:
    """The place that a cursor names; raises Problem where it is none, or another query's."""
    try:
        octets = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        log_index, n, _ = LAYOUT.unpack(octets)
    except (binascii.Error, UnicodeEncodeError, struct.error) as error:
        raise Problem("cursor_invalid") from error
    place = Place(log_index, n)
    if log_index > MOST or encode(place, query) != cursor:  # another query's, or not as we write it
        raise Problem("cursor_invalid")
    return place


class Page:
    """The page that a request asks for: where it begins, how much is on it. `what` and every filter are the query."""

    def __init__(self, served: Served, asked: Mapping[str, Any], what: str):
        filters = sorted((name, _said(asked[name])) for name in asked.keys() - {"limit", "cursor"})
        self._query = (served.origin, what, *filters)
        self.after = decode(asked["cursor"], self._query) if "cursor" in asked else None
        self.limit: int = asked["limit"]

    def answer(self, found: tuple[list[Any], Place | None]) -> Response:
        """What was found, and the cursor of what comes after."""
        items, last = found
        return json_response(page(items, encode(last, self._query) if last is not None else None))


def _said(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _digest(query: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(json.dumps(query).encode()).digest()[:8]
