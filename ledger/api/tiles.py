"""The public log as a static site (C2SP `tlog-tiles`): hash tiles and entry bundles, for anyone and for ever.

What a tile's path answers never changes, so caches may keep it as long as they like. Beyond the latest signed
checkpoint there is nothing: an entry that is not signed yet could still be lost.
"""

import gzip

from flask import Response, request
from werkzeug.routing import BaseConverter, ValidationError

from ledger.api.edge import OCTETS, Routes, produces
from ledger.api.problems import Problem
from ledger.api.served import served
from ledger.log.malformed import Malformed
from ledger.log.tiles import TilePath, parse_path, tile_path
from ledger.store import published

FOREVER = "public, max-age=31536000, immutable"
PREFIX = "tile/"

tiles = Routes("tiles", __name__, description="The public log")


class TileConverter(BaseConverter):
    """The path of a tile or bundle behind `tile/`, in its one spelling; any other is of nothing (404)."""

    regex = r"[0-9a-z]+/[0-9x/]+(?:\.p/[0-9]+)?"
    part_isolating = False  # it has slashes

    def to_python(self, value: str) -> TilePath:
        try:
            return parse_path(PREFIX + value)
        except Malformed as error:
            raise ValidationError from error

    def to_url(self, value: TilePath) -> str:
        return tile_path(*value).removeprefix(PREFIX)


@tiles.route("/<ledger:ledger>/tile/<tile:path>", methods=["GET"])
@tiles.response(200, {"type": "string", "format": "binary"}, content_type=OCTETS,
                description="A C2SP tlog-tiles tile, or an entry bundle")  # fmt: skip
@produces(OCTETS)
def show_tile(path: TilePath, ledger: str) -> Response:
    """A hash tile (`0/x001/x234/067`) or the entries below one (`entries/000.p/112`), as far as the latest checkpoint
    covers it."""
    one = served(ledger)
    size, _ = one.checkpoint()
    octets = published.tile(one.store, one.ledger_id, path, size)
    if octets is None:
        raise Problem("not_found")
    response = _compressed(octets) if path.level is None else Response(octets)
    response.content_type = OCTETS
    response.headers["Cache-Control"] = FOREVER
    return response


def _compressed(octets: bytes) -> Response:
    """A bundle, two thirds as long for whoever takes it so; hashes alone, as in tiles, do not get shorter."""
    response = Response(octets)
    if request.accept_encodings.quality("gzip"):
        response = Response(gzip.compress(octets, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response
