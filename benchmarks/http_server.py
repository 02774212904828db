"""A real server for the benchmarks, as a process of its own: `python -m benchmarks.http_server URL STATE PROCESSES
[POLICY]`.

Beside the product's routes it has one that does nothing, the floor: it reads the body and answers a short JSON, through
the same server and the same stack.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Flask

from ledger.ambient.settings import Settings
from ledger.api import serving
from ledger.api.application import create_app
from ledger.api.edge import JSON, TEXT, body, body_type, json_response
from ledger.api.served import Served
from ledger.api.serving import serve
from ledger.signer.signer import Signer
from ledger.store.database import Store
from tests.territory import seed

TRIVIAL = "/v1/trivial"


def with_floor(ledgers: Iterable[Served], *limits: Any) -> Flask:
    """The product's application and the trivial route."""
    app = create_app(ledgers, *limits)

    def trivial() -> Any:
        body_type(TEXT, JSON)
        return json_response({"octets": len(body(65_536))}, 201)

    app.add_url_rule(TRIVIAL, view_func=trivial, methods=["POST"])
    return app


def main(url: str, state: str, processes: str, policy: str = "") -> int:
    """Serve the territory of tests until a signal; with a policy, its witnesses are asked."""
    vars(serving)["create_app"] = with_floor
    most = 1_000_000  # nobody is limited here
    settings = Settings(url=url, port=0, processes=int(processes), rate=most, burst=most,
                        witness_policy=Path(policy) if policy else None)  # fmt: skip
    signers = {
        name: Signer([seed("operator")], origin, Path(f"{state}-{name}")) for name, origin in ledgers_of(url).items()
    }
    return serve(settings, signers, announce=lambda address: print(address, flush=True))


def ledgers_of(url: str) -> dict[str, str]:
    """The ledgers in a database, origin by name."""
    store = Store.open(url)
    try:
        return {head.name: head.origin for head in store.heads()}
    finally:
        store.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
