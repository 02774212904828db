"""The WSGI application of the ledgers that one process serves."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, ValidationError

from ledger.api import (
    access,
    accounts,
    documents,
    drafting,
    edge,
    fields,
    grammar,
    histories,
    holders,
    limits,
    logs,
    members,
    metrics,
    movements,
    problems,
    proofs,
    schemas,
    sessions,
    streaming,
    tiles,
    views,
)
from ledger.api.limits import Rate
from ledger.api.served import EXTENSION, Served
from ledger.core.words import ID
from ledger.log.instruction import RESERVED
from ledger.log.tiles import LEVEL

STREAMS_MOST = 200  # open at once, of one ledger in one process
UNASKED_MOST = 64 * 1024  # octets of a body that no view has asked for


class LedgerConverter(BaseConverter):
    """A ledger's name in addresses."""

    regex = r"[a-z0-9][a-z0-9-]{0,62}"

    def to_python(self, value: str) -> str:
        if value in RESERVED:
            raise ValidationError
        return value


class IdConverter(BaseConverter):
    """An id in addresses: 32 hex digits of a UUIDv7, 16 octets inside."""

    regex = ID

    def to_python(self, value: str) -> bytes:
        return bytes.fromhex(value)

    def to_url(self, value: bytes) -> str:
        return value.hex()


class IndexConverter(BaseConverter):
    """A log index in addresses, within 2^53-1."""

    regex = r"(?:0|[1-9][0-9]{0,15})"

    def to_python(self, value: str) -> int:
        return int(value)


TILE = rf"^({LEVEL}|entries)/(x[0-9]{{3}}/){{0,5}}[0-9]{{3}}(\.p/[1-9][0-9]{{0,2}})?$"
CONVERTERS: dict[str, tuple[type[BaseConverter], dict[str, Any]]] = {
    "ledger": (LedgerConverter, {"type": "string", "pattern": LedgerConverter.regex}),
    "id": (IdConverter, {"type": "string", "pattern": ID}),
    "index": (IndexConverter, {"type": "integer", "minimum": 0}),
    "tile": (tiles.TileConverter, {"type": "string", "pattern": TILE}),
}


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest's Api whose errors are problems (RFC 9457)."""

    ERROR_SCHEMA = schemas.Problem

    def _register_responses(self) -> None:
        """Document errors in the media type that they have."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = problems.MEDIA_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE  # the class's own again, for the answers that are no errors

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Every error of the framework's, with its own headers."""
        return problems.respond(problems.of_http(error))


def create_app(
    ledgers: Iterable[Served], streams_most: int = STREAMS_MOST, rate: Rate | None = None, proxies: int = 0
) -> Flask:
    """The application of these ledgers, each with so many streams at most; a rate limits each address and each holder.
    `proxies` are those in front, whose word on the client's address is taken. Whoever made the ledgers closes them."""
    app = Flask("comarca", static_folder=None)
    app.config.update(
        API_TITLE="Comarca",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        MAX_CONTENT_LENGTH=UNASKED_MOST,
        PROPAGATE_EXCEPTIONS=False,
        **{streaming.STREAMS_MOST: streams_most},
    )
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = {one.name: one for one in ledgers}
    for name, (converter, _) in CONVERTERS.items():
        app.url_map.converters[name] = converter
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    metrics.register(app)
    problems.register(app)
    if rate is not None:
        limits.register(app, rate, access.by_token)
    edge.register(app)
    logs.register(app)
    _register_routes(app)
    return app


def _register_routes(app: Flask) -> None:
    api = ProblemApi(app)
    for converter, schema in CONVERTERS.values():
        api.register_converter(converter, lambda _, schema=schema: dict(schema))
    api.register_field(fields.Said, "string", None)
    for name, component in grammar.asks().items():
        api.spec.components.schema(name, component)
    api.spec.components.schema("Submissions", schema=schemas.Submissions)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for blueprint in (
        *views.ALL,
        proofs.proofs,
        tiles.tiles,
        drafting.drafting,
        accounts.accounts,
        members.members,
        movements.movements,
        histories.histories,
        holders.holders,
        sessions.sessions,
        documents.documents,
        streaming.streams,
        metrics.operations,
    ):
        api.register_blueprint(blueprint)
    del api.spec.components.schemas["PaginationMetadata"]  # of a kind of pages that this API does not have
    documents.register(app, api.spec.to_dict())
