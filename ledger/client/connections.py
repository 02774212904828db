"""The ways to one ledger for any number of threads: a client for each that asks at the moment, one login for all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from ledger.client.http import Client, ServerError
from ledger.client.writing import Seed
from ledger.core.words import HolderId

IDLE_S = 1.0  # after which a connection is made anew: the server may have closed it, and what is sent then is in doubt
T = TypeVar("T")


class Connections:
    """`make` gives a fresh client; `clock` is in Unix seconds. Close it after use."""

    def __init__(self, make: Callable[[], Client], holder: HolderId, seed: Seed, clock: Callable[[], float]):
        self._make, self._holder, self._seed, self._clock = make, holder, seed, clock
        self._idle: list[tuple[Client, float]] = []
        self._lock, self._login = Lock(), Lock()
        self._token = ""

    @contextmanager
    def one(self) -> Iterator[Client]:
        """A client that no other thread uses meanwhile."""
        with self._lock:
            client, since = self._idle.pop() if self._idle else (self._make(), time.monotonic())
        if time.monotonic() - since > IDLE_S:
            client.close()
        client.token = self._token
        try:
            yield client
        finally:
            with self._lock:
                self._idle.append((client, time.monotonic()))

    def reading(self, ask: Callable[[Client], T]) -> T:
        """What a holder's own question is answered; logs in where that is needed. Raises ServerError, Unknown."""
        with self.one() as client:
            if not client.token:
                self._log_in(client)
            try:
                return ask(client)
            except ServerError as error:
                if error.reason not in ("token_invalid", "token_missing"):
                    raise
            self._log_in(client)  # its hour is over, or the server was made anew
            return ask(client)

    def sign_with(self, seed: Seed) -> None:
        """Log in with another key of the holder's from now on."""
        with self._login:
            self._seed, self._token = seed, ""

    def _log_in(self, client: Client) -> None:
        """Log in, unless another thread has since this client got its token."""
        with self._login:
            if self._token == client.token:
                client.token = ""
                client.log_in(self._holder, self._seed, int(self._clock()))
                self._token = client.token
            client.token = self._token

    def close(self) -> None:
        """Give all connections back that nobody uses."""
        with self._lock:
            while self._idle:
                self._idle.pop()[0].close()
