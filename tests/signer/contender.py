"""One of several processes that sign a growing log under one state: prints each checkpoint it got, or "refused".

    python -m tests.signer.contender STATE SIZES STEP [MARK]

STEP is by how much this one's log has grown whenever it asks. With another MARK it is another log.
"""

import sys
from pathlib import Path

from ledger.log import keys
from ledger.signer.signer import Signer, SignerRefused
from tests.signer.logs import ORIGIN, SEED, Leaves


def main(state: str, sizes: str, step: str, mark: str = "") -> None:
    leaves = Leaves(int(sizes), mark)
    signer = Signer([SEED], ORIGIN, Path(state))
    for size in range(1, int(sizes) + 1, int(step)):
        try:
            answer = signer.sign(size, leaves.root(size), [keys.public_of(SEED)], leaves.proof).hex()
        except SignerRefused:
            answer = "refused"
        print(answer, size, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
