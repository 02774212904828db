"""Python's collector of cycles, and when it had better not run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
