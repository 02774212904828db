"""What refills a database, in a folder of its own beside the public log: notes, legs, event lines, and free texts if
they are wanted. It is for the operator alone, and never published."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from ledger.exports.disk import Folder
from ledger.log import records, tiles
from ledger.log.records import PERSONAL_FILE, Record, Texts, records_path

README = "README.txt"
WARNING = """NEVER PUBLISH THIS FOLDER.

It holds what members signed: who paid whom, how much, when. With it, `comarca log recover` refills a lost
database from the public log that was exported beside it; for that, keep a copy off this machine, encrypted, where
the operator alone can read it. The public log needs nothing of this folder.

records/        one file for each entry bundle of the public log: the notes, legs and event lines of its entries
personal.jsonl  names, addresses and memos, if they were asked for: erase your copies when they must be forgotten
"""


class Instructions(Protocol):
    """What refills a database, read from one."""

    @property
    def origin(self) -> str:
        """The ledger's origin."""

    def records(self, number: int, width: int) -> Iterator[Record]:
        """The records of the first `width` entries of a bundle."""

    def bundles_with_erased(self, size: int) -> Iterable[int]:
        """The numbers of the bundles in which a note was erased."""

    def texts(self, size: int) -> Iterator[Texts]:
        """The free texts and profiles that are kept, in the order of the log."""


def private_folder(site: Path) -> Path:
    """Where the instructions of a site's log stand: beside it, never in it."""
    whole = os.path.abspath(site)
    return Path(f"{whole}.private")


class PrivateFolder:
    """The folder of the instructions of one export, up to a log size."""

    def __init__(self, folder: Path, log: Instructions, size: int, personal: bool):
        self._path, self._log, self._size, self._personal = folder, log, size, personal

    def write(self) -> None:
        """All that the log's entries need, before their checkpoint is published."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.chmod(0o700)
        self._folder = Folder(self._path, private=True)
        self._folder.clear()
        erased = set(self._log.bundles_with_erased(self._size))
        for number, width in self._bundles():
            self._write_records(number, width, number in erased)
        self._folder.write(README, [WARNING.encode()])
        if self._personal:
            lines = records.write_personal(self._log.origin, self._log.texts(self._size))
            self._folder.write(PERSONAL_FILE, lines)
        else:
            self._folder.remove(PERSONAL_FILE)  # an old one would keep what has been erased since
        self._folder.flush()

    def _bundles(self) -> Iterator[tuple[int, int]]:
        return ((path.number, path.width) for path in tiles.paths_of(self._size) if path.level is None)

    def _write_records(self, number: int, width: int, has_erased: bool) -> None:
        """A file of records that is not there yet; one with erased notes always, as it may have been written before."""
        name = records_path(number, width)
        if has_erased or not (self._path / name).exists():
            first = number * tiles.WIDTH
            self._folder.write(name, records.write_records(self._log.origin, first, self._log.records(number, width)))

    def tidy(self) -> None:
        """Remove records of narrower bundles: the checkpoint that asks for the wider ones is published."""
        for number, width in self._bundles():
            keep = self._path / records_path(number, width)
            parts = (self._path / records_path(number, 1)).parent
            for file in list(parts.iterdir()) if parts.is_dir() else ():
                if file != keep:
                    self._folder.remove(str(file.relative_to(self._path)))
        self._folder.flush()
