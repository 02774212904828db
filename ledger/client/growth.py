"""That the log only grew since this holder last looked: every checkpoint is proved against the memory of the last.

It begins with the identity, which the statutes print: the genesis that the server shows must hash to it, and names the
operator whose key signs checkpoints. A log that is shorter than before, or another, is evidence: it is written down,
and raised as `LogShrunk` or `LogForked` with both checkpoints.
"""

import hashlib
from typing import Any

from ledger.client.admitting import Ledger
from ledger.client.http import Client, ServerError
from ledger.client.memory import Memory, Seen
from ledger.client.outcomes import Unknown
from ledger.core.forms import BadForm
from ledger.core.ledgers import LedgerOpened
from ledger.core.machine import FORMS
from ledger.log import base64s, checkpoint, consistency, entry, instruction, merkle
from ledger.log import policy as policies
from ledger.log.malformed import Malformed
from ledger.log.policy import Policy, Verified

TRIES = 6  # a server of several processes may take a moment to know what another has signed


class LogBroken(Exception):
    """The log is not the one that it was: `remembered` and `shown` are both checkpoints, `evidence` the file that keeps
    them (None where it could not be written). Pay nothing more; take the file to the auditor."""

    def __init__(self, what: str, remembered: Seen, shown: Seen, evidence: Any):
        kept = f"kept in {evidence}" if evidence else "which could not be written to a file"
        super().__init__(f"{what}; the evidence is {kept}: pay nothing more, and show it to the ledger's auditor")
        self.remembered, self.shown, self.evidence = remembered, shown, evidence


class LogForked(LogBroken):
    """Two logs: the operator has signed a checkpoint that does not continue the one remembered."""


class LogShrunk(LogBroken):
    """The server's latest signed log is shorter than one that it has signed before."""


class NotProved(Unknown):
    """The server says so and shows nothing that proves it. Ask again: the answer may have been garbled on its way."""


class WrongLedger(Exception):
    """The server serves another ledger than the one whose identity was given."""


class Growth:
    """Proves checkpoints against a memory. Any thread may use it, each with a client of its own."""

    def __init__(self, ledger: Ledger, memory: Memory):
        self.ledger, self.memory = ledger, memory
        self._genesis: LedgerOpened | None = None
        self._operators: dict[int, bytes] = {}  # further keys, each by the log index that named it

    # --- what there is to prove

    def visit(self, client: Client) -> Seen:
        """Look at the latest checkpoint; raises LogBroken, NotProved, WrongLedger, Unknown."""
        for number in range(TRIES):
            latest = self._latest(client, number)
            if latest.size >= self.memory.read().size:
                self.prove(client, latest)
                return latest
            client.wait(number)
        raise self._broken(LogShrunk, "the log is shorter than it was", self.memory.read(), latest)

    def prove(self, client: Client, shown: Seen) -> None:
        """Prove that a checkpoint, signed by the operator, and the one remembered are of one log; remember the larger.
        Raises LogBroken, NotProved, WrongLedger, Unknown."""
        while True:
            known = self.memory.read()
            if known.size == shown.size:
                if known.root != shown.root:
                    raise self._broken(LogForked, f"two logs of {known.size} entries", known, shown)
                return
            self._prove(client, known, shown)
            if shown.size < known.size or self.memory.swap(known, shown):
                return

    def witnessed(self, client: Client, policy: Policy) -> Verified:
        """The published checkpoint, which enough witnesses of a policy cosigned, proved to be of the log remembered.
        Raises LogBroken, NotProved, WrongLedger, Unknown."""
        try:
            note = client.checkpoint()
            verified = policies.verify(policy, note)
            shown = self.read(client, note)
        except Malformed as error:
            raise NotProved(f"{client.server}: {error}") from error
        except ServerError as error:
            raise open_question(error) from error
        self.prove(client, shown)
        return verified

    def read(self, client: Client, note: bytes) -> Seen:
        """A checkpoint, if the operator of this ledger has signed it; raises Malformed, WrongLedger, NotProved."""
        operators = {0: self.genesis(client).operator} | self._operators
        size = checkpoint.parse(note).size
        found = checkpoint.verify(
            note, self.ledger.origin, operators[max(since for since in operators if since < size)]
        )
        return Seen(found.size, found.root, note)

    def learn(self, since: int, operator: bytes) -> None:
        """The operator's key of every size beyond this log index, as a verified receipt has shown: the administrators
        signed the change."""
        self._operators[since] = operator

    def genesis(self, client: Client) -> LedgerOpened:
        """What the genesis says, whose leaf hash is the identity; raises WrongLedger, NotProved, Unknown."""
        if self._genesis is None:
            self._genesis = self._read_genesis(client)
        return self._genesis

    # --- how it is proved

    def _latest(self, client: Client, number: int) -> Seen:
        for again in range(number, TRIES):
            try:
                return self.read(client, client.newest())
            except Malformed:
                client.wait(again)
            except ServerError as error:
                raise open_question(error) from error
        raise NotProved(f"{client.server}: no checkpoint that the operator has signed")

    def _prove(self, client: Client, known: Seen, shown: Seen) -> None:
        """A proof is asked for several times: one that fails may have been garbled, or a process may lag behind."""
        small, large = sorted((known, shown))
        trouble: Exception | None = None
        for number in range(TRIES):
            try:
                proof = consistency.parse(client.consistency(small.size, large.size))
                found = self.read(client, proof.checkpoint)
            except (Malformed, ServerError) as error:
                trouble = error
            else:
                if found.size == large.size and found.root != large.root:
                    raise self._broken(LogForked, f"two logs of {large.size} entries", large, found)
                trouble = None if found.size == large.size else Malformed(f"it leads to size {found.size}")
                if trouble is None and merkle.verify_consistency(
                    small.size, large.size, small.root, large.root, proof.path
                ):
                    return
            client.wait(number)
        raise self._unproved(client, known, shown, trouble)

    def _unproved(self, client: Client, known: Seen, shown: Seen, trouble: Exception | None) -> Exception:
        """What it means that no proof came, after patience."""
        large = max(known, shown)
        if trouble is None:
            what = f"the log of {large.size} entries does not continue that of {min(known, shown).size}"
            return self._broken(LogForked, what, known, shown)
        if isinstance(trouble, ServerError) and trouble.status not in (400, 404):
            return open_question(trouble)
        if isinstance(trouble, ServerError):  # it knows of no checkpoint that large
            latest = self._latest(client, 0)
            if latest.size < large.size:
                return self._broken(LogShrunk, "the log is shorter than it was", large, latest)
        return NotProved(f"{client.server}: no consistency proof ({trouble})")

    def _broken(self, kind: type[LogBroken], what: str, remembered: Seen, shown: Seen) -> LogBroken:
        evidence = {"what": what, "remembered": _plain(remembered), "shown": _plain(shown)}
        try:
            return kind(what, remembered, shown, self.memory.keep_evidence(evidence))
        except OSError:
            return kind(what, remembered, shown, None)

    def _read_genesis(self, client: Client) -> LedgerOpened:
        try:
            client.token = ""  # public, and a token whose hour is over would be refused
            given = client.entry(0)
        except ServerError as error:
            raise open_question(error) from error
        try:
            octets, note = str(given["entry"]).encode(), str(given["note"]).encode()
            if entry.leaf_hash(octets) != self.ledger.identity:
                raise WrongLedger(f"{client.server}: the genesis there is not the one whose identity was given")
            if hashlib.sha256(note).digest() != entry.parse(octets).instruction:
                raise NotProved(f"{client.server}: the genesis is not the note that its entry names")
            asked: LedgerOpened = FORMS["genesis"].read(instruction.parse(note).object)[0]
        except (KeyError, Malformed, BadForm, UnicodeEncodeError) as error:
            raise NotProved(f"{client.server}: no genesis ({error})") from error
        if asked.origin != self.ledger.origin:
            raise WrongLedger(f"{client.server}: the genesis there is of {asked.origin}, not of {self.ledger.origin}")
        return asked


def open_question(error: ServerError, octets: bytes = b"") -> Exception:
    """What a server that cannot answer now leaves open; any other problem is itself."""
    return Unknown(str(error), octets) if error.status == 429 or error.status >= 500 else error


def _plain(seen: Seen) -> dict[str, Any]:
    return {"size": seen.size, "root": base64s.encode(seen.root), "checkpoint": seen.checkpoint.decode()}
