"""The edge of every route: which query parameters, bodies and media types it takes, which headers go out.

What a view says by these decorators is enforced before it runs: an unknown parameter, a repeated one, a body of
another media type, an Accept that excludes all it has. Without a word it takes no query and answers JSON.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import orjson
from flask import Flask, Response, current_app, request
from flask_smorest import Blueprint
from gunicorn.http.errors import ParseException
from marshmallow import RAISE, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import ClientDisconnected

from ledger.ambient.turns import turns
from ledger.api.problems import Problem

F = TypeVar("F", bound=Callable[..., Any])
JSON, TEXT, HTML = "application/json", "text/plain", "text/html"
OCTETS = "application/octet-stream"


class Parser(FlaskParser):
    """Unknown parameters are refused, and every flaw is a problem."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        raise Problem("query_invalid", fields=error.messages_dict["query"]) from error


class Routes(Blueprint):  # type: ignore[misc]  # flask-smorest has no types, so its decorators get theirs here
    """A blueprint whose arguments are parsed strictly."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Give a view its address and methods."""
        decorate: Callable[[F], F] = super().route(rule, **options)
        return decorate

    def response(self, status: int, schema: Any = None, **options: Any) -> Callable[[F], F]:
        """Write what a view answers by a schema, and document it."""
        decorate: Callable[[F], F] = super().response(status, schema, **options)
        return decorate

    def alt_response(self, status: int, **options: Any) -> Callable[[F], F]:
        """Document another answer."""
        decorate: Callable[[F], F] = super().alt_response(status, **options)
        return decorate

    def doc(self, **options: Any) -> Callable[[F], F]:
        """Document what is not derived."""
        decorate: Callable[[F], F] = super().doc(**options)
        return decorate

    def arguments(self, schema: Any, **options: Any) -> Callable[[F], F]:
        """Parse parameters by a schema; they come to the view as its first argument."""
        decorate: Callable[[F], F] = super().arguments(schema, **options)
        return decorate


def takes_query(view: F) -> F:
    """This view has query parameters of its own."""
    view.__dict__["takes_query"] = True
    return view


def produces(media_type: str) -> Callable[[F], F]:
    """This view answers in this media type."""

    def mark(view: F) -> F:
        view.__dict__["produces"] = media_type
        return view

    return mark


def public(response: Response) -> Response:
    """A response that anyone may keep, asking each time whether it still stands."""
    response.headers["Cache-Control"] = "public, no-cache"
    response.headers["Vary"] = "Authorization"
    return response


def json_response(body: Any, status: int = 200) -> Response:
    """A JSON response made of plain values."""
    try:
        octets = orjson.dumps(body)
    except orjson.JSONEncodeError:  # a sum beyond 64 bits, half of a surrogate pair: it has no word for them
        octets = json.dumps(body).encode()
    return Response(octets, status, content_type=JSON)


def register(app: Flask) -> None:
    """Put the edge around every route of an application."""
    app.before_request(_check_request)
    app.after_request(_finish)


def _check_request() -> None:
    if request.routing_exception is not None:
        return
    view = current_app.view_functions[request.endpoint or ""]
    produced = getattr(view, "produces", JSON)
    if "Accept" in request.headers and not request.accept_mimetypes.best_match([produced]):
        raise Problem("not_acceptable", media_types=[produced])
    if not getattr(view, "takes_query", False) and request.query_string:
        raise Problem("query_invalid", what="this address takes no parameters")
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Problem("query_invalid", what=f"{name[:40]} is given more than once")


def _finish(response: Response) -> Response:
    """What belongs to a member is kept by nobody; so is all that no view has called public."""
    if response.is_streamed:  # for as long as it likes: from here on it keeps nobody from running
        turns.leave()
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed:
        response.add_etag()
        response.make_conditional(request)
    return response


# --- bodies


def body_type(*taken: str) -> str:
    """The media type of the body, one of those taken; raises Problem on another, another charset or a coding."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    coding = request.headers.get("Content-Encoding", "identity").lower()
    if request.mimetype not in taken or charset not in ("utf-8", "us-ascii") or coding != "identity":
        raise Problem("media_type_unsupported", media_types=list(taken))
    return request.mimetype


def body(most: int) -> bytes:
    """The octets of the body, at most so many; raises Problem on more."""
    if (request.content_length or 0) > most:
        raise Problem("too_large", most=most)
    request.max_content_length = most + 1  # a stream without a length is cut there, silently
    try:
        octets = request.get_data(cache=False)
    except (ClientDisconnected, ParseException) as error:
        raise _cut() from error
    if len(octets) > most:
        raise Problem("too_large", most=most)
    if len(octets) < (request.content_length or 0):  # gunicorn ends the stream where the client did
        raise _cut()
    return octets


def _cut() -> Problem:
    return Problem("body_invalid", what="it ended early, or its chunks are not framed right")


def json_body(most: int) -> Any:
    """The JSON value of the body, read strictly: no repeated names, no NaN; raises Problem."""
    octets = body(most)
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Problem("body_invalid", what="not a JSON text") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
