"""A territory's log exported with all that refills it, as the command does it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cli.direct import Direct
from cli.exporting import DatabaseLog
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site
from tests.lived import Lived


def export(lived: Lived, folder: Path, personal: bool = True) -> Path:
    """Sign and keep a checkpoint, and export all that it covers; the folder of the instructions."""
    lived.keep_checkpoint()
    note = lived.checkpoint()
    database: Any = SimpleNamespace(
        store=lived.store, ledger_id=lived.ledger_id, head=lived.door.head(), checkpoint=lambda: note
    )
    log = DatabaseLog(cast(Direct, database))
    private = private_folder(folder)
    Site(folder, log).export(lambda more: None, PrivateFolder(private, log, lived.door.head().size, personal))
    return private
