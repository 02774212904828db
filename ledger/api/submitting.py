"""From submissions to answers: verified in the request's thread, decided in the order given, each with its outcome.

The answer to one is a receipt (201 for an entry made now, 200 for one that the same text made before) or a problem.
Many at once are answered 200 with `{"outcomes": [{"status", "receipt" or "problem"}]}`, in order, none dropped.
"""

from concurrent.futures import Future
from typing import Any, NamedTuple

from ledger.api.problems import Problem, of_refusal, of_unavailable
from ledger.api.served import Served, answer_of
from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.intake.submission import Prepared
from ledger.log import checkpoint, entry
from ledger.sequencer.sequencer import Logged
from ledger.service.door import Accepted, Defect
from ledger.service.receipts import receipt_of
from ledger.store import logins, queries
from ledger.store.errors import Unavailable

SUBMISSION_MOST = 20 * 1024 * 1024  # octets of one submission (docs/formats.md, Bounds)
MANY_MOST = 32 * 1024 * 1024  # octets of a body of many
MANY = 1000  # submissions of a body


class Answer(NamedTuple):
    """What a submission came to: 201 or 200 and the receipt, and the id of its instruction."""

    status: int
    receipt: dict[str, Any]
    id: bytes


def submit_one(served: Served, octets: bytes) -> Answer:
    """The answer to one submission; raises Problem or Unavailable."""
    prepared = served.door.verify(octets)
    if isinstance(prepared, Refusal):
        raise of_refusal(prepared)
    (future,) = served.put([prepared])
    return _answer(served, prepared, future)


def submit_many(served: Served, submissions: list[str]) -> list[dict[str, Any]]:
    """One outcome a submission, in order. Raises Unavailable only where nothing was submitted at all."""
    verified = [_verify(served, submission) for submission in submissions]
    accepted = [item for item in verified if isinstance(item, Prepared)]
    futures = iter(served.put(accepted))
    waiting = [item if isinstance(item, Refusal) else (item, next(futures)) for item in verified]
    return [_outcome(served, item) for item in waiting]


def _verify(served: Served, submission: str) -> Prepared | Refusal:
    try:
        octets = submission.encode("utf-8")
    except UnicodeEncodeError:
        return Refusal("malformed", {"what": "a lone surrogate"})
    return served.door.verify(octets)


def _outcome(served: Served, item: Refusal | tuple[Prepared, "Future[Logged]"]) -> dict[str, Any]:
    try:
        if isinstance(item, Refusal):
            raise of_refusal(item)
        answer = _answer(served, *item)
    except Unavailable as error:
        return _failed(of_unavailable(error))
    except Problem as problem:
        return _failed(problem)
    return {"status": answer.status, "receipt": answer.receipt}


def _failed(problem: Problem) -> dict[str, Any]:
    body = problem.body
    return {"status": body["status"], "problem": body}


def _answer(served: Served, prepared: Prepared, future: "Future[Logged]") -> Answer:
    outcome, note = answer_of(future)
    if isinstance(outcome, Refusal):
        raise of_refusal(outcome)
    if isinstance(outcome, Defect):
        raise Problem("defect", id=prepared.instruction.id.hex(), what="nothing of the instruction was written")
    return Answer(201 if isinstance(outcome, Accepted) else 200, _receipt(served, prepared, outcome, note),
                  prepared.instruction.id)  # fmt: skip


def _receipt(served: Served, prepared: Prepared, outcome: Accepted | Repeat, note: bytes) -> dict[str, Any]:
    """The receipt for whoever signed here and is a party; for others the log index and the entry."""
    for holder in _signers(served, prepared):
        receipt = receipt_of(served.store, served.ledger_id, outcome.log_index, holder, note)
        if receipt is not None:
            return receipt
    return {"entry": public_line(served, outcome.log_index, note)}


def _signers(served: Served, prepared: Prepared) -> list[bytes]:
    """The holders who signed, administrators first, as they see the most of what they signed."""
    holders = sorted({signer.holder for signer in prepared.instruction.signers})
    if len(holders) == 1:
        return list(holders)
    first = logins.administrators(served.store, served.ledger_id)
    return sorted(holders, key=lambda holder: holder not in first)


def public_line(served: Served, log_index: int, note: bytes) -> dict[str, Any]:
    """Log index and entry, as anyone may see them."""
    found = queries.public_entry(served.store, served.ledger_id, log_index, checkpoint.parse(note).size)
    if found is None:
        raise Unavailable("the checkpoint does not cover the entry yet")
    return {"log_index": log_index, "entry": entry.encode(found.time, found.note_hash, found.events_root).decode()}
