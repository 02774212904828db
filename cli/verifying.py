"""`comarca verify`: check what was kept, offline."""

from pathlib import Path
from typing import Any

import click

from cli.errors import CouldNot
from cli.options import READABLE, Group, pass_session, with_options
from cli.output import utc, write_facts, write_json
from cli.session import Session
from ledger.core.machine import write_event
from ledger.log import base64s
from ledger.receipts.plain import MOST
from ledger.receipts.verifying import Shown
from ledger.receipts.verifying import verify as verify_receipt


@click.group(cls=Group)
def verify() -> None:
    """Check what was kept, offline."""


@verify.command("receipt")
@click.argument("file", type=READABLE)
@click.option("--origin", required=True, help="The ledger's origin, as its statutes say.")
@click.option("--identity", required=True, help="The ledger's identity (base64), as its statutes say.")
@with_options()
@pass_session
def receipt(session: Session, file: Path, origin: str, identity: str) -> None:
    """Verify the receipt in FILE with nothing but the ledger's origin and identity; no database, no network.

    \b
    Example: comarca verify receipt flour.json --origin ledger.example/solana \\
                 --identity SYYjE+J+Fp7bwO0mUFtm6yNTL5yrMZ4KUJ3VpN2fRcI=
    """
    root = base64s.decode(identity, 32)
    if file.stat().st_size > MOST:
        raise CouldNot(f"{file}: larger than any receipt")
    shown = verify_receipt(file.read_bytes(), origin, root)
    if session.as_json:
        write_json(as_json(shown))
        return
    write_facts([
        ("receipt", "verified"), ("log index", shown.log_index), ("time", utc(shown.time)), ("kind", shown.kind),
        ("id", shown.id.hex()), ("signed by", ", ".join(signer.holder.hex() for signer in shown.signers)),
        *(("event", write_event(event)) for event in shown.events), *shown.texts,
        ("checkpoint", f"size {shown.checkpoint.size}, root {base64s.encode(shown.checkpoint.root)}"),
    ])  # fmt: skip


def as_json(shown: Shown) -> dict[str, Any]:
    """What a receipt shows, for programs."""
    return {
        "verified": True, "log_index": shown.log_index, "time": shown.time, "kind": shown.kind, "id": shown.id.hex(),
        "signers": [signer.holder.hex() for signer in shown.signers],
        "events": [write_event(event) for event in shown.events], "texts": dict(shown.texts),
        "checkpoint": {"size": shown.checkpoint.size, "root": base64s.encode(shown.checkpoint.root)},
    }  # fmt: skip
