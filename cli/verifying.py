"""`comarca verify`: check what was kept, offline."""

from pathlib import Path
from typing import Any

import click

from cli.errors import CouldNot, Misused, Wrong
from cli.options import READABLE, Group, pass_session, with_options
from cli.output import printable, utc, write_facts, write_json
from cli.session import Session
from ledger.core.machine import write_event
from ledger.log import base64s
from ledger.log.malformed import Malformed
from ledger.receipts.plain import MOST
from ledger.receipts.verifying import ReceiptError, Shown
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
    root = _identity(identity)
    if file.stat().st_size > MOST:
        raise CouldNot(f"{file}: larger than any receipt")
    try:
        shown = verify_receipt(file.read_bytes(), origin, root)
    except ReceiptError as error:
        raise Wrong(f"{file}: not verified: {printable(str(error))}") from error
    if session.as_json:
        write_json(as_json(shown))
        return
    write_facts([
        ("receipt", "verified"), ("log index", shown.log_index), ("time", utc(shown.time)), ("kind", shown.kind),
        ("id", shown.id.hex()), ("signed by", ", ".join(signer.holder.hex() for signer in shown.signers)),
        *(("event", write_event(event)) for event in shown.events), *shown.texts,
        ("checkpoint", f"size {shown.checkpoint.size}, root {base64s.encode(shown.checkpoint.root)}"),
    ])  # fmt: skip


def _identity(text: str) -> bytes:
    try:
        return base64s.decode(text, 32)
    except Malformed as error:
        raise Misused(f"--identity: {error}") from error


def as_json(shown: Shown) -> dict[str, Any]:
    """What a receipt shows, for programs."""
    return {
        "verified": True, "log_index": shown.log_index, "time": shown.time, "kind": shown.kind, "id": shown.id.hex(),
        "signers": [signer.holder.hex() for signer in shown.signers],
        "events": [write_event(event) for event in shown.events], "texts": dict(shown.texts),
        "checkpoint": {"size": shown.checkpoint.size, "root": base64s.encode(shown.checkpoint.root)},
    }  # fmt: skip
