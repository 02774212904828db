"""Bring signed texts to the ledger and verified receipts back, whatever happens on the way.

A text goes again only as the very same text. After a connection that was cut or timed out the outcome is asked for by
its id before anything else; of many, the same texts go again at once, which gives each the outcome that it has. A
receipt counts when it verifies and its checkpoint continues the log remembered; what stays open after that is
`Unknown`, with the text to send again later.
"""

import json
from collections.abc import Sequence
from typing import Any

from ledger.client.answers import Receipt, Refused, receipt_of
from ledger.client.connections import Connections
from ledger.client.growth import Growth, NotProved, open_question
from ledger.client.http import AGAIN, CUT, TRIES, Client, Response, ServerError, json_of, parts_of
from ledger.client.outcomes import Unknown, id_of
from ledger.log.malformed import Malformed
from ledger.receipts.verifying import ReceiptError

REFUSED = (400, 409, 422)  # statuses of a refusal: the ledger has judged the text, and written nothing
ANCHORS = ("anchor_ahead", "anchor_wrong")  # we anchor to what was proved: such a refusal speaks of the log, not of us
Answer = Receipt | Refused | Unknown


class Delivery:
    """Delivers for one holder to one ledger."""

    def __init__(self, connections: Connections, growth: Growth, tries: int = TRIES):
        self._connections, self._growth, self._tries = connections, growth, tries

    # --- one

    def send(self, octets: bytes) -> Receipt:
        """Send one submission, or send it again. Raises Refused, Unknown (NotProved), LogBroken, ServerError."""
        trouble: object = "no try was made"
        with self._connections.one() as client:
            for number in range(self._tries):
                try:
                    answer = client.attempt("POST", client.path("instructions"), octets, "text/plain")
                except CUT as error:
                    trouble = error
                    if (found := self.outcome(id_of(octets), octets)) is not None:
                        return found
                    client.wait(number)
                    continue
                if answer.status in (200, 201):
                    return self._proved(client, answer.octets, octets)
                if answer.status not in AGAIN and answer.status < 500:
                    raise self._refused(client, octets, answer)
                trouble = ServerError(answer.status, json_of(answer))
                client.wait(number, answer)
        raise Unknown(f"no outcome of {id_of(octets)}: {trouble}", octets)

    def outcome(self, id: str, octets: bytes = b"") -> Receipt | None:
        """The receipt of what is in the log, None where nothing is that this holder may see. Raises as `send` does."""
        try:
            path = f"instructions/{id}"
            answer = self._connections.reading(lambda client: client.good("GET", client.path(path)))
        except Unknown as error:
            raise Unknown(str(error), octets) from error
        except ServerError as error:
            if error.reason == "not_found":
                return None
            raise open_question(error, octets) from error
        try:
            receipt = receipt_of(answer.octets, self._growth.ledger, id, octets or None)
        except ReceiptError as error:
            raise NotProved(f"the receipt of {id} does not verify: {error}", octets) from error
        with self._connections.one() as client:
            return self._grown(client, receipt, octets)

    def _refused(self, client: Client, octets: bytes, answer: Response) -> Exception:
        """The ledger's refusal; of a request that never came to be judged, the server's problem."""
        body = json_of(answer)
        if answer.status not in REFUSED or not body.get("reason"):
            return ServerError(answer.status, body)
        self._check_anchor(client, str(body["reason"]))
        return Refused(id_of(octets), body)

    def _check_anchor(self, client: Client, reason: str) -> None:
        """A ledger that does not know the log that it has shown us is a stale copy, or a fork: raises LogBroken."""
        if reason in ANCHORS:
            self._growth.visit(client)

    def _proved(self, client: Client, answer: bytes, octets: bytes) -> Receipt:
        """The receipt in an answer; where it does not verify it is asked for once more, by its id."""
        try:
            receipt = receipt_of(answer, self._growth.ledger, id_of(octets), octets)
        except ReceiptError as error:
            found = self.outcome(id_of(octets), octets)
            if found is None:
                raise NotProved(f"the receipt of {id_of(octets)} does not verify: {error}", octets) from error
            return found
        return self._grown(client, receipt, octets)

    def _grown(self, client: Client, receipt: Receipt, octets: bytes) -> Receipt:
        """The receipt, its checkpoint proved against the log remembered."""
        self._growth.learn(*receipt.shown.operator)
        try:
            self._growth.prove(client, self._growth.read(client, receipt.checkpoint))
        except Malformed as error:
            raise NotProved(f"the checkpoint of {receipt.id} is not the operator's: {error}", octets) from error
        except (Unknown, ServerError) as error:
            raise NotProved(
                f"{receipt.id} is logged; that the log only grew is not shown yet: {error}", octets
            ) from error
        return receipt

    # --- many

    def send_many(self, submissions: Sequence[bytes]) -> list[Answer]:
        """Send many, in order; each one's answer as a value, none dropped. Raises LogBroken, ServerError."""
        answers: list[Answer] = []
        for part in parts_of(submissions):
            answers += self._send_part(part)
        return answers

    def _send_part(self, submissions: Sequence[bytes]) -> list[Answer]:
        """What was answered 503 goes again with all that comes after it, so that the order is kept."""
        given: list[dict[str, Any]] = []
        trouble: object = "no try was made"
        with self._connections.one() as client:
            for number in range(self._tries):
                rest = submissions[len(given) :]
                if not rest:
                    break
                try:
                    answer = self._post(client, rest)
                except CUT as error:
                    trouble = error
                    client.wait(number)
                    continue  # each of the same texts gets the outcome that it has
                if answer.status != 200 and answer.status not in AGAIN and answer.status < 500:
                    raise ServerError(answer.status, json_of(answer))
                fresh = _settled(json_of(answer), len(rest))
                given += fresh
                trouble = ServerError(answer.status, json_of(answer)) if answer.status != 200 else "answered in part"
                if len(fresh) < len(rest):
                    client.wait(number, answer)
        answers: list[Answer] = [self._answer(*pair) for pair in zip(submissions, given, strict=False)]
        return answers + [Unknown(f"no outcome of {id_of(octets)}: {trouble}", octets) for octets in
                          submissions[len(given) :]]  # fmt: skip

    def _post(self, client: Client, submissions: Sequence[bytes]) -> Response:
        body = json.dumps({"instructions": [octets.decode() for octets in submissions]}).encode()
        return client.attempt("POST", client.path("instructions"), body, "application/json")

    def _answer(self, octets: bytes, given: dict[str, Any]) -> Answer:
        """One of many answers, verified."""
        with self._connections.one() as client:
            try:
                if given["status"] in (200, 201):
                    return self._proved(client, json.dumps(given["receipt"]).encode(), octets)
                problem = given["problem"]
                if given["status"] in REFUSED:
                    self._check_anchor(client, str(problem["reason"]))
                    return Refused(id_of(octets), problem)
                return Unknown(f"no outcome of {id_of(octets)}: {problem}", octets)
            except Unknown as error:
                return error
            except (KeyError, TypeError) as error:
                return NotProved(f"the answer to {id_of(octets)} is garbled: {error}", octets)


def _settled(body: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """The outcomes up to the first that is to be asked for again; none where the answer is not as documented."""
    found = body.get("outcomes")
    if not isinstance(found, list) or len(found) != most or not all(isinstance(one, dict) for one in found):
        return []
    unsettled = [n for n, one in enumerate(found) if one.get("status") in AGAIN]
    return found[: unsettled[0]] if unsettled else found
