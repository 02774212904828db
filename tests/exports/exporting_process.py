"""An export that tests kill: `python -m tests.exports.exporting_process DIR SIZE`; it says each tile first."""

import sys
from pathlib import Path

from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site
from ledger.log.tiles import TilePath
from tests.exports.made import MadeLog


class Told(MadeLog):
    """A log that says what is read of it."""

    def tile(self, path: TilePath) -> bytes:
        print(path, flush=True)
        sys.stdin.readline()
        return super().tile(path)


def main(folder: str, size: str) -> None:
    """Export, with instructions."""
    log, path = Told(int(size)), Path(folder)
    Site(path, log).export(lambda more: None, PrivateFolder(private_folder(path), log, log.size, True))


if __name__ == "__main__":
    main(*sys.argv[1:])
