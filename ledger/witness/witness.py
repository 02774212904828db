"""Whether a checkpoint is cosigned: add-checkpoint of C2SP `tlog-witness`, from the octets of a request to its answer.

body: old N LF, the consistency proof from N, empty line, the checkpoint
200   the cosignature, on disk as the latest of its log
400 malformed | 403 signed by no key that is known | 404 no log that is known
409 N is not the latest size, which the answer tells; or the same size with another root, which is a fork
422 the proof does not lead from the latest to this
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.log import checkpoint, consistency, cosignature, keys, merkle, notes
from ledger.log.consistency import Consistency
from ledger.log.keys import COSIGNER
from ledger.log.malformed import Malformed
from ledger.log.policy import Log
from ledger.witness.state import Latest, State

logger = logging.getLogger(__name__)
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


class Answer(NamedTuple):
    """An HTTP status, a body and its media type."""

    status: int
    text: str
    media_type: str = TEXT


class Shown(NamedTuple):
    """A log as a request shows it."""

    origin: str
    size: int
    root: bytes
    text: bytes
    note: bytes
    old: int
    path: tuple[bytes, ...]


class Refused(Exception):
    """The request gets this answer, and nothing has changed."""

    def __init__(self, answer: Answer):
        super().__init__(answer.text)
        self.answer = answer


class Witness:
    """A witness of these logs, by the name and seed of its key. Any thread may use it. `clock` is in Unix seconds."""

    def __init__(self, name: str, seed: bytes, logs: Iterable[Log], state: State, clock: Callable[[], float]):
        self.vkey = keys.vkey(name, keys.public_of(seed), COSIGNER)
        self.logs: Mapping[str, Sequence[bytes]] = _by_origin(logs)
        self._name, self._seed, self._state, self._clock = name, seed, state, clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to a request; raises StateError where the disk fails, and then nothing is cosigned."""
        try:
            shown = self._read(body)
            with self._state.changing(shown.origin) as change:
                self._check(change.latest, shown)
                time = max(int(self._clock()), change.latest.time)  # of what was seen later no earlier time is said
                change.put(Latest(shown.size, shown.root, shown.note, time))
        except Refused as refused:
            return refused.answer
        return Answer(200, cosignature.make(self._seed, self._name, shown.text, time) + "\n")

    def latest(self) -> list[tuple[str, Latest]]:
        """What was cosigned last of each log, by origin; raises StateError."""
        return [(origin, self._state.latest(origin)) for origin in sorted(self.logs)]

    def _read(self, body: bytes) -> Shown:
        """What a request shows, signed by a key that is known for its origin."""
        try:
            shown = _shown(consistency.parse(body))
        except Malformed as error:
            raise Refused(Answer(400, f"{error}\n")) from error
        if shown.origin not in self.logs:
            raise Refused(Answer(404, "no log that this witness knows\n"))
        if not self._is_signed(shown):
            raise Refused(Answer(403, "signed by no key that this witness knows of the log\n"))
        if shown.old > shown.size:
            raise Refused(Answer(400, f"the old size is {shown.old}, and the checkpoint is of {shown.size}\n"))
        return shown

    def _is_signed(self, shown: Shown) -> bool:
        """Whether one of the lines is a signature by a key that is known for the origin; the others say nothing."""
        try:
            lines = notes.open_note(shown.note)[1]
        except Malformed:
            return False
        known = [(keys.key_id(shown.origin, public), public) for public in self.logs[shown.origin]]
        return any(
            (line.name, line.key_id) == (shown.origin, key_id) and keys.verify(public, line.signature, shown.text)
            for line in lines
            for key_id, public in known
        )

    def _check(self, latest: Latest, shown: Shown) -> None:
        """Refuse what does not provably go on from the latest."""
        if shown.old != latest.size:
            raise Refused(_conflict(latest))
        if shown.size == latest.size and shown.root != latest.root:
            said = {"origin": shown.origin, "cosigned": latest.note.decode(), "shown": shown.note.decode()}
            logger.error("a fork: the log has signed two roots of one size", extra=said)
            raise Refused(_conflict(latest))
        if not _goes_on(latest, shown):
            said = {"origin": shown.origin, "seen": latest.note.decode(), "shown": shown.note.decode()}
            logger.warning("the proof does not lead to a checkpoint that the log has signed", extra=said)
            raise Refused(Answer(422, f"the consistency proof from size {latest.size} does not lead to this root\n"))


def _by_origin(logs: Iterable[Log]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for log in logs:
        found.setdefault(log.origin, []).append(log.public)
    return found


def _shown(asked: Consistency) -> Shown:
    text = asked.checkpoint.rpartition(b"\n\n")[0] + b"\n"
    origin, size, root = checkpoint.parse_body(text, extended=True)
    return Shown(origin, size, root, text, asked.checkpoint, asked.old, asked.path)


def _conflict(latest: Latest) -> Answer:
    return Answer(409, f"{latest.size}\n", SIZE)


def _goes_on(latest: Latest, shown: Shown) -> bool:
    """Whether the path leads from the latest to what is shown; from nothing, and to itself, there is none."""
    if latest.size == 0 or shown.size == latest.size:
        return not shown.path
    return merkle.verify_consistency(latest.size, shown.size, latest.root, shown.root, shown.path)
