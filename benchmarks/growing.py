"""A process that logs payments and says how much memory it ever held: after a warm-up, and at the end.

python -m benchmarks.growing FOLDER ACCOUNTS BATCHES
"""

import json
import sys
from pathlib import Path

from benchmarks.world import Base, SqliteDatabases

WARM_UP, BATCH = 20, 500


def peak() -> float:
    """The most this process ever held, in megabytes. Linux's `ru_maxrss` would count what its parent held, too."""
    (line,) = (line for line in Path("/proc/self/status").read_text().split("\n") if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


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
