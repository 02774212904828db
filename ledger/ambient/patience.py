"""gunicorn as our servers run it: a stop is a graceful one, and no client keeps others waiting.

gunicorn lets a thread wait for its client without end. Here octets must come, and go, at a pace, with some seconds of
grace; a request gets a thread when it is its turn (ledger/ambient/turns.py), and gives the turn away while it waits for
its client; and a connection that has said nothing yet, or has nothing more to say, is watched without a thread.
"""

import errno
import os
import resource
import selectors
import socket
import sys
import time
from collections import deque
from functools import partial
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import PollableMethodQueue, ThreadWorker

from ledger.ambient.threads import Threads
from ledger.ambient.turns import turns

GRACE_S = 15.0  # seconds that a client may be behind the pace
PACE = 8192  # octets a second
ENDING_S = 2.0  # that a client has to close its end
DRAINED = 65_536  # octets read at once of what nobody wants any more
FULL_S = 0.01  # before it is tried again whether there are files
FILES = 500  # open beside those of connections


class TooSlow(ConnectionResetError, TimeoutError):
    """The client is given up; gunicorn takes it for one that went away."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "too slow")


class PatientSocket:
    """A client's socket that raises TooSlow where the client is behind the pace; else the socket itself. Whoever must
    wait for the client gives its turn away."""

    def __init__(self, sock: Any):
        self._sock = sock
        sock.settimeout(0.0)
        self._grace = self._most = 0.0
        self.begin()

    def begin(self) -> None:
        """A request begins: the grace is whole again."""
        self._grace = self._most = GRACE_S

    def setblocking(self, flag: bool) -> None:
        """Nothing: `recv` and `sendall` wait where they must."""

    def gettimeout(self) -> float:
        """How long `recv` may wait, in seconds."""
        return self._most

    def settimeout(self, seconds: float) -> None:
        """Let `recv` wait for less than the grace."""
        self._most = seconds

    def recv(self, size: int, *flags: int) -> bytes:
        """As a socket's; each octet buys time, up to the grace."""
        try:
            octets: bytes = self._sock.recv(size, *flags)
        except BlockingIOError:
            octets = self._wait(min(self._grace, self._most), self._sock.recv, size, *flags)
        self._grace = min(self._grace + len(octets) / PACE, GRACE_S)
        return octets

    def recv_now(self, size: int) -> bytes:
        """What is there; raises BlockingIOError where nothing is."""
        octets: bytes = self._sock.recv(size)
        return octets

    def sendall(self, octets: bytes, *flags: int) -> None:
        """As a socket's."""
        try:
            sent = self._sock.send(octets, *flags)
        except BlockingIOError:
            sent = 0
        if sent < len(octets):
            self._wait(GRACE_S + len(octets) / PACE, self._sock.sendall, memoryview(octets)[sent:], *flags)

    def send(self, octets: bytes, *flags: int) -> int:
        """All of them: gunicorn sends its "100 Continue" thus, and looks no further."""
        self.sendall(octets, *flags)
        return len(octets)

    def _wait(self, seconds: float, do: Any, *arguments: Any) -> Any:
        """Only this is on the client's account: not the wait for a turn that follows, nor what is done in it."""
        if seconds <= 0:
            raise TooSlow
        with turns.given_away():
            began = time.monotonic()
            self._sock.settimeout(seconds)
            try:
                return do(*arguments)
            except TimeoutError as error:
                raise TooSlow from error
            finally:
                self._grace -= time.monotonic() - began
                if self._sock.fileno() >= 0:
                    self._sock.settimeout(0.0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Called(PollableMethodQueue):  # type: ignore[misc]  # gunicorn has no types
    """What threads have the worker do. Its pipe is open as long as the process: whoever is answered when it ends would
    else write into the file that has the pipe's number by then, the database's perhaps."""

    def close(self) -> None:
        """Nothing."""


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker whose clients' sockets are patient ones. A request gets a thread when it is its turn, and there is one
    for each connection: nobody has a turn and no thread, and slow clients take none from others."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.method_queue = _Called()
        self._ending: deque[Any] = deque()  # connections whose other end is still to be closed

    def get_thread_pool(self) -> Threads:
        """Threads are made as they are needed; never more than there are connections."""
        return Threads()

    def accept(self, listener: Any) -> None:
        """Take a connection; where there are no files for more, it waits until there are."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            time.sleep(FULL_S)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection that has something to read to a thread; one that has said nothing yet is watched."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(conn.sock)
            conn.close = partial(self._close, conn)
        if conn.initialized or conn.data_ready:
            turns.ask(partial(self._start, conn))
        else:
            conn.set_timeout()
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _start(self, conn: Any) -> None:
        try:
            super().enqueue_req(conn)
        except RuntimeError:  # there is no thread to be had: the turn is for who has one
            self.method_queue.defer(self._give_up, conn)

    def _give_up(self, conn: Any) -> None:
        with turns.taken():
            self.nr_conns -= 1
            conn.close(graceful=True)

    def handle(self, conn: Any) -> Any:
        """Answer a request in a thread; how long it waited for the thread is not the client's fault."""
        conn.sock.begin()
        with turns.taken():
            return super().handle(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops, who has said nothing yet is not waited for any longer than who was answered."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    # --- the end of a connection (RFC 9112 section 9.6): what the client still sends is read, or its system would throw
    # away the last answer. gunicorn waits for that in the thread that all others wait for; here it is watched.

    def _close(self, conn: Any, graceful: bool = False) -> None:
        if graceful and self._watch_end(conn):
            conn.timeout = time.monotonic() + ENDING_S
            self._ending.append(conn)
            self.nr_conns += 1
        else:
            conn.sock.close()

    def _watch_end(self, conn: Any) -> bool:
        """Say that nothing more comes from here, and watch what still comes from there. Whether that can be done: not
        where nobody is there, or the worker watches no more."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError, KeyError):
            return False
        return True

    def _drain(self, conn: Any, sock: Any) -> None:
        try:
            more = sock.recv_now(DRAINED)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._ending.remove(conn)
            self._end(conn)

    def _end(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.sock.close()

    def murder_pending(self) -> None:
        """Close what has had its time."""
        super().murder_pending()
        while self._ending and self._ending[0].timeout <= time.monotonic():
            self._end(self._ending.popleft())


class GracefulArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Every stop is a graceful one; and no signal makes a second generation of processes."""

    def handle_int(self) -> None:
        """Ctrl-C is SIGTERM."""
        self.handle_term()

    def _ignore(self) -> None:
        """Reloading, growing and re-executing would have two generations write at once."""

    handle_hup = handle_ttin = handle_ttou = handle_usr2 = _ignore


def room_for(connections: int) -> int:
    """Let this process and those it forks have as many open files as so many connections need, as far as the system's
    own limit for it goes; how many connections there is room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(connections, max(most - FILES, most // 2))


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
