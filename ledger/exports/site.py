"""The public log as a folder that any static host can serve (C2SP `tlog-tiles`), written on from where it stands.

The checkpoint comes last: until it is there, what is new is beyond the old one and nobody's concern, so a run that is
cut off at any place leaves the older log, whole. The next run goes on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.exports.disk import Folder, alone
from ledger.log import checkpoint, merkle, tiles
from ledger.log.checkpoint import Checkpoint
from ledger.log.malformed import Malformed
from ledger.log.tiles import TilePath

CHECKPOINT, GENESIS = "checkpoint", "genesis"
PART = ".p"  # the folder of a tile's partial forms ends so
Progress = Callable[[int], None]  # how many more entries are written


class ExportRefused(Exception):
    """The folder cannot be written on: the message says why and what to do."""


class Log(Protocol):
    """A log that can be exported: a checkpoint, and what it covers."""

    def checkpoint(self) -> bytes:
        """A signed checkpoint, the same at each call."""

    def tile(self, path: TilePath) -> bytes:
        """The octets of a tile or bundle that the checkpoint covers."""

    def genesis(self) -> bytes:
        """The note of the first entry."""


class Beside(Protocol):
    """What is exported together with the public log, in a place of its own."""

    def write(self) -> None:
        """Write what the next checkpoint's entries need; that of the checkpoint before stays."""

    def tidy(self) -> None:
        """Remove what only the checkpoint before needed: the next is published."""


class Exported(NamedTuple):
    """The sizes of the log in the folder before (0: none) and now, and the number of files written and removed."""

    before: int
    size: int
    written: int
    removed: int


class Site:
    """The folder of one export, held until the `with` block ends."""

    def __init__(self, folder: Path, log: Log):
        self._folder, self._log = Folder(folder), log
        self._note = log.checkpoint()
        self.signed = checkpoint.parse(self._note)
        self._nodes = tiles.TileNodes(self._read, self.signed.size)

    def export(self, progress: Progress, beside: Beside | None = None) -> Exported:
        """Write what is new, then what goes beside it, then the checkpoint; raises ExportRefused."""
        with alone(self._folder.path) as held:
            if not held:
                raise ExportRefused(f"{self._folder.path}: another export is writing there; wait until it is done")
            old = self._old()
            self._check_goes_on(old)
            self._folder.clear()
            written = self._write_tiles(progress)
            if beside is not None:
                beside.write()
            written += self._publish()
            if beside is not None:
                beside.tidy()
            return Exported(old.size if old else 0, self.signed.size, written, self._remove_superseded())

    def _read(self, level: int, index: int, width: int) -> bytes:
        return self._log.tile(TilePath(level, index, width))

    # --- what is there

    def _old(self) -> Checkpoint | None:
        try:
            note = (self._folder.path / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return checkpoint.parse(note)
        except Malformed as error:
            raise ExportRefused(f"{self._folder.path / CHECKPOINT}: {error}; name another folder") from error

    def _check_goes_on(self, old: Checkpoint | None) -> None:
        """Raise ExportRefused unless the log is the one in the folder, grown, and its tiles lead to its checkpoint."""
        here = self._folder.path
        if merkle.root_from_nodes(self.signed.size, self._nodes) != self.signed.root:
            raise ExportRefused("the tiles do not lead to the checkpoint's root: `comarca audit` says what is wrong")
        if old is None:
            return
        if old.origin != self.signed.origin:
            raise ExportRefused(f"{here}: holds the log of {old.origin}, not of {self.signed.origin}; name another")
        if old.size > self.signed.size:
            raise ExportRefused(f"{here}: holds {old.size} entries, and the log has {self.signed.size}: was an old "
                                "backup restored? `comarca log recover` refills a database from an export")  # fmt: skip
        if merkle.root_from_nodes(old.size, self._nodes) != old.root:
            raise ExportRefused(f"{here}: holds another log of {old.size} entries. Keep both, and show them to the "
                                "ledger's auditor")  # fmt: skip

    # --- writing

    def _write_tiles(self, progress: Progress) -> int:
        written = 0
        for path in tiles.paths_of(self.signed.size):
            if not self._is_there(path):
                self._folder.write(tiles.tile_path(*path), [self._log.tile(path)])
                written += 1
            if path.level is None:
                progress(path.width)
        return written

    def _is_there(self, path: TilePath) -> bool:
        """Whether the file is there; it is whole then, and `log check` tells whether it is still right."""
        file = self._folder.path / tiles.tile_path(*path)
        if path.level is None:
            return file.exists()
        return file.exists() and file.stat().st_size == path.width * merkle.HASH

    def _publish(self) -> int:
        """The genesis, which says whose key signs; then, once all the rest is on disk, the checkpoint."""
        written = 0
        for name, octets in ((GENESIS, self._log.genesis()), (CHECKPOINT, self._note)):
            self._folder.flush()
            file = self._folder.path / name
            if not file.exists() or file.read_bytes() != octets:
                self._folder.write(name, [octets])
                written += 1
        self._folder.flush()
        return written

    def _remove_superseded(self) -> int:
        """Partial tiles whose full ones are published, as `tlog-tiles` allows: a reader takes the full one then."""
        removed = 0
        for path in tiles.paths_of(self.signed.size):
            part = tiles.tile_path(*path) + PART
            if path.width == tiles.WIDTH and (self._folder.path / part).is_dir():
                for file in list((self._folder.path / part).iterdir()):
                    self._folder.remove(f"{part}/{file.name}")
                    removed += 1
        self._folder.flush()
        return removed
