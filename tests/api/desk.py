"""A desk for tests: a territory, the application that serves it, and a client for whoever asks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger.api.application import create_app
from ledger.api.served import Served
from ledger.client.writing import signature_line
from ledger.core.words import HolderId
from ledger.log import checkpoint, instruction
from ledger.sequencer.sequencer import Sequencer
from ledger.store.log import Head
from tests.territory import TerritoryOfTests

BASE = "/v1/ledgers/solana"


class Desk:
    """A served territory. `trouble` and `broken` are set by tests that want the clock or the signer to fail."""

    def __init__(self, url: str, **territory: Any):
        self.territory = TerritoryOfTests(url, **territory)
        self.trouble: str | None = None
        self.broken: Exception | None = None
        door = self.territory.door
        self.served = Served(
            self.territory.store, door.head(), partial(Sequencer, sign=self.sign), self.territory.clock, self._why
        )
        self.app: Flask = create_app([self.served])
        self.client: FlaskClient = self.app.test_client()
        self._nonces = 0

    def sign(self, head: Head) -> bytes:
        if self.broken:
            raise self.broken
        assert head.root is not None
        return checkpoint.sign(self.territory.operator, head.origin, head.size, head.root)

    def _why(self, last: int) -> str | None:
        return self.trouble

    def close(self) -> None:
        self.served.close()
        self.territory.close()

    # --- asking

    def get(self, path: str, token: str | None = None, **more: Any) -> TestResponse:
        headers: dict[str, str] = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.client.get(path if path.startswith("/") else f"{BASE}/{path}", headers=headers, **more)

    def submit(self, octets: bytes, **more: Any) -> TestResponse:
        return self.client.post(f"{BASE}/instructions", data=octets, content_type="text/plain", **more)

    def submit_many(self, body: Any) -> TestResponse:
        return self.client.post(f"{BASE}/instructions", json=body)

    # --- logging in

    def login(self, holder: bytes, nonce: str | None = None, **changes: Any) -> bytes:
        """The octets of a login, with parts changed."""
        self._nonces += 1
        nonce = nonce or f"nonce-of-tests-{self._nonces:08}"
        not_after = changes.get("not_after", self.territory.clock.now + 60)
        origin = changes.get("origin", self.territory.origin)
        object = changes.get("object", f'{{"nonce":"{nonce}","not_after":{not_after}}}'.encode())
        text = changes.get("text", instruction.login_text(origin, object))
        seed = changes.get("seed") or self.territory.seeds[holder]
        return instruction.note(text, [signature_line(text, HolderId(holder), seed)])

    def post_login(self, octets: bytes, content_type: str = "text/plain") -> TestResponse:
        return self.client.post(f"{BASE}/tokens", data=octets, content_type=content_type)

    def token(self, holder: bytes) -> str:
        """A token of this holder."""
        response = self.post_login(self.login(holder))
        assert response.status_code == 201, response.text
        token: str = response.json["token"]  # type: ignore[index]
        return token

    def administrator(self) -> str:
        """A token of the first administrator."""
        return self.token(self.territory.administrators[0][0])


def check_problem(response: TestResponse, status: int, reason: str) -> Mapping[str, Any]:
    """The response is a whole problem of this status and reason, which no cache keeps; its details."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json
    assert body is not None
    assert set(body) == {"type", "title", "status", "detail", "reason", "details", "remedy"}
    assert (body["status"], body["reason"]) == (status, reason), body
    assert body["type"].endswith(reason) and body["detail"] and body["remedy"]
    details: Mapping[str, Any] = body["details"]
    return details
