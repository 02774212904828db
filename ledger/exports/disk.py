"""Files that are there whole or not at all, also after a power cut: written aside, flushed, renamed, their folders
flushed."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

STAGING = ".new"  # a file on its way


class Folder:
    """Writes files below one folder, made if it is missing; everything in a private one is for its owner alone."""

    def __init__(self, path: Path, private: bool = False):
        self.path, self._private = path, private
        self._touched: set[Path] = set()
        self._make(path)

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Put a file there, in the place of one of this name. Its name is on disk after `flush`."""
        target, staging = self.path / name, self.path / STAGING
        self._make(target.parent)
        mode = 0o600 if self._private else 0o666  # less what the umask takes
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staging, target)
        self._touch(target.parent)

    def clear(self) -> None:
        """Take away what a run that was cut off has left on its way."""
        (self.path / STAGING).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Take a file away, and the folder that held nothing else."""
        target = self.path / name
        target.unlink(missing_ok=True)
        if target.parent != self.path and not any(target.parent.iterdir()):
            target.parent.rmdir()
            self._touched.discard(target.parent)
            self._touch(target.parent.parent)

    def flush(self) -> None:
        """Bring every name written since the last time to the disk."""
        for path in self._touched:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._touched.clear()

    def _make(self, path: Path) -> None:
        if not path.is_dir():
            path.mkdir(mode=0o700 if self._private else 0o777, parents=True)
            self._touch(path.parent if self.path != path else path)

    def _touch(self, path: Path) -> None:
        """This folder and those that it stands in, which may be new as well."""
        while path not in self._touched and path.is_relative_to(self.path):
            self._touched.add(path)
            path = path.parent


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold a folder, so that two do not write it at once; False where another process has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
