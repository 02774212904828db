"""What outcomes come to: for what is in the log a receipt, for what is not the problem.

The receipts of a batch are made together, by whoever hears of its outcomes: its paths share most of their hashes, and a
thread that is woken with its receipt in hand has only to send it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.api.problems import Problem, of_refusal
from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.intake.submission import Prepared
from ledger.log import checkpoint, entry
from ledger.sequencer.sequencer import Logged
from ledger.service.door import Accepted, Defect
from ledger.service.receipts import Receipts, Wanted
from ledger.store import logins, queries
from ledger.store.errors import Unavailable


class Answer(NamedTuple):
    """What a submission came to: 201 or 200 and the receipt, and the id of its instruction."""

    status: int
    receipt: dict[str, Any]
    id: bytes


Answered = Answer | Problem | Unavailable


class Answering:
    """Answers for one ledger. Threads may share it."""

    def __init__(self, receipts: Receipts):
        self._receipts, self._store, self._ledger_id = receipts, receipts.store, receipts.ledger_id

    def of(self, batch: Sequence[tuple[Prepared, Logged]]) -> list[Answered]:
        """What each came to, in order; those under one checkpoint are made together."""
        answers: list[Any] = [_refused(prepared, logged) for prepared, logged in batch]
        places_under: dict[bytes, list[int]] = {}
        for n, (_, logged) in enumerate(batch):
            if answers[n] is None:
                places_under.setdefault(logged.checkpoint, []).append(n)
        for note, places in places_under.items():
            made = self._accepted([(batch[n][0], batch[n][1].outcome) for n in places], note)
            for n, answer in zip(places, made, strict=True):
                answers[n] = answer
        return answers

    def _accepted(self, batch: Sequence[tuple[Prepared, Any]], note: bytes) -> Sequence[Answered]:
        """The answers to what is in the log, covered by one checkpoint."""
        try:
            receipts = self._made(batch, note)
        except Unavailable as error:
            return [error] * len(batch)
        return [
            Answer(201 if isinstance(outcome, Accepted) else 200, receipt, prepared.instruction.id)
            for (prepared, outcome), receipt in zip(batch, receipts, strict=True)
        ]

    def _made(self, batch: Sequence[tuple[Prepared, Accepted | Repeat]], note: bytes) -> list[dict[str, Any]]:
        """The receipts for whoever signed here and is a party; for others the log index and the entry."""
        wanted = [
            Wanted(outcome.log_index, self._signers(prepared), getattr(outcome, "row", None), prepared.texts)
            for prepared, outcome in batch
        ]
        return [
            receipt if receipt is not None else {"entry": self._public_line(one.log_index, note)}
            for one, receipt in zip(wanted, self._receipts.of(wanted, note), strict=True)
        ]

    def _signers(self, prepared: Prepared) -> list[bytes]:
        """The holders who signed, administrators first, as they see the most of what they signed."""
        holders = sorted({signer.holder for signer in prepared.instruction.signers})
        if len(holders) == 1:
            return list(holders)
        first = logins.administrators(self._store, self._ledger_id)
        return sorted(holders, key=lambda holder: holder not in first)

    def _public_line(self, log_index: int, note: bytes) -> dict[str, Any]:
        """Log index and entry, as anyone may see them."""
        found = queries.public_entry(self._store, self._ledger_id, log_index, checkpoint.parse(note).size)
        if found is None:
            raise Unavailable("the checkpoint does not cover the entry yet")
        return {"log_index": log_index, "entry": entry.encode(found.time, found.note_hash, found.events_root).decode()}


def _refused(prepared: Prepared, logged: Logged) -> Problem | None:
    """Why it is not in the log; None where it is."""
    if isinstance(logged.outcome, Refusal):
        return of_refusal(logged.outcome)
    if isinstance(logged.outcome, Defect):
        return Problem("defect", id=prepared.instruction.id.hex(), what="nothing of the instruction was written")
    return None
