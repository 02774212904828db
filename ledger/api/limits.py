"""Rate limits, such that no stranger can lock a member out.

A bucket an address is charged for what anyone can send: pages without a token, bad tokens, submissions that are no new
entry (whoever has seen a member's note can send it again). A bucket a holder is charged for what only it can ask: pages
by its token, and its logins. What makes a new entry is charged to nobody: it is signed, and the ledger's own rules
bound it.

An address whose bucket is empty is still served a member's requests: with a token that counts, or with a submission of
ordinary size, which is verified as ever. All else is answered 429.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from flask import Flask, Response, current_app, g, request

from ledger.api.problems import Problem

SMALL = 64 * 1024  # octets of a submission that an exhausted address may still send
LONG = 64 * 1024  # octets of an answer that cost as much as a request: a bulk's receipt has 10 MB
FREE = ("/health/", "/metrics")  # what watches the server is not limited by it
PER_ADDRESS, PER_HOLDER = "comarca_per_address", "comarca_per_holder"  # buckets, in the application's extensions


class Rate(NamedTuple):
    """Requests a second in the long run, and how many may come at once."""

    per_s: float
    burst: int


class Buckets:
    """Token buckets by key, a bounded number of them; the longest unused is forgotten, which fills it."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic, most: int = 50_000):
        self._rate, self._clock, self._most = rate, clock, most
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def charge(self, key: object, cost: float = 1.0) -> float:
        """Take from a bucket; the seconds until it has anything again, 0 where it has. It may be in debt for a burst,
        never for more."""
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(key, (float(self._rate.burst), now))
            left = min(self._rate.burst, left + (now - then) * self._rate.per_s) - cost
            self._left[key] = (max(left, -float(self._rate.burst)), now)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
        return max(0.0, -left / self._rate.per_s)

    def wait_s(self, key: object) -> float:
        """The seconds until a bucket has anything, without taking from it."""
        return self.charge(key, 0.0)


def register(app: Flask, rate: Rate, by_token: Callable[[], bool]) -> None:
    """Put the limits around every route: one rate, for each address and for each holder. `by_token` answers whether the
    request carries a token that counts, and charges its holder."""
    app.extensions[PER_ADDRESS], app.extensions[PER_HOLDER] = Buckets(rate), Buckets(rate)
    app.before_request(lambda: _check(app.extensions[PER_ADDRESS], by_token))
    app.after_request(lambda response: _charge(app.extensions[PER_ADDRESS], response))


def charge_holder(holder: bytes) -> None:
    """Charge whoever asks by its token, once a request; raises Problem where it has asked too much."""
    if PER_HOLDER not in current_app.extensions or "holder" in g:
        return
    g.holder = holder
    buckets: Buckets = current_app.extensions[PER_HOLDER]
    if wait := buckets.charge(holder):
        raise too_many(wait)


def check_holder(holder: bytes) -> None:
    """Raise Problem where a holder has asked too much; charges nothing."""
    if PER_HOLDER in current_app.extensions and (wait := current_app.extensions[PER_HOLDER].wait_s(holder)):
        raise too_many(wait)


def charge_login(holder: bytes) -> None:
    """Charge whoever has logged in, after the nonce is spent: a login that somebody else repeats charges nobody."""
    if PER_HOLDER in current_app.extensions:
        current_app.extensions[PER_HOLDER].charge(holder)


def too_many(wait_s: float) -> Problem:
    """The problem of too many requests."""
    return Problem("too_many_requests", {"Retry-After": str(max(1, round(wait_s)))})


def _check(buckets: Buckets, by_token: Callable[[], bool]) -> None:
    if request.path.startswith(FREE):
        return
    if request.method == "POST" and (request.content_length or SMALL + 1) <= SMALL:
        return
    wait = buckets.wait_s(request.remote_addr)
    if wait and not by_token():
        raise too_many(wait)


def _charge(buckets: Buckets, response: Response) -> Response:
    # A stream has no length; asking for it would run the stream to its end.
    length = 0 if response.is_streamed else response.calculate_content_length() or 0
    if "holder" in g:
        current_app.extensions[PER_HOLDER].charge(g.holder, length / LONG)
    elif response.status_code != 201 and not request.path.startswith(FREE):
        buckets.charge(request.remote_addr, 1 + length / LONG)
    return response
