"""A process that logs payments and says how much memory it ever held: after a warm-up, and at the end.

python -m benchmarks.growing FOLDER ACCOUNTS BATCHES
"""

import json
import resource
import sys
from pathlib import Path

from benchmarks.world import Base, SqliteDatabases

WARM_UP, BATCH = 20, 500


def peak() -> float:
    """The most this process ever held, in megabytes (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the two peaks as a JSON array."""
    folder, accounts, batches = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    peaks = []
    with Base(SqliteDatabases(folder), accounts).world() as world:
        for count in (WARM_UP, batches):
            for _ in range(count):
                world.submit(world.prepared(BATCH))
            peaks.append(peak())
    print(json.dumps(peaks))


if __name__ == "__main__":
    main()
