"""Payments of a file become signed transfers, each exactly once, whatever happens on the way.

Every signed text is on the disk, in a journal beside the keyring, before it is sent; so a process killed at any moment
goes on with the same texts, and the ledger answers one that it has with the outcome that it had. A text is replaced by
a fresh one only when the ledger says of it that it is not in the log and has expired. And each transfer carries a word
(`once`) made of the file and the row, which the payer's account can use one time: a row never counts twice, even for
someone who has lost the journal.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from ledger.ambient.ids import new_id
from ledger.client.admitting import Ledger, Members, Progress, Send, beside
from ledger.client.journal import Journal
from ledger.client.outcomes import Outcome
from ledger.client.writing import write
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, HolderId, InstructionId
from ledger.files.payments import Payment, Payments

VALID_S = 72_000  # how long a transfer may be accepted: less than a day, so that clocks may differ
BATCH = 1000


class Refused(NamedTuple):
    """A payment that the ledger does not accept (yet): its row and the reason."""

    row: int
    reason: str


class Report(NamedTuple):
    """Where an import stands. Amounts in minor units; `refused` and `bad` are kept for a later run to try again or
    for a person to mend."""

    rows: int
    logged: int
    logged_now: int
    amount: int
    refused: tuple[Refused, ...]

    @property
    def reasons(self) -> dict[str, int]:
        """Refusals counted by reason."""
        return dict(Counter(refused.reason for refused in self.refused).most_common())


class Import:
    """The payments of one file on their way into one ledger. A context manager; call `close`."""

    def __init__(self, file: Payments, members: Members, ledger: Ledger, send: Send, now: Callable[[], float]):
        self.file, self.members, self.ledger = file, members, ledger
        self._send, self._now = send, now
        path = beside(members.keyring.path, f"{file.digest[:16]}.payments")
        self._journal = Journal(path, {"file": file.digest, **ledger.header})
        self._texts: dict[int, str] = {}
        self.logged: dict[int, int] = {}  # row: log index
        self.refusals: dict[int, str] = {}  # row: the reason that it was last refused for
        self.ever: Counter[str] = Counter()  # reasons, of each row the first
        for record in self._journal.records[1:]:
            self._take(record)

    def _take(self, record: Mapping[str, Any]) -> None:
        if "text" in record:
            self._texts[record["row"]] = record["text"]
            return
        for row, log_index in record.get("logged", ()):
            self.logged[row] = log_index
        for row, reason in record.get("refused", ()):
            self.ever.update((reason,) * (row not in self.refusals))
            self.refusals[row] = reason

    @property
    def names(self) -> list[str]:
        """Everyone who pays or is paid, each once, in the order of the file."""
        return list(dict.fromkeys(name for one in self.file.payments for name in (one.payer, one.payee)))

    @property
    def waiting(self) -> list[Payment]:
        """The payments that are not in the log."""
        return [payment for payment in self.file.payments if payment.row not in self.logged]

    def run(self, progress: Progress = lambda done: None) -> Report:
        """Send what is not in the log yet, those refused before too; where it stands then. Raises Unknown from `send`:
        then run again."""
        before = len(self.logged)
        for batch in batches(self.waiting, BATCH):
            self._settle(batch)
            progress(len(batch))
        return self.report(before)

    def report(self, before: int | None = None) -> Report:
        """Where it stands; `before`: how many were in the log when a run began."""
        waiting = self.waiting
        refused = tuple(Refused(one.row, self.refusals[one.row]) for one in waiting if one.row in self.refusals)
        amount = sum(one.amount for one in self.file.payments if one.row in self.logged)
        now = len(self.logged) - (len(self.logged) if before is None else before)
        return Report(len(self.file.payments), len(self.logged), now, amount, refused)

    def _settle(self, batch: Sequence[Payment]) -> None:
        self._sign([payment for payment in batch if payment.row not in self._texts])
        expired = self._submit(batch)
        if expired:
            self._sign(expired)
            self._submit(expired)

    def _sign(self, payments: Sequence[Payment]) -> None:
        """Sign, and have the texts on the disk before this returns."""
        not_after = int(self._now()) + VALID_S
        self._record([self._transfer(payment, not_after) for payment in payments])
        self._journal.sync()

    def _transfer(self, payment: Payment, not_after: int) -> dict[str, Any]:
        payer, payee = self.members.id_of(payment.payer), self.members.id_of(payment.payee)
        asked = Transfer(AccountId(payer), AccountId(payee), payment.amount, once=self.file.once(payment.row))
        draft = write("transfer", asked, origin=self.ledger.origin, id=InstructionId(new_id()), not_after=not_after,
                      anchor=self.ledger.anchor, texts={"memo": payment.memo} if payment.memo else None)  # fmt: skip
        signed = draft.signed([(HolderId(payer), self.members.keyring.seed(payer))])
        return {"row": payment.row, "text": signed.decode()}

    def _submit(self, payments: Sequence[Payment]) -> list[Payment]:
        """Send their texts and record the outcomes; those whose texts have expired, unlogged."""
        outcomes = self._send([self._texts[payment.row].encode() for payment in payments])
        logged, refused, expired = [], [], []
        for payment, outcome in zip(payments, outcomes, strict=True):
            log_index = self._log_index(payment, outcome)
            if log_index is not None:
                logged.append((payment.row, log_index))
            elif outcome.reason == "expired":
                expired.append(payment)
            else:
                refused.append((payment.row, outcome.reason))
        self._record([{"logged": logged, "refused": refused}])
        return expired

    def _log_index(self, payment: Payment, outcome: Outcome) -> int | None:
        """Where the payment is in the log. A word that is used says that an earlier text of this row was accepted."""
        if outcome.reason == "once_used" and outcome.details.get("once") == self.file.once(payment.row):
            return int(outcome.details["log_index"])
        return outcome.log_index

    def _record(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._journal.append(records)
        for record in records:
            self._take(record)

    def close(self) -> None:
        """Let others have the journal."""
        self._journal.sync()
        self._journal.close()

    def __enter__(self) -> "Import":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def batches(items: Iterable[Payment], size: int) -> Iterator[list[Payment]]:
    """Items in groups of at most `size`."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
