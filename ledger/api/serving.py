"""Serving: the application under gunicorn's threads, started from here and not from a configuration of gunicorn's.

The parent checks what can be checked, takes the lock of a SQLite file, listens and forks; each worker opens the
database for itself and has a sequencer of its own. On SQLite there is one worker, as there is one writer. SIGTERM and
SIGINT stop it alike: no new connections, what is waiting is committed, signed and answered, within STOP_S.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from ledger.ambient import output
from ledger.ambient.clock import ClockGuard
from ledger.ambient.patience import PatientWorker, address_of, run
from ledger.ambient.settings import Settings
from ledger.api import metrics
from ledger.api.application import create_app
from ledger.api.limits import Rate
from ledger.api.served import Served
from ledger.followers.collecting import Turn
from ledger.log import keys
from ledger.service.signing import signing
from ledger.service.witnessed import PolicyError, read_policy
from ledger.signer.signer import SignerRefused, SignsCheckpoints
from ledger.store import cosignatures, queries
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.errors import StoreError, Unavailable
from ledger.store.lockfile import LockFile

STOP_S = 7  # seconds from the signal until what still runs is ended
SILENT_S = 60  # seconds without a sign of life after which a worker is ended
KEEPALIVE_S = 15
CONNECTIONS = 1000  # open at once, of each worker


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
    if file is not None and settings.processes > 1:
        raise StoreError("a SQLite ledger has one writer: serve it with one process, or keep it in PostgreSQL")
    check(settings, signers)
    output.to_stderr(settings.log)
    with ExitStack() as stack:
        turn = Path(stack.enter_context(TemporaryDirectory(prefix="comarca-turn-"))) / "collecting"
        if settings.processes > 1:
            os.environ[metrics.FOLDER] = stack.enter_context(TemporaryDirectory(prefix="comarca-metrics-"))
        lock = stack.enter_context(LockFile(file, "serve")) if file is not None else None
        return run(Server(settings, signers, clock_is_right, lock, turn, announce))


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


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn asks of an application: its settings, and in each worker the WSGI callable."""

    def __init__(
        self,
        settings: Settings,
        signers: Mapping[str, SignsCheckpoints],
        clock_is_right: bool,
        lock: LockFile | None,
        turn: Path,
        announce: Callable[[str], None],
    ):
        self._settings, self._signers, self._clock_is_right = settings, signers, clock_is_right
        self._lock, self._turn, self._announce = lock, turn, announce
        self._opened: Opened | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn goes by."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        chosen = {
            "bind": f"{host}:{self._settings.port}",
            "workers": self._settings.processes,
            "threads": self._settings.threads + self._settings.streams,  # an open stream keeps one for itself
            "worker_class": PatientWorker,
            "worker_connections": max(CONNECTIONS, 2 * (self._settings.threads + self._settings.streams)),
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
            self._opened = Opened(self._settings, self._signers, self._clock_is_right, self._turn)
        except (StoreError, SignerRefused, PolicyError, Unavailable) as error:
            print(f"comarca: {error}", file=sys.stderr, flush=True)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        rate = Rate(self._settings.rate, self._settings.burst)
        return create_app(self._opened.ledgers, self._settings.streams, rate, self._settings.proxies)

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
    """The ledgers as one process has them open; a context manager, or call `close`."""

    def __init__(
        self,
        settings: Settings,
        signers: Mapping[str, SignsCheckpoints],
        clock_is_right: bool = False,
        turn: Path | None = None,
    ):
        self.store = Store.open(settings.url)
        self._policy, self._turn = settings.witness_policy, Turn(turn)
        self.ledgers: list[Served] = []
        try:
            for name, signer in signers.items():
                self.ledgers.append(self._open(name, signer, clock_is_right))
        except Exception:
            self.close()
            raise

    def _open(self, name: str, signer: SignsCheckpoints, clock_is_right: bool) -> Served:
        head = self.store.head(name)
        guard = ClockGuard(clock_is_right=clock_is_right)
        sign = signing(signer, self.store, head.ledger_id)
        policy = read_policy(self._policy, head.origin) if self._policy is not None else None
        return Served(self.store, head, sign, time.time, guard.trouble, policy, self._turn)

    def close(self) -> None:
        """Commit and sign what is waiting, give the database back."""
        for served in self.ledgers:
            served.close()
        self.store.close()

    def __enter__(self) -> "Opened":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
