"""A member's way to a ledger over HTTP: send submissions, log in, read (docs/api.md).

Whatever may not have arrived is sent again, and always as the same text: the ledger answers a text that it has with
the outcome that it had. 503 and 429 are waited out as `Retry-After` says. Waits are of a random length, lest all who
were cut off come back at once.
"""

import http.client
import json
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from ledger.client.outcomes import Outcome, Unknown, id_of, refused
from ledger.client.writing import Seed, signature_line
from ledger.core.words import HolderId
from ledger.log import consistency, instruction

TRIES = 8
TIMEOUT_S = 60.0
WAIT_MOST_S = 60.0  # of a Retry-After
MANY = 500  # submissions of one request, of the 1000 that a server takes: an answer comes sooner
MANY_MOST = 24 * 1024 * 1024  # octets of their text, of the 32 MiB that a server takes
LOGIN_S = 60  # how long a login note is good for
PAGE_MOST = 500  # items that a server puts on a page
AGAIN = (429, 503)
CUT = (OSError, http.client.HTTPException)  # no answer, or half of one: whether the request arrived is unknown


class ServerError(Exception):
    """The server's answer is a problem. `reason` is its stable name, or "" where something else answered."""

    def __init__(self, status: int, body: Mapping[str, Any]):
        self.status, self.body = status, dict(body)
        self.reason = str(body.get("reason", ""))
        said = [str(body.get("detail") or ""), _figures(body.get("details")), str(body.get("remedy") or "")]
        known = " ".join(part for part in said if part)
        super().__init__(known or f"the server answered {status}, and nothing that this program knows")


def _figures(details: Any) -> str:
    """A problem's details for a person: what its remedy speaks of, in one bracket."""
    if not isinstance(details, Mapping) or not details:
        return ""
    plain = {name: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
             for name, one in details.items()}  # fmt: skip
    return f"({', '.join(f'{name} {one}' for name, one in plain.items())})"


class Response(NamedTuple):
    """Status, headers (names in lower case) and body."""

    status: int
    headers: Mapping[str, str]
    octets: bytes


class Client:
    """One ledger at one server. Not for several threads at once. `sleep` waits seconds, `chance` draws from [0, 1).

    `token` is the bearer token that requests carry, "" before a login. Whoever knows the ledger's `origin` gives it,
    and signs no login for another that a server names.
    """

    def __init__(self, server: str, ledger: str | None = None, *, tries: int = TRIES, timeout_s: float = TIMEOUT_S,
                 sleep: Callable[[float], None] = time.sleep,
                 chance: Callable[[], float] = random.random, origin: str | None = None):  # fmt: skip
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"not the address of a server: {server!r}; for example http://127.0.0.1:8080")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.server = server.rstrip("/")
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._prefix = parts.path.rstrip("/")
        self.token = ""
        self._tries, self._sleep, self._chance = tries, sleep, chance
        self._ledger = ledger
        self._origin = origin

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    # --- the ledger

    def describe(self) -> dict[str, Any]:
        """The ledger as the server shows it to anyone (docs/api.md)."""
        return self._json("GET", f"/v1/ledgers/{self.ledger}")

    @property
    def ledger(self) -> str:
        """The ledger's name: as given, or the only one served; raises ServerError."""
        if self._ledger is None:
            names = [item["name"] for item in self._json("GET", "/v1/ledgers")["items"]]
            if len(names) != 1:
                raise ServerError(0, {"detail": f"{self.server} serves {', '.join(names) or 'no ledger'}: name one."})
            self._ledger = names[0]
        return str(self._ledger)

    @property
    def origin(self) -> str:
        """The ledger's origin."""
        if self._origin is None:
            self._origin = str(self.describe()["origin"])
        return self._origin

    def checkpoint(self) -> bytes:
        """The published checkpoint, with what witnesses have cosigned."""
        return self.good("GET", f"/{self.ledger}/checkpoint").octets

    def newest(self) -> bytes:
        """The newest signed checkpoint, which the published one may follow by some seconds; raises ServerError."""
        return consistency.parse(self.consistency(1)).checkpoint

    def tile(self, path: str) -> bytes:
        """The octets of a tile or an entry bundle (`tile/0/000`); raises ServerError."""
        return self.good("GET", f"/{self.ledger}/{path}").octets

    def consistency(self, old: int, new: int | None = None) -> bytes:
        """The proof from a log size to the latest checkpoint, or to the one of size `new`; raises ServerError."""
        query = urlencode({"old": old} | ({} if new is None else {"new": new}))
        return self.good("GET", f"/{self.ledger}/consistency?{query}").octets

    # --- submitting

    def submit(self, octets: bytes) -> tuple[Outcome, dict[str, Any]]:
        """Send one submission; its outcome, and its receipt (of one refused: its problem). Raises Unknown."""
        response = self._patiently("POST", self.path("instructions"), octets, "text/plain")
        body = json_of(response)
        if response.status in AGAIN or (response.status >= 500 and body.get("reason") != "defect"):
            raise Unknown(f"no outcome of {id_of(octets)}: {ServerError(response.status, body)}")
        return _outcome(id_of(octets), response.status, body), body

    def submit_many(self, submissions: Sequence[bytes]) -> list[Outcome]:
        """Send many, in order, a part at a time; each one's outcome. Raises Unknown where the server gave none."""
        outcomes: list[Outcome] = []
        for part in parts_of(submissions):
            outcomes += self._submit_part(part)
        return outcomes

    def _submit_part(self, submissions: Sequence[bytes]) -> list[Outcome]:
        """What was answered 503 is sent again, with all that comes after it, so that the order is kept."""
        outcomes: list[Outcome] = []
        for _ in range(self._tries):
            rest = submissions[len(outcomes) :]
            if not rest:
                return outcomes
            body = json.dumps({"instructions": [octets.decode() for octets in rest]}).encode()
            response = self._good(self._patiently("POST", self.path("instructions"), body, "application/json"))
            answers = json_of(response)["outcomes"]
            for octets, answer in zip(rest, answers, strict=True):
                if answer["status"] in AGAIN:
                    self._sleep(1)
                    break
                said = answer.get("receipt") or answer.get("problem")
                outcomes.append(_outcome(id_of(octets), answer["status"], said))
        if len(outcomes) < len(submissions):
            raise Unknown(
                f"{self.server}: no outcome yet of {len(submissions) - len(outcomes)} of {len(submissions)} submissions"
            )
        return outcomes

    # --- before signing

    def prepare(self, kind: str, fields: Mapping[str, Any], valid_s: int | None = None) -> dict[str, Any]:
        """The text of an instruction for plain fields, and in words what signing it will do (docs/api.md)."""
        asked = {"kind": kind, "fields": dict(fields)} | ({} if valid_s is None else {"valid_s": valid_s})
        return self._ask_before("prepare", json.dumps(asked).encode(), "application/json")

    def preview(self, octets: bytes) -> dict[str, Any]:
        """What a submission without its signature lines would come to for whoever has logged in; raises ServerError
        with the very problem where it would be refused."""
        return self._ask_before("preview", octets, "text/plain")

    def _ask_before(self, what: str, body: bytes, media_type: str) -> dict[str, Any]:
        return json_of(self._good(self._patiently("POST", self.path(f"instructions/{what}"), body, media_type)))

    # --- reading

    def log_out(self, everywhere: bool = False) -> None:
        """End the token, or with it every other of its holder's."""
        self.good("DELETE", self.path("tokens" if everywhere else "tokens/current"))
        self.token = ""

    def log_in(self, holder: HolderId, seed: Seed, now: int) -> None:
        """Read as this holder from now on. `now` in Unix seconds."""
        for _ in range(self._tries):  # a nonce counts once, so a second try draws a new one
            object = f'{{"nonce":"{secrets.token_urlsafe(24)}","not_after":{now + LOGIN_S}}}'.encode()
            text = instruction.login_text(self.origin, object)
            note = instruction.note(text, [signature_line(text, holder, seed)])
            response = self._patiently("POST", self.path("tokens"), note, "text/plain")
            body = json_of(response)
            if body.get("reason") != "nonce_used":
                break
        self.token = str(json_of(self._good(response))["token"])

    def account(self, id: str) -> dict[str, Any]:
        """An account's position."""
        return self._json("GET", self.path(f"accounts/{id}"))

    def holder(self, id: str) -> dict[str, Any]:
        """What the ledger knows of a holder: profile, facts, role, keys, recovery, grants."""
        return self._json("GET", self.path(f"holders/{id}"))

    def movements(self, id: str, limit: int, **filters: str) -> Iterator[dict[str, Any]]:
        """At most `limit` movements of an account, newest first. `filters` are those of docs/api.md."""
        return self.items(f"accounts/{id}/movements", filters, limit)

    def items(self, path: str, filters: Mapping[str, str], limit: int | None = None) -> Iterator[dict[str, Any]]:
        """What a list of this ledger has, a page at a time; at most `limit`, or all. Raises ServerError, Unknown."""
        cursor: str | None = None
        while limit is None or limit > 0:
            size = PAGE_MOST if limit is None else min(limit, PAGE_MOST)
            page = self.read(path, {**filters, "limit": str(size)} | ({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor, limit = page["next"], None if limit is None else limit - size
            if cursor is None:
                return

    def read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """An object of this ledger. Raises ServerError, Unknown."""
        return self._json("GET", self.path(f"{path}?{urlencode(query)}" if query else path))

    def entry(self, log_index: int) -> dict[str, Any]:
        """An entry's public lines and proof; with a party's login its receipt as well."""
        return self._json("GET", self.path(f"entries/{log_index}"))

    def receipt(self, id: str) -> dict[str, Any]:
        """The receipt of an instruction, for whoever logged in as a party."""
        return self._json("GET", self.path(f"instructions/{id}"))

    # --- requests

    def path(self, rest: str) -> str:
        """The address of something of this ledger."""
        return f"/v1/ledgers/{self.ledger}/{rest}"

    def good(self, method: str, path: str) -> Response:
        """The answer to a request without a body that may be sent again; raises ServerError, Unknown."""
        return self._good(self._patiently(method, path))

    def _json(self, method: str, path: str) -> dict[str, Any]:
        return json_of(self.good(method, path))

    def _good(self, response: Response) -> Response:
        if not 200 <= response.status < 300:
            raise ServerError(response.status, json_of(response))
        return response

    def _patiently(self, method: str, path: str, body: bytes | None = None, media_type: str | None = None) -> Response:
        """The answer to a request that may be sent again. Raises Unknown where nothing ever answered."""
        trouble: object = None
        for number in range(self._tries):
            try:
                response = self.attempt(method, path, body, media_type)
            except CUT as error:
                trouble = error
            else:
                if response.status not in AGAIN:
                    return response
                trouble = response
            if number + 1 < self._tries:
                self.wait(number, trouble if isinstance(trouble, Response) else None)
        if isinstance(trouble, Response):
            return trouble
        raise Unknown(f"{self.server} does not answer: {trouble or 'no reason given'}")

    def attempt(self, method: str, path: str, body: bytes | None = None, media_type: str | None = None) -> Response:
        """One request, once; raises one of CUT where no whole answer came."""
        try:
            return self._ask(method, path, body, media_type)
        except CUT:
            self._connection.close()
            raise

    def wait(self, number: int, answer: Response | None = None) -> None:
        """Wait before the try after `number`, as long as the answer to this one asked for, and somewhat longer."""
        if answer is None:
            self._sleep(min(0.1 * 2**number, 5.0) * (1 + self._chance()) / 2)
        else:
            self._sleep(_retry_after(answer) * (1 + self._chance() / 4))

    def _ask(self, method: str, path: str, body: bytes | None, media_type: str | None) -> Response:
        headers = {"Content-Type": media_type} if media_type else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self._connection.request(method, self._prefix + path, body, headers)
        answer = self._connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def parts_of(submissions: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Submissions in order, as many at a time as one request takes."""
    start, size, lines = 0, 0, 0
    for n, octets in enumerate(submissions):
        more = instruction.salted_count(octets)
        if n > start and (
            n - start == MANY or size + len(octets) > MANY_MOST or lines + more > instruction.SALTED_MOST
        ):
            yield submissions[start:n]
            start, size, lines = n, 0, 0
        size, lines = size + len(octets), lines + more
    if submissions:
        yield submissions[start:]


def _retry_after(response: Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), WAIT_MOST_S) if text.isascii() and text.isdigit() else 1.0


def json_of(response: Response) -> dict[str, Any]:
    """The object in an answer, or an empty one."""
    try:
        found = json.loads(response.octets)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _outcome(id: str, status: int, body: Mapping[str, Any]) -> Outcome:
    if status in (200, 201):
        return Outcome(id, int(body["entry"]["log_index"]), status == 200)
    return refused(id, body, status)
