"""Python's collector of cycles, and when it had better not run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 10_000  # objects made since the last look, where Python's own is 700


def seldom() -> None:
    """In a process that answers requests: look at what is there now no more, as it stays, and at what comes less often.
    Nearly all that a request makes is gone with it, and is in no cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles: a batch or a chunk makes tens of thousands of rows, none in a cycle, and the
    collector would look at each of them several times."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
