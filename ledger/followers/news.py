"""News: the log's newest entries, read once for all streams of a process.

One thread watches how far checkpoints are signed; streams wait for it, and take what is new from a window that is kept
in memory. A stream that is further behind reads from the database in chunks, until it is inside the window.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from ledger.followers.seen import Seen, all_seen
from ledger.rebuild.replay import read_entries
from ledger.store.database import Store
from ledger.store.errors import Unavailable

logger = logging.getLogger(__name__)
WINDOW = 4096  # entries, and
LINES = 32_768  # of their event lines: a bulk of 4,096 legs has twice as many
CHUNK = 500  # entries of one reading, or as many as are short enough together (ledger/rebuild/replay.py)
POLL_S = 0.2


class News:
    """`size` answers how many entries are covered by a signed checkpoint. Begins with `start`, is over with `end`."""

    def __init__(self, store: Store, ledger_id: int, size: Callable[[], int]):
        self._store, self._ledger_id, self._signed = store, ledger_id, size
        self._window: deque[Seen] = deque()
        self._lines = 0  # of the entries in the window
        self._changed = threading.Condition()
        self._size = 0
        self._watching: threading.Thread | None = None
        self.stopped = False

    def start(self) -> None:
        """Watch from now on; once is enough."""
        with self._changed:
            if self._watching is None and not self.stopped:
                self._size = self._signed()
                self._watching = threading.Thread(target=self._watch, name="comarca-news", daemon=True)
                self._watching.start()

    def end(self) -> None:
        """End every stream within POLL_S. Takes no lock, so that a signal's handler may call it."""
        self.stopped = True

    @property
    def size(self) -> int:
        """How many entries can be streamed now."""
        return self._size

    def after(self, position: int, wait_s: float) -> list[Seen]:
        """At most CHUNK entries from this log index on, in order; empty if none came in this time, or at the end.

        Raises Unavailable.
        """
        deadline = time.monotonic() + wait_s
        with self._changed:
            while self._size <= position and not self.stopped:
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._changed.wait(left)
            if self.stopped:
                return []
            if self._window and self._window[0].log_index <= position:
                start = position - self._window[0].log_index
                return list(islice(self._window, start, start + CHUNK))
            end = min(position + CHUNK, self._size)
        return self._read(position, end)

    def _watch(self) -> None:
        while not self.stopped:
            try:
                self._look()
            except Unavailable:
                logger.warning("the stream waits for the database")
            time.sleep(POLL_S)
        with self._changed:
            self._changed.notify_all()

    def _look(self) -> None:
        size = self._signed()
        while self._size < size:
            # Of a long absence only the last window is worth keeping in memory.
            start = max(self._size, size - WINDOW)
            fresh = self._read(start, min(start + CHUNK, size))
            with self._changed:
                if self._window and self._window[-1].log_index != start - 1:
                    self._window.clear()
                    self._lines = 0
                self._keep(fresh)
                self._size = fresh[-1].log_index + 1
                self._changed.notify_all()

    def _keep(self, fresh: list[Seen]) -> None:
        """Move the window on to these entries, the last of which stays however long it is."""
        self._window.extend(fresh)
        self._lines += sum(len(one.lines) for one in fresh)
        while len(self._window) > WINDOW or (self._lines > LINES and len(self._window) > 1):
            self._lines -= len(self._window.popleft().lines)

    def _read(self, start: int, end: int) -> list[Seen]:
        """The first of these entries, as many as are not too long together."""
        with self._store.read() as connection:
            return all_seen(next(read_entries(connection, self._ledger_id, start, end)))
