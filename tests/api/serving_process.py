"""A real server for tests, as a process of its own: `python -m tests.api.serving_process URL STATE PROCESSES`.

STATE is the file of a signer's state, or the socket (*.sock) of a signer that runs apart. It prints its
address once it answers, and on refusal the one line that says why, with status 3.
"""

import sys
from pathlib import Path

from ledger.ambient.settings import Settings
from ledger.api.serving import serve
from ledger.signer.remote import RemoteSigner
from ledger.signer.signer import Signer, SignerRefused
from ledger.store.errors import StoreError
from tests.territory import ORIGIN, seed


def main(url: str, state: str, processes: str) -> int:
    """Serve the territory of tests."""
    settings = Settings(url=url, port=0, processes=int(processes))
    apart = state.endswith(".sock")
    signer = RemoteSigner(Path(state), ORIGIN) if apart else Signer([seed("operator")], ORIGIN, Path(state))
    try:
        return serve(settings, {"solana": signer}, announce=lambda address: print(address, flush=True))
    except (StoreError, SignerRefused) as error:
        print(error, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
