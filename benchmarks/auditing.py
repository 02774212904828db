"""A ledger grown by signed payments, and a process that audits it and says how much memory it ever held.

python -m benchmarks.auditing FOLDER BATCHES grow|audit
"""

import json
import sys
from pathlib import Path

from benchmarks.growing import peak
from benchmarks.world import Base, SqliteDatabases, World
from ledger.audit.auditing import audit
from ledger.intake.submission import Prepared
from ledger.store.database import Store

BATCH, ACCOUNTS = 1000, 500


def grow(world: World, batches: int) -> None:
    """Log so many batches of payments, each signed and verified."""
    for _ in range(batches):
        verified = [world.door.verify(octets) for octets in world.signed(BATCH)]
        world.submit([one for one in verified if isinstance(one, Prepared)])


def main() -> None:
    """Grow the ledger, or audit it and print the peak in megabytes."""
    folder, batches, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if what == "grow":
        with Base(SqliteDatabases(folder), ACCOUNTS).world() as world:
            grow(world, batches)
            (folder / "url").write_text(world.url)
        return
    store = Store.open((folder / "url").read_text())
    audit(store, store.head().ledger_id, processes=1)
    print(json.dumps(peak()))


if __name__ == "__main__":
    main()
