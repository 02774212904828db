"""Collecting: each new checkpoint is shown to the witnesses of a policy, and what they cosign is kept.

One thread a witness, so that a slow or dead one delays nobody. All ask for the same checkpoint at a time, in rounds:
would each take the newest, under load no two would ever sign the same, and no quorum would come together. A round is
over when the quorum is met, or everybody who is not resting has answered; whoever fails rests, for longer each time.

Of a server's processes the one that writes collects. Transfers never wait for any of this.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from ledger.followers.asking import TIMEOUT_S, Asked, NotCosigned
from ledger.log import notes
from ledger.log.policy import Policy
from ledger.service.witnessed import address_of, latest_met
from ledger.store import cosignatures, queries
from ledger.store.cosignatures import Kept
from ledger.store.database import Store
from ledger.store.errors import Unavailable

logger = logging.getLogger(__name__)
PAUSE_S = 1.0  # between rounds: a witness is asked once a second at most
ROUND_S = 2 * TIMEOUT_S  # after which a round is over though somebody has not answered
POLL_S = 0.1
ANSWERS = ("cosigned", "ahead")  # outcomes after which a witness is not asked for this checkpoint again
REST_S, REST_MOST_S = 1.0, 300.0  # after a first failure; after many

Latest = Callable[[], tuple[int, bytes]]  # size and note of the newest checkpoint; raises Unavailable
Watch = Callable[[str, str, int], None]  # told of each answer: the witness's name, an outcome, the size asked for


class Rounds:
    """Which checkpoint is shown to all witnesses of these names now. Any thread may use it."""

    def __init__(
        self, names: frozenset[str], policy: Policy, latest: Latest, clock: Callable[[], float] = time.monotonic
    ):
        self._names, self._policy, self._latest, self._clock = names, policy, latest, clock
        self._lock = threading.Lock()
        self._target: tuple[int, bytes] | None = None
        self._began = self._looked = float("-inf")
        self._cosigned: set[str] = set()
        self._open: set[str] = set()  # those whose answer the round waits for
        self._resting: set[str] = set()

    def target(self) -> tuple[int, bytes] | None:
        """Size and note of the round's checkpoint; None before the first is signed. Raises Unavailable."""
        with self._lock:
            now = self._clock()
            if now - self._looked >= PAUSE_S and self._is_over(now):
                self._looked = now
                self._begin(now)
            return self._target

    def _is_over(self, now: float) -> bool:
        met = self._target is not None and self._policy.is_met(self._cosigned)
        return met or not self._open or now - self._began >= ROUND_S

    def _begin(self, now: float) -> None:
        newest = self._latest()
        if self._target is None or newest[0] > self._target[0]:
            self._target, self._began = newest, now
            self._cosigned, self._open = set(), set(self._names - self._resting)

    def answered(self, name: str, size: int, cosigned: bool) -> None:
        """A witness has answered, and does not rest."""
        with self._lock:
            self._resting.discard(name)
            if self._target is not None and size == self._target[0]:
                self._open.discard(name)
                if cosigned:
                    self._cosigned.add(name)

    def rests(self, name: str) -> None:
        """A witness has failed: nobody waits for it until it answers again."""
        with self._lock:
            self._open.discard(name)
            self._resting.add(name)


class Collector:
    """Collects for one ledger. Begins with `start`, is over with `end`."""

    def __init__(self, store: Store, ledger_id: int, policy: Policy, latest: Latest):
        self._store, self._ledger_id, self._policy = store, ledger_id, policy
        self._asked = [
            Asked(witness, address, self._proof)
            for witness in policy.witnesses
            if (address := address_of(witness)) is not None
        ]
        self._rounds = Rounds(frozenset(one.witness.name for one in self._asked), policy, latest)
        self._ended, self._keeping = threading.Event(), threading.Lock()
        self._threads: list[threading.Thread] = []
        self.watch: Watch = lambda name, outcome, size: None

    def start(self) -> None:
        """Collect from now on."""
        for asked in self._asked:
            name = f"comarca-witness-{asked.witness.name}"
            self._threads.append(threading.Thread(target=self._run, args=(asked,), name=name, daemon=True))
            self._threads[-1].start()

    def end(self) -> None:
        """Ask nobody any more; what a witness has not answered by now is not waited for."""
        self._ended.set()

    def _proof(self, old: int, new: int) -> list[bytes]:
        return queries.consistency(self._store, self._ledger_id, old, new)

    def _run(self, asked: Asked) -> None:
        standing, wait_s = Standing(), POLL_S
        while not self._ended.wait(wait_s):
            try:
                wait_s = self._look(asked, standing)
            except Unavailable:
                wait_s = PAUSE_S
            except Exception:  # a defect of ours, which must not end the thread for good
                logger.exception("asking the witness %s", asked.witness.name)
                wait_s = REST_MOST_S
        asked.close()

    def _look(self, asked: Asked, standing: "Standing") -> float:
        """Ask a witness for the round's checkpoint, unless it has answered; the seconds until the next look."""
        target = self._rounds.target()
        if target is None or target[0] == standing.done:
            return POLL_S
        name, (size, note) = asked.witness.name, target
        outcome, what = self._ask(asked, size, note)
        self.watch(name, outcome, size)
        if outcome not in ("cosigned", standing.outcome):
            logger.warning("the witness %s has not cosigned size %d: %s", name, size, what)
        standing.outcome = outcome
        if outcome not in ANSWERS:
            self._rounds.rests(name)
            return standing.rest_s()
        standing.done, standing.failures = size, 0
        self._rounds.answered(name, size, outcome == "cosigned")
        return POLL_S

    def _ask(self, asked: Asked, size: int, note: bytes) -> tuple[str, str]:
        """The outcome of asking for a cosignature, which is kept, and in words why there is none."""
        try:
            line = asked.cosign(note)
        except NotCosigned as error:
            return error.outcome, str(error)
        with self._keeping:
            self._keep(line, size)
        return "cosigned", ""

    def _keep(self, line: str, size: int) -> None:
        """Keep a line; once it completes a quorum, let those on smaller sizes go."""
        parsed = notes.parse_line(line)
        before = latest_met(self._store, self._ledger_id, self._policy)
        new = Kept(size, parsed.name, parsed.key_id, line.encode())
        cosignatures.keep(self._store, self._ledger_id, new, before.size if before else 0)
        after = latest_met(self._store, self._ledger_id, self._policy)
        if after is not None and (before is None or after.size > before.size):
            cosignatures.forget_before(self._store, self._ledger_id, after.size)


class Standing:
    """How it stands with one witness: the size that it has answered last, its last outcome, failures in a row."""

    def __init__(self) -> None:
        self.done, self.outcome, self.failures = 0, "cosigned", 0

    def rest_s(self) -> float:
        """After one more failure, the seconds that the witness is left alone."""
        self.failures += 1
        return min(REST_S * 2.0 ** min(self.failures - 1, 20), REST_MOST_S) * random.uniform(0.75, 1.25)
