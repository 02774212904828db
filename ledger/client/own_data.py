"""A holder's own export over HTTP, as it comes, so that memory does not grow with it."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from ledger.client.http import ServerError
from ledger.client.outcomes import Unknown

PATIENCE_S = 300.0  # of silence: the server looks through its whole log
PIECE = 64 * 1024
END = b'"complete":true}\n'


def export(server: str, ledger: str, token: str, holder: str) -> Iterator[bytes]:
    """The octets of the export. Raises ServerError; Unknown where it does not come to its end: then ask again."""
    parts = urlsplit(server)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    path = f"{parts.path.rstrip('/')}/v1/ledgers/{ledger}/holders/{holder}/export"
    last = b""
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        if response.status != 200:
            raise ServerError(response.status, _problem(response.read(65_536)))
        while piece := response.read(PIECE):
            last = (last + piece)[-len(END) :]
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise Unknown(f"{server}: the export was cut off: {error}") from error
    finally:
        connection.close()
    if last != END:
        raise Unknown(f"{server}: the export was cut off")


def _problem(octets: bytes) -> dict[str, object]:
    try:
        said = json.loads(octets)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {}
