"""A territory's log exported with all that refills it, as the command does it."""

from pathlib import Path

from cli.exporting import DatabaseLog
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site
from tests.lived import Lived


def export(lived: Lived, folder: Path, personal: bool = True) -> Path:
    """Sign and keep a checkpoint, and export all that it covers; the folder of the instructions."""
    lived.keep_checkpoint()
    log, private = DatabaseLog(lived.store, lived.ledger_id, lived.checkpoint()), private_folder(folder)
    Site(folder, log).export(lambda more: None, PrivateFolder(private, log, log.size, personal))
    return private
