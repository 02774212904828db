"""One of several processes that sign the same growing log: prints each checkpoint it got.

    python -m tests.signer.contender STATE SIZES STEP

STEP is by how much this one's log has grown whenever it asks.
"""

import sys
from pathlib import Path

from ledger.signer.signer import Signer
from tests.signer.logs import ORIGIN, SEED, Leaves


def main(state: str, sizes: str, step: str) -> None:
    leaves = Leaves(int(sizes))
    signer = Signer(SEED, ORIGIN, Path(state))
    for size in range(1, int(sizes) + 1, int(step)):
        note = signer.sign(size, leaves.root(size), leaves.proof)
        print(note.hex(), size)


if __name__ == "__main__":
    main(*sys.argv[1:])
