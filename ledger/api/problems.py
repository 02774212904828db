"""Problems after RFC 9457: every answer that is not a success, from the router's 404 to the ledger's refusals.

{"type": "/docs/reasons#credit_exceeded", "title": "Credit exceeded", "status": 422, "detail": "...",
 "reason": "credit_exceeded", "details": {"available": 120, ...}, "remedy": "..."}
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from ledger.api.reasons import REASONS
from ledger.core.refusals import Refusal
from ledger.sequencer.sequencer import Unsigned
from ledger.service.door import ClockTrouble
from ledger.store.errors import Unavailable

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_S = 1  # how long to wait before asking again
CLOCK_RETRY_S = 60  # a clock is put right by hand
OF_STATUS = {404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 413: "too_large",
             415: "media_type_unsupported", 503: "unavailable"}  # fmt: skip


class Problem(Exception):
    """An answer that is no success, on its way out of a view."""

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None, **details: Any):
        super().__init__(reason)
        self.reason, self.details, self.headers = reason, details, dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The problem's JSON object."""
        return problem(self.reason, self.details)


def problem(reason: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The problem's JSON object for a reason and the figures compared."""
    row = REASONS[reason]
    what = details.get("what")
    return {
        "type": f"/docs/reasons#{reason}",
        "title": reason.replace("_", " ").capitalize(),
        "status": row.status,
        "detail": f"{row.message.rstrip('.')}: {what}" if isinstance(what, str) else row.message,
        "reason": reason,
        "details": dict(details),
        "remedy": row.remedy,
    }


def of_refusal(refusal: Refusal) -> Problem:
    """The ledger's refusal as a problem."""
    return Problem(refusal.reason, **refusal.details)


def of_unavailable(error: Unavailable) -> Problem:
    """Unknown, ask again. What the database said stays in the operator's log: it may hold what a member wrote."""
    if isinstance(error, ClockTrouble):
        return Problem("not_ready", {"Retry-After": str(CLOCK_RETRY_S)}, what=str(error))
    if isinstance(error, Unsigned):
        what = "no checkpoint can be signed now; /health/ready says why"
        return Problem("unavailable", {"Retry-After": str(RETRY_S)}, what=what)
    logger.warning("unavailable: %s", type(error.__cause__ or error).__name__)
    return Problem("unavailable", {"Retry-After": str(RETRY_S)})


def respond(problem: Problem) -> Response:
    """The response of a problem."""
    body = problem.body
    response = Response(json.dumps(body), body["status"], content_type=MEDIA_TYPE)
    response.headers.update(problem.headers)
    g.reason = problem.reason
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Turn every error of this application into a problem; those of the framework's own are the Api's to turn."""
    app.register_error_handler(Problem, respond)
    app.register_error_handler(Unavailable, lambda error: respond(of_unavailable(error)))
    app.register_error_handler(Exception, lambda error: respond(_of_defect(error)))  # the boundary: none goes further


def of_http(error: HTTPException) -> Problem:
    """An error of the framework's own, with the headers that HTTP asks for (Allow, Retry-After)."""
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    code = error.code or 500
    if code >= 500 and code != 503:
        return _of_defect(error)
    if code == 503:
        kept.setdefault("Retry-After", str(RETRY_S))
    return Problem(OF_STATUS.get(code, "bad_request"), kept)


def _of_defect(error: Exception) -> Problem:
    logger.error("defect in a request", exc_info=error)
    return Problem("defect")
