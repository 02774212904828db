"""From submissions to answers: verified in the request's thread, decided in the order given, each with its outcome.

The answer to one is a receipt (201 for an entry made now, 200 for one that the same text made before) or a problem.
Many at once are answered 200 with `{"outcomes": [{"status", "receipt" or "problem"}]}`, in order, none dropped.
"""

from typing import Any

from ledger.api.answering import Answer, Answered
from ledger.api.problems import of_refusal, of_unavailable
from ledger.api.served import Served
from ledger.core.refusals import Refusal
from ledger.intake.submission import Prepared
from ledger.store.errors import Unavailable

SUBMISSION_MOST = 20 * 1024 * 1024  # octets of one submission (docs/formats.md, Bounds)
MANY_MOST = 32 * 1024 * 1024  # octets of a body of many
MANY = 1000  # submissions of a body


def submit_one(served: Served, octets: bytes) -> Answer:
    """The answer to one submission; raises Problem or Unavailable."""
    prepared = served.door.verify(octets)
    if isinstance(prepared, Refusal):
        raise of_refusal(prepared)
    (answer,) = served.answers([prepared])
    if isinstance(answer, Exception):
        raise answer
    return answer


def submit_many(served: Served, submissions: list[str]) -> list[dict[str, Any]]:
    """One outcome a submission, in order. Raises Unavailable only where nothing was submitted at all."""
    verified = [_verify(served, submission) for submission in submissions]
    answers = iter(served.answers([item for item in verified if isinstance(item, Prepared)]))
    return [_outcome(of_refusal(item) if isinstance(item, Refusal) else next(answers)) for item in verified]


def _verify(served: Served, submission: str) -> Prepared | Refusal:
    try:
        octets = submission.encode("utf-8")
    except UnicodeEncodeError:
        return Refusal("malformed", {"what": "a lone surrogate"})
    return served.door.verify(octets)


def _outcome(answer: Answered) -> dict[str, Any]:
    if isinstance(answer, Answer):
        return {"status": answer.status, "receipt": answer.receipt}
    body = (of_unavailable(answer) if isinstance(answer, Unavailable) else answer).body
    return {"status": body["status"], "problem": body}
