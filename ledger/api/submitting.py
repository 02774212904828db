"""From submissions to answers: verified in the request's thread, decided in the order given, each with its outcome.

The answer to one is a receipt (201 for an entry made now, 200 for one that the same text made before) or a problem.
Many at once are answered 200 with `{"outcomes": [{"status", "receipt" or "problem"}]}`, in order, none dropped.
"""

from collections.abc import Sequence
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
from ledger.service.receipts import Wanted
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


Waiting = tuple[Prepared, "Future[Logged]"]


def submit_one(served: Served, octets: bytes) -> Answer:
    """The answer to one submission; raises Problem or Unavailable."""
    prepared = served.door.verify(octets)
    if isinstance(prepared, Refusal):
        raise of_refusal(prepared)
    (answer,) = _answers(served, list(zip([prepared], served.put([prepared]), strict=True)))
    if isinstance(answer, Exception):
        raise answer
    return answer


def submit_many(served: Served, submissions: list[str]) -> list[dict[str, Any]]:
    """One outcome a submission, in order. Raises Unavailable only where nothing was submitted at all."""
    verified = [_verify(served, submission) for submission in submissions]
    accepted = [item for item in verified if isinstance(item, Prepared)]
    answers = iter(_answers(served, list(zip(accepted, served.put(accepted), strict=True))))
    return [_outcome(of_refusal(item) if isinstance(item, Refusal) else next(answers)) for item in verified]


def _verify(served: Served, submission: str) -> Prepared | Refusal:
    try:
        octets = submission.encode("utf-8")
    except UnicodeEncodeError:
        return Refusal("malformed", {"what": "a lone surrogate"})
    return served.door.verify(octets)


def _outcome(answer: "Answer | Problem | Unavailable") -> dict[str, Any]:
    if isinstance(answer, Answer):
        return {"status": answer.status, "receipt": answer.receipt}
    body = (of_unavailable(answer) if isinstance(answer, Unavailable) else answer).body
    return {"status": body["status"], "problem": body}


def _answers(served: Served, waiting: Sequence[Waiting]) -> list["Answer | Problem | Unavailable"]:
    """What each came to, in order; the receipts of one batch are made together."""
    answers: list[Any] = [_logged(*item) for item in waiting]
    for note in dict.fromkeys(one.checkpoint for one in answers if isinstance(one, Logged)):
        places = [n for n, one in enumerate(answers) if isinstance(one, Logged) and one.checkpoint == note]
        batch = [(waiting[n][0], answers[n].outcome) for n in places]
        for n, answer in zip(places, _accepted(served, batch, note), strict=True):
            answers[n] = answer
    return answers


def _accepted(
    served: Served, batch: Sequence[tuple[Prepared, Accepted | Repeat]], note: bytes
) -> Sequence[Answer | Unavailable]:
    """The answers to what is in the log, covered by one checkpoint."""
    try:
        receipts = _receipts(served, batch, note)
    except Unavailable as error:
        return [error] * len(batch)
    return [
        Answer(201 if isinstance(outcome, Accepted) else 200, receipt, prepared.instruction.id)
        for (prepared, outcome), receipt in zip(batch, receipts, strict=True)
    ]


def _logged(prepared: Prepared, future: "Future[Logged]") -> "Logged | Problem | Unavailable":
    """What a future came to: in the log, or why not."""
    try:
        logged = answer_of(future)
    except Unavailable as error:
        return error
    if isinstance(logged.outcome, Refusal):
        return of_refusal(logged.outcome)
    if isinstance(logged.outcome, Defect):
        return Problem("defect", id=prepared.instruction.id.hex(), what="nothing of the instruction was written")
    return logged


def _receipts(served: Served, batch: Sequence[tuple[Prepared, Accepted | Repeat]], note: bytes) -> list[dict[str, Any]]:
    """The receipts for whoever signed here and is a party; for others the log index and the entry."""
    wanted = [
        Wanted(outcome.log_index, _signers(served, prepared), getattr(outcome, "row", None), prepared.texts)
        for prepared, outcome in batch
    ]
    return [
        receipt if receipt is not None else {"entry": public_line(served, one.log_index, note)}
        for one, receipt in zip(wanted, served.receipts.of(wanted, note), strict=True)
    ]


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
