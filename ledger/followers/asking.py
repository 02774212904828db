"""One witness, asked over HTTP for its cosignature (C2SP `tlog-witness`, add-checkpoint), within bounds.

The witness is somebody else's machine: it may be slow, send without end, or lie. An answer is read up to ANSWER_MOST
octets for TIMEOUT_S at most, and a line counts only if it is this witness's on this checkpoint.
"""

import http.client
import re
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult

from ledger.log import checkpoint, consistency, cosignature, notes
from ledger.log.malformed import Malformed
from ledger.log.policy import Witness

TIMEOUT_S = 10.0
ANSWER_MOST = 64 * 1024  # octets
SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")
CUT = (OSError, http.client.HTTPException)
TRIES = 3  # of one checkpoint: each but the last may be told another size to begin at

Consistency = Callable[[int, int], list[bytes]]  # the proof from an old size to a new one


class NotCosigned(Exception):
    """The witness has not cosigned. `outcome` is one of unreachable, refused, invalid, ahead, fork."""

    def __init__(self, outcome: str, what: str):
        super().__init__(what)
        self.outcome = outcome


class Answer(NamedTuple):
    """Status and body."""

    status: int
    octets: bytes


class Asked:
    """A witness and the way to it; for one thread. Remembers the last size that it has seen of this log."""

    def __init__(self, witness: Witness, address: SplitResult, proof: Consistency):
        self.witness, self._proof = witness, proof
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(str(address.hostname), address.port, timeout=TIMEOUT_S)
        self._path = address.path.rstrip("/") + "/add-checkpoint"
        self._seen = 0
        self._used = False

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def cosign(self, note: bytes) -> str:
        """The witness's line on a signed checkpoint, verified; raises NotCosigned, Unavailable."""
        signed = checkpoint.parse(note)
        for _ in range(TRIES):
            if self._seen > signed.size:
                raise NotCosigned(
                    "ahead", f"it has cosigned {self._seen} entries, and this is a checkpoint of {signed.size}"
                )
            path = self._proof(self._seen, signed.size) if 0 < self._seen < signed.size else []
            answer = self._post(consistency.format(self._seen, path, note))
            if answer.status == 200:
                line = self._line(answer.octets, signed.text)
                self._seen = signed.size
                return line
            self._go_on_from(answer, signed.size)
        raise NotCosigned("refused", "it names another size each time")

    def _go_on_from(self, answer: Answer, size: int) -> None:
        """Take the size that a conflict names; raises NotCosigned on any other answer."""
        if answer.status != 409:
            said = answer.octets[:100].decode(errors="replace").strip()
            raise NotCosigned("refused", f"it answers {answer.status}: {said}")
        matched = SIZE.fullmatch(answer.octets)
        if matched is None:
            raise NotCosigned("invalid", "its 409 names no size")
        latest = int(matched[1])
        if latest == self._seen == size:
            raise NotCosigned("fork", f"it has cosigned another log of {size} entries than this one")
        self._seen = latest

    def _line(self, octets: bytes, text: bytes) -> str:
        """Of the lines of an answer that which is this witness's on the text; the others say nothing."""
        try:
            lines = [notes.parse_line(line) for line in octets.decode().split("\n")[:-1]]
            name, public = self.witness.key_name, self.witness.public
            for line in lines:
                if cosignature.is_of(line, name, public):
                    cosignature.verify(line, name, public, text)
                    return notes.format_line(line.name, line.key_id, line.signature)
        except (Malformed, UnicodeDecodeError) as error:
            raise NotCosigned("invalid", f"its answer is no cosignature: {error}") from error
        raise NotCosigned("invalid", "its answer has no line of the key that the policy names")

    # --- over the network

    def _post(self, body: bytes) -> Answer:
        """The answer; a connection that was kept may have been closed meanwhile, so a fresh one is tried then."""
        try:
            if self._used:
                try:
                    return self._once(body)
                except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                    self._connection.close()
            return self._once(body)
        except CUT as error:
            self._connection.close()
            raise NotCosigned("unreachable", f"it does not answer: {error or type(error).__name__}") from error

    def _once(self, body: bytes) -> Answer:
        self._used = False
        until = time.monotonic() + TIMEOUT_S
        self._connection.request("POST", self._path, body, {"Content-Type": "text/plain"})
        answer = self._connection.getresponse()
        octets = b""
        while part := answer.read1(8192):
            octets += part
            if len(octets) > ANSWER_MOST or time.monotonic() > until:
                raise http.client.HTTPException("its answer is too long, or comes too slowly")
        answer.close()  # read whole: read1 alone does not say so, and the connection would not be used again
        self._used = True
        return Answer(answer.status, octets)
