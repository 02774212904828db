"""gunicorn as our servers run it: a stop is a graceful one, and slow clients are waited for only so long.

A thread reads one request and writes one answer, and gunicorn lets it wait without end. So a client that sends an octet
a minute, or never reads, would keep a thread for ever, and two hundred such clients the whole server. Here octets must
come, and go, at a pace, with some seconds of grace.
"""

import errno
import os
import sys
import time
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

GRACE_S = 15.0  # seconds that a client may be behind the pace
PACE = 8192  # octets a second


class TooSlow(ConnectionResetError, TimeoutError):
    """The client is given up; gunicorn takes it for one that went away."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "too slow")


class PatientSocket:
    """A client's socket that raises TooSlow where the client is behind the pace; else the socket itself."""

    def __init__(self, sock: Any):
        self._sock = sock
        self._until = 0.0
        self.begin()

    def begin(self) -> None:
        """A request begins: the grace is whole again."""
        self._until = time.monotonic() + GRACE_S

    def setblocking(self, flag: bool) -> None:
        """What is to block waits for the grace at most; `recv` and `sendall` set their own time."""
        self._sock.settimeout(GRACE_S if flag else 0.0)

    def recv(self, size: int, *flags: int) -> bytes:
        """As a socket's; each octet buys time, up to the grace."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooSlow
        octets: bytes = self._in(left, self._sock.recv, size, *flags)
        self._until = min(self._until + len(octets) / PACE, time.monotonic() + GRACE_S)
        return octets

    def sendall(self, octets: bytes, *flags: int) -> None:
        """As a socket's."""
        self._in(GRACE_S + len(octets) / PACE, self._sock.sendall, octets, *flags)

    def _in(self, seconds: float, do: Any, *arguments: Any) -> Any:
        self._sock.settimeout(seconds)
        try:
            return do(*arguments)
        except TimeoutError as error:
            raise TooSlow from error
        finally:
            if self._sock.fileno() >= 0:
                self._sock.settimeout(GRACE_S)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker whose clients' sockets are patient ones."""

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection that has something to read to a thread."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a request in a thread; how long it waited for the thread is not the client's fault."""
        conn.sock.begin()
        return super().handle(conn)


class GracefulArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Every stop is a graceful one; and no signal makes a second generation of processes."""

    def handle_int(self) -> None:
        """Ctrl-C is SIGTERM."""
        self.handle_term()

    def _ignore(self) -> None:
        """Reloading, growing and re-executing would have two generations write at once."""

    handle_hup = handle_ttin = handle_ttou = handle_usr2 = _ignore


def run(server: BaseApplication, arbiter: type[GracefulArbiter] = GracefulArbiter) -> int:
    """Run the parent of a server until it ends; its exit status, 0 where it was told to stop. A forked worker leaves by
    SystemExit through here, and at once: what the parent has opened is not the worker's to close."""
    parent = os.getpid()
    try:
        arbiter(server).run()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 0
        if os.getpid() == parent:
            return code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return 0


def address_of(worker: Any) -> str:
    """Where a worker listens, such as http://127.0.0.1:8080."""
    host, port = worker.sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
