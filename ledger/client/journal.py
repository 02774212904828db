"""A journal: a file of JSON lines that is only appended to, so that a process killed at any moment goes on from it.

Records are written in groups and flushed to the disk by `sync`. A last line that a kill or a power cut tore is cut off
when the file is opened again: what it would have said has not been acted upon, as acting comes after `sync`. The file
is of mode 0600, and locked: one process works with it at a time.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ledger.signer.keyfile import check_mode, sync_folder

Record = Mapping[str, Any]


class JournalError(Exception):
    """The journal cannot be used; the message names it and says what to do."""


class Journal:
    """The journal at `path`, made if it is not there, whose first record is `header`: what it is about."""

    def __init__(self, path: Path, header: Record):
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND, 0o600)
        try:
            self._lock()
            check_mode(path)
            self.records = list(self._read())
            if not self.records:
                self.append([header])
                self.sync()
                sync_folder(path.parent)
            elif self.records[0] != header:
                raise JournalError(f"{path}: belongs to {_said(self.records[0])}, not to {_said(header)}; "
                                   "use another keyring")  # fmt: skip
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{self.path}: another import is working with it; wait until it ends") from error

    def _read(self) -> Iterator[dict[str, Any]]:
        octets = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        whole, torn = octets[: octets.rfind(b"\n") + 1], octets[octets.rfind(b"\n") + 1 :]
        if torn:
            os.ftruncate(self._file, len(whole))
        for number, line in enumerate(whole.split(b"\n")[:-1], 1):
            try:
                record = json.loads(line)
            except ValueError as error:
                raise JournalError(f"{self.path}: line {number} is damaged; bring the file back from a copy") from error
            yield record

    def append(self, records: Iterable[Record]) -> None:
        """Write records; they may be lost with the power until `sync`."""
        octets = b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)
        while octets:
            octets = octets[os.write(self._file, octets) :]

    def sync(self) -> None:
        """Have everything on the disk before this returns."""
        os.fsync(self._file)

    def close(self) -> None:
        """Let others have it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _said(header: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in header.items())
