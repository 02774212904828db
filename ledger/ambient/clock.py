"""The clock, and when it must not be believed.

A ledger's times never run backwards, and due dates hang on them; so a service writes nothing while its clock is
plainly wrong, and says so.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

TOLERANCE = 5  # seconds
LONG = 7 * 86_400  # seconds after the last entry from which a starting service asks whether the clock is right
RFC3339 = "%Y-%m-%dT%H:%M:%SZ"


def moment(seconds: int) -> str:
    """Unix seconds as RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime(RFC3339)


def seconds_of(text: str) -> int:
    """The Unix seconds of what `moment` writes; raises ValueError."""
    return int(datetime.strptime(text, RFC3339).replace(tzinfo=UTC).timestamp())


def boot_time() -> float:
    """Seconds since the machine started, asleep or not; nobody sets this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class ClockGuard:
    """Says in words why the clock cannot be trusted, or None. One guard for each ledger that is served.

    `clock` gives Unix seconds, `steady` seconds of a clock that nobody sets. `clock_is_right` is the operator's word
    for a start long after the last entry. The rule is in docs/architecture.md, "The path of a batch".
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = boot_time,
        clock_is_right: bool = False,
    ):
        self._clock, self._steady, self._clock_is_right = clock, steady, clock_is_right
        self._began, self._began_steady = clock(), steady()

    def trouble(self, last: int | None) -> str | None:
        """Why not to write now, given the time of the last entry (None or 0: there is none); None if all is well."""
        now = self._clock()
        if last and now < last - TOLERANCE:
            return f"the clock is {last - now:.0f} s behind the last entry; set the clock"
        jumped = (now - self._began) - (self._steady() - self._began_steady)
        if abs(jumped) > TOLERANCE:
            return f"the clock jumped by {jumped:+.0f} s since the service started; set it right and start again"
        if last and self._began > last + LONG and not self._clock_is_right:
            return (
                f"the clock is {(self._began - last) / 86_400:.0f} days past the last entry; "
                "if it is right, start with --clock-is-right"
            )
        self._clock_is_right = True  # said, or proved by the entries of this process
        return None
