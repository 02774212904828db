"""The files of an export, read a bounded piece at a time; what is missing or of another length is named."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ledger.log import bundles, entry, merkle, records, tiles
from ledger.log.entry import Entry
from ledger.log.malformed import Malformed
from ledger.log.records import PERSONAL_FILE, Record, Texts, records_path
from ledger.log.tiles import TilePath

CHECKPOINT, GENESIS, TILES = "checkpoint", "genesis", "tile"
NOTE_MOST = 1_000_000  # octets of a checkpoint or a genesis
DEPTH_MOST = 9  # parts of a tile's path: tile, level, five of x123, 123.p, a width
BUNDLE_MOST = tiles.WIDTH * (bundles.LENGTH + 256)  # octets; an entry's four lines are at most 160


class WrongFile(Exception):
    """An export is not what its checkpoint signs: `path`, below the folder, and `what` is wrong with it where."""

    def __init__(self, path: str, what: str):
        super().__init__(f"{path}: {what}")
        self.path, self.what = path, what


class Site:
    """A folder with a static log in it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self, name: str, most: int) -> bytes:
        """A file whole, of at most so many octets; raises WrongFile."""
        octets = self.read_if_there(name, most)
        if octets is None:
            raise WrongFile(name, "is missing")
        return octets

    def read_if_there(self, name: str, most: int) -> bytes | None:
        """The same, None where it is missing."""
        try:
            with open_file(self.folder / name, name) as file:
                octets = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(octets) > most:
            raise WrongFile(name, f"is longer than {most} octets")
        return octets

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The hashes of a tile; raises WrongFile."""
        name, length = tiles.tile_path(level, number, width), width * merkle.HASH
        octets = self.read(name, max(length, tiles.WIDTH * merkle.HASH))
        if len(octets) != length:
            raise WrongFile(name, f"has {len(octets)} octets, where {length} belong")
        return octets

    def bundle(self, number: int, width: int) -> list[bytes]:
        """The entries of a bundle; raises WrongFile."""
        name = tiles.tile_path(None, number, width)
        try:
            found = bundles.split(self.read(name, BUNDLE_MOST))
        except Malformed as error:
            raise WrongFile(name, str(error)) from error
        if len(found) != width:
            raise WrongFile(name, f"holds {len(found)} entries, where {width} belong")
        return found

    def entries(self, start: int, size: int) -> Iterator[tuple[int, Entry]]:
        """The entries [start, size) with their log indexes, in order; raises WrongFile."""
        for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            first = number * tiles.WIDTH
            width = tiles.width_at(None, number, size)
            for log_index, octets in enumerate(self.bundle(number, width), first):
                if log_index >= start:
                    yield log_index, parsed(octets, number, width, log_index)

    def tile_files(self) -> Iterator[tuple[str, TilePath | None]]:
        """Every file below `tile/` and what its path names (None: no tile)."""
        for name in _files_below(self.folder, TILES):
            try:
                yield name, tiles.parse_path(name)
            except Malformed:
                yield name, None


def parsed(octets: bytes, number: int, width: int, log_index: int) -> Entry:
    """An entry of a bundle; raises WrongFile."""
    try:
        return entry.parse(octets)
    except Malformed as error:
        raise WrongFile(tiles.tile_path(None, number, width), f"entry {log_index}: {error}") from error


def open_file(path: Path, name: str) -> BinaryIO:
    """Open a file of an export; raises WrongFile on a folder, and on a pipe or device, which could keep one waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise WrongFile(name, "is no file")
    return os.fdopen(descriptor, "rb")


def _files_below(folder: Path, name: str) -> Iterator[str]:
    """Every file, and every folder that no tile's path leads through: links to folders may go round in circles."""
    try:
        with os.scandir(folder / name) as found:
            for one in found:
                path = f"{name}/{one.name}"
                if one.is_dir(follow_symlinks=False) and path.count("/") < DEPTH_MOST:
                    yield from _files_below(folder, path)
                else:
                    yield path
    except FileNotFoundError:
        return


class Instructions:
    """A folder with the records of a log's entries in it, of the ledger of this origin."""

    def __init__(self, folder: Path, origin: str):
        self.folder, self._origin = folder, origin

    def records(self, start: int, size: int) -> Iterator[tuple[str, Record]]:
        """The records of the entries [start, size), in order, each with the name of its file; raises WrongFile."""
        for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            width = tiles.width_at(None, number, size)
            name = records_path(number, width)
            for record in self._of_file(name, number * tiles.WIDTH, width):
                if record.log_index >= start:
                    yield name, record

    def _of_file(self, name: str, first: int, width: int) -> Iterator[Record]:
        with self._open(name) as file:
            try:
                yield from records.read_records(file, self._origin, first, width)
            except Malformed as error:
                raise WrongFile(self.shown(name), str(error)) from error

    def texts(self) -> Iterator[Texts]:
        """The free texts that were exported, in the order of the log; none where there is no file of them. Raises
        WrongFile."""
        if not (self.folder / PERSONAL_FILE).exists():
            return
        with self._open(PERSONAL_FILE) as file:
            try:
                yield from records.read_personal(file, self._origin)
            except Malformed as error:
                raise WrongFile(self.shown(PERSONAL_FILE), str(error)) from error

    def _open(self, name: str) -> BinaryIO:
        try:
            return open_file(self.folder / name, self.shown(name))
        except FileNotFoundError as error:
            raise WrongFile(self.shown(name), "is missing: export again, with the instructions") from error

    def shown(self, name: str) -> str:
        """A file's name as a message gives it."""
        return f"{self.folder.name}/{name}"
