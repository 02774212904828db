"""The access log: a line a request, with its route and not its path, so that no id and no token is ever in it."""

import logging
import time

from flask import Flask, Response, g, request

logger = logging.getLogger("comarca.access")


def register(app: Flask) -> None:
    """Log every answer, at level info."""
    app.after_request(_log)


def _log(response: Response) -> Response:
    if logger.isEnabledFor(logging.INFO):
        route = request.url_rule.rule if request.url_rule is not None else "none"
        said = {"method": request.method, "route": route, "status": response.status_code}
        if "began" in g:
            said["ms"] = round((time.perf_counter() - g.began) * 1000, 1)
        if "reason" in g:
            said["reason"] = g.reason
        logger.info("request", extra=said)
    return response
