"""Serving: one process that writes, and as many as wanted that talk with clients.

    talks: the application under gunicorn's threads  --lines-->  writes: a sequencer for each ledger, its signer, and
                                                                 who collects cosignatures

Python runs one thread at a time in a process, so whoever commits has one to itself; and SQLite has one writer, however
many talk. The parent checks what can be checked, takes the lock of a SQLite file, listens and forks them all. SIGTERM
and SIGINT stop it alike: no new connections, what is waiting is committed, signed and answered, within STOP_S; the
process that writes ends last. One that ends unasked is started again, and signs what the other has committed.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Listener
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from ledger.ambient import collector, output
from ledger.ambient.clock import ClockGuard
from ledger.ambient.patience import GracefulArbiter, PatientWorker, address_of, room_for, run
from ledger.ambient.settings import Settings
from ledger.api import metrics
from ledger.api.application import create_app
from ledger.api.child import Child
from ledger.api.limits import Rate
from ledger.api.served import Served
from ledger.followers.collecting import Collector
from ledger.log import keys
from ledger.sequencer import lines
from ledger.sequencer.lines import Line, Lines
from ledger.sequencer.sequencer import Sequencer
from ledger.service.door import Door
from ledger.service.signing import signing
from ledger.service.witnessed import PolicyError, newest, read_policy
from ledger.signer.signer import SignerRefused, SignsCheckpoints
from ledger.store import cosignatures, queries
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.errors import StoreError, Unavailable
from ledger.store.lockfile import LockFile

STOP_S = 7  # seconds from the signal until what still runs is ended
WRITER_STOP_S = 2  # after that, for what was handed over before
LINE = "line"  # the socket of the process that writes, in a folder of the server's user alone
SILENT_S = 60  # seconds without a sign of life after which a worker is ended
KEEPALIVE_S = 15


def serve(
    settings: Settings,
    signers: Mapping[str, SignsCheckpoints],
    *,
    clock_is_right: bool = False,
    announce: Callable[[str], None] = print,
) -> int:
    """Serve the ledgers named by `signers` until a signal stops it; the exit status (0: stopped as told).

    `announce` gets the address, such as http://127.0.0.1:8080, once requests are answered; port 0 takes a free one.
    Raises StoreError, SignerRefused or PolicyError, one line each, where the database, its lock, its projections, the
    signer or the witnesses' policy do not fit.
    """
    file = sqlite_file(parse_url(settings.url))
    check(settings, signers)
    output.to_stderr(settings.log)
    settings = replace(settings, connections=room_for(settings.connections))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="comarca-")))
        os.environ[metrics.FOLDER] = str(_made(folder / "metrics"))
        stack.callback(os.environ.pop, metrics.FOLDER)  # whatever runs here next would count in a folder that is gone
        lock = stack.enter_context(LockFile(file, "serve")) if file is not None else None
        listener = stack.enter_context(lines.listen(folder / LINE))
        writer = Child(partial(_write, settings, signers, clock_is_right, listener, folder))
        stack.callback(writer.stop, WRITER_STOP_S)
        if not writer.start():
            return int(Arbiter.WORKER_BOOT_ERROR)
        server = Server(settings, list(signers), clock_is_right, folder, writer, lock, announce)
        return run(server, Keeper)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def check(settings: Settings, signers: Mapping[str, SignsCheckpoints]) -> None:
    """Refuse, in one line, to serve what would not work: raises StoreError, SignerRefused, PolicyError."""
    store = Store.open(settings.url)
    try:
        if stale := queries.stale_projections(store):
            raise StoreError(f"{store}: the tables of {', '.join(stale)} were made by another release; "
                             "run `comarca rebuild`")  # fmt: skip
        for name, signer in signers.items():
            _check_signer(store, name, signer)
            if settings.witness_policy is not None:
                read_policy(settings.witness_policy, store.head(name).origin)
                cosignatures.check(store)
    except Unavailable as error:
        raise StoreError(f"{store}: the database does not answer") from error
    finally:
        store.close()


def _check_signer(store: Store, name: str, signer: SignsCheckpoints) -> None:
    info = queries.info(store, store.head(name).ledger_id)
    if info is None:
        raise StoreError(f"{store}: the genesis of {name} is not logged yet; `comarca init` does that")
    if info.ledger.operator not in signer.keys:
        raise StoreError(f"{store}: this operator's key is not the one of {name}, which is "
                         f"{keys.encode(info.ledger.operator)}; name its file by COMARCA_OPERATOR_KEY")  # fmt: skip
    signer.latest()


# --- the process that writes


def _write(
    settings: Settings,
    signers: Mapping[str, SignsCheckpoints],
    clock_is_right: bool,
    listener: Listener,
    folder: Path,
    ready: Callable[[], None],
    wait: Callable[[], None],
) -> None:
    """Commit and sign what comes over the lines, until it is told to end; then what is still waiting."""
    parent = os.getppid()
    try:
        with Written(settings, signers, clock_is_right) as written:
            Lines(listener, written.sequencers)
            ready()
            wait()
    except (StoreError, SignerRefused, PolicyError, Unavailable) as error:
        print(f"comarca: {error}", file=sys.stderr, flush=True)
    finally:
        if os.getppid() != parent:  # it was killed, and this process ends last
            shutil.rmtree(folder, ignore_errors=True)


class Written:
    """The ledgers as the one process has them open that writes; a context manager."""

    def __init__(self, settings: Settings, signers: Mapping[str, SignsCheckpoints], clock_is_right: bool):
        self.sequencers: dict[str, Sequencer] = {}
        with ExitStack() as stack:
            self._store = Store.open(settings.url)
            stack.callback(self._store.close)
            counts = metrics.Metrics()
            for name, signer in signers.items():
                self.sequencers[name] = stack.enter_context(self._sequencer(name, signer, clock_is_right))
                self.sequencers[name].watch = metrics.counting(counts, name)
                if settings.witness_policy is not None:
                    collecting = self._collector(name, settings.witness_policy)
                    collecting.watch = metrics.counting_witnesses(counts, name)
                    collecting.start()
                    stack.callback(collecting.end)
            self._opened = stack.pop_all()

    def _sequencer(self, name: str, signer: SignsCheckpoints, clock_is_right: bool) -> Sequencer:
        ledger_id, guard = self._store.head(name).ledger_id, ClockGuard(clock_is_right=clock_is_right)
        door = Door(self._store, ledger_id, time.time, guard.trouble)
        return Sequencer(door, signing(signer, self._store, ledger_id))

    def _collector(self, name: str, policy: Path) -> Collector:
        head, sequencer = self._store.head(name), self.sequencers[name]

        def latest() -> tuple[int, bytes]:
            return newest(self._store, head.ledger_id, sequencer.latest)

        return Collector(self._store, head.ledger_id, read_policy(policy, head.origin), latest)

    def __enter__(self) -> "Written":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()


# --- the processes that talk


class Keeper(GracefulArbiter):
    """The parent: it sees that all run who are to run, those that talk and the one that writes."""

    def manage_workers(self) -> None:
        """Start again what has ended unasked."""
        if not self.app.writer.keep():
            raise HaltServer("the process that writes could not start again", self.WORKER_BOOT_ERROR)
        super().manage_workers()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn asks of an application: its settings, and in each worker the WSGI callable."""

    def __init__(
        self,
        settings: Settings,
        names: Sequence[str],
        clock_is_right: bool,
        folder: Path,
        writer: Child,
        lock: LockFile | None,
        announce: Callable[[str], None],
    ):
        self._settings, self._names, self._clock_is_right = settings, names, clock_is_right
        self._folder, self.writer = folder, writer
        self._lock, self._announce = lock, announce
        self._opened: Opened | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn goes by."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        chosen = {
            "bind": f"{host}:{self._settings.port}",
            "workers": self._settings.processes,
            "worker_class": PatientWorker,
            "worker_connections": self._settings.connections,
            "timeout": SILENT_S,
            "graceful_timeout": STOP_S,
            "keepalive": KEEPALIVE_S,
            "loglevel": "error",  # its warnings quote what strangers send, with their addresses, as often as they like
            "proc_name": "comarca",
            "control_socket_disable": True,
            "post_worker_init": self._ready,
            "worker_exit": self._ended,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Open the ledgers in a worker; what keeps it from working is said in one line, and ends the server."""
        try:
            self._opened = Opened(self._settings, self._names, self._folder, self._clock_is_right)
        except (StoreError, PolicyError, Unavailable) as error:
            print(f"comarca: {error}", file=sys.stderr, flush=True)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        rate = Rate(self._settings.rate, self._settings.burst)
        app = create_app(self._opened.ledgers, self._settings.streams, rate, self._settings.proxies)
        collector.seldom()
        return app

    def _ready(self, worker: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent passes it on
        signal.signal(signal.SIGTERM, partial(self._stop, worker))
        if worker.age == 1:
            address = address_of(worker)
            if self._lock is not None:
                self._lock.publish(address)
            self._announce(address)

    def _stop(self, worker: Any, number: int, frame: FrameType | None) -> None:
        """End the streams, which would else keep their threads until they are ended for them, then the worker."""
        if self._opened is not None:
            for served in self._opened.ledgers:
                served.news.end()
        worker.handle_exit(number, frame)

    def _ended(self, arbiter: Any, worker: Any) -> None:
        if self._opened is not None:
            self._opened.close()


class Opened:
    """The ledgers as a process has them open that talks."""

    def __init__(self, settings: Settings, names: Sequence[str], folder: Path, clock_is_right: bool):
        self.store = Store.open(settings.url, copies_back=False)
        self._policy = settings.witness_policy
        self.ledgers: list[Served] = []
        try:
            for name in names:
                self.ledgers.append(self._open(name, folder / LINE, clock_is_right))
        except Exception:
            self.close()
            raise

    def _open(self, name: str, line: Path, clock_is_right: bool) -> Served:
        guard = ClockGuard(clock_is_right=clock_is_right)
        head = self.store.head(name)
        policy = read_policy(self._policy, head.origin) if self._policy is not None else None
        return Served(self.store, head, lambda _: Line(line, name), time.time, guard.trouble, policy)

    def close(self) -> None:
        """Give the lines and the database back."""
        for served in self.ledgers:
            served.close()
        self.store.close()
