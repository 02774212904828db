"""A recovery that tests kill: `python -m tests.rebuild.recovering_process URL DIR AT_ONCE`.

It prints the log size after each transaction, and waits a line on stdin before the next.
"""

import sys
from pathlib import Path

from ledger.checking.checking import Trust, check
from ledger.checking.files import Instructions, Site
from ledger.exports.instructions import private_folder
from ledger.log import keys
from ledger.rebuild import recovering
from ledger.store.database import Store
from tests.territory import ORIGIN, seed


def main(url: str, folder: str, at_once: str) -> None:
    """Recover into a new database."""
    recovering.AT_ONCE = int(at_once)
    site, private = Path(folder), private_folder(Path(folder))
    checked = check(site, Trust(keys.public_of(seed("operator 2"))), private)
    store = Store.create(url)
    ledger_id = store.head().ledger_id if store.heads() else store.add_ledger(ORIGIN)

    def told(more: int) -> None:
        print(store.head().size, flush=True)
        sys.stdin.readline()

    recovering.recover(store, ledger_id, Site(site), Instructions(private, ORIGIN), checked, told)


if __name__ == "__main__":
    main(*sys.argv[1:])
