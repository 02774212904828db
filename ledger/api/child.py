"""A process that works beside this one: started, watched, started again if it ends, told to stop.

The two hold the ends of a socket pair. Over it the child says that it is ready; and when either is gone, however it
went, the other one reads the end.
"""

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

READY = b"1"
AGAIN_S = 1.0  # between two starts
SIGNALS = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGWINCH,
           signal.SIGTTIN, signal.SIGTTOU, signal.SIGALRM)  # fmt: skip

Work = Callable[[Callable[[], None], Callable[[], None]], None]
"""What a child does: it calls its first argument when it is ready, and its second to wait until it is to end."""


class Child:
    """Does `work` in a process of its own, from `start` to `stop`."""

    def __init__(self, work: Work):
        self._work = work
        self._maker = os.getpid()
        self._pid, self._end, self._began = 0, socket.socket(), 0.0
        self._was_ready = False

    def start(self) -> bool:
        """Start it, and wait until it is ready; whether it is. It has said itself what kept it from that."""
        self._fork()
        self._was_ready = self._end.recv(1) == READY
        return self._was_ready

    def keep(self) -> bool:
        """Start it again if it has ended, without waiting for it; False if it could not get ready the last time."""
        if not self._has_ended():
            return True
        if self._was_ready and time.monotonic() - self._began >= AGAIN_S:
            self._was_ready = False
            self._fork()
            return True
        return self._was_ready

    def stop(self, seconds: float) -> None:
        """Let it end what it has begun, for so long at most. A process that this one forked leaves it alone."""
        if os.getpid() != self._maker or not self._pid:
            return
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)
        self._end.settimeout(seconds)
        try:
            _read_to_the_end(self._end)
        except OSError:
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _has_ended(self) -> bool:
        if not select.select([self._end], [], [], 0)[0]:
            return False
        said = self._end.recv(1)
        self._was_ready = self._was_ready or said == READY
        return said == b""

    def _fork(self) -> None:
        self._began = time.monotonic()
        self._end.close()
        self._end, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._end.close()
            os._exit(self._be(theirs))
        theirs.close()

    def _be(self, end: socket.socket) -> int:
        """Be the child; its exit status. It ends when it is told to, not by the signals that its parent gets."""
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            self._work(partial(end.sendall, READY), lambda: _read_to_the_end(end))
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0


def _read_to_the_end(end: socket.socket) -> None:
    while end.recv(1):
        pass
