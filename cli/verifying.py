"""`comarca verify`: check what was kept, offline."""

import json
from pathlib import Path
from typing import Any

import click

from cli.errors import CouldNot, Misused, Wrong
from cli.judging import by_policy, cosigned_facts, cosigners, judge, read_policy, shown_names
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
@by_policy
@with_options()
@pass_session
def receipt(session: Session, file: Path, origin: str, identity: str, policy_file: Path | None) -> None:
    """Verify the receipt in FILE with nothing but the ledger's origin and identity; no database, no network.

    With --policy its checkpoint must also be cosigned by witnesses, as that of a receipt fetched some seconds after the
    entry is.

    \b
    Example: comarca verify receipt flour.json --origin ledger.example/solana \\
                 --identity SYYjE+J+Fp7bwO0mUFtm6yNTL5yrMZ4KUJ3VpN2fRcI=
    """
    root = _identity(identity)
    if file.stat().st_size > MOST:
        raise CouldNot(f"{file}: larger than any receipt")
    try:
        octets = file.read_bytes()
        shown = verify_receipt(octets, origin, root)
    except ReceiptError as error:
        raise Wrong(f"{file}: not verified: {printable(str(error))}") from error
    cosigned = cosigners(policy_file, json.loads(octets)["checkpoint"].encode(), str(file))
    if session.as_json:
        write_json({**as_json(shown), "cosigned": cosigned})
        return
    write_facts([
        ("receipt", "verified"), ("log index", shown.log_index), ("time", utc(shown.time)), ("kind", shown.kind),
        ("id", shown.id.hex()), ("signed by", ", ".join(signer.holder.hex() for signer in shown.signers)),
        *(("event", write_event(event)) for event in shown.events), *shown.texts,
        ("checkpoint", f"size {shown.checkpoint.size}, root {base64s.encode(shown.checkpoint.root)}"),
        *cosigned_facts(cosigned),
    ])  # fmt: skip


@verify.command("checkpoint")
@click.argument("file", type=READABLE)
@by_policy
@with_options()
@pass_session
def checkpoint(session: Session, file: Path, policy_file: Path | None) -> None:
    """Verify the checkpoint in FILE by a policy: signed by a log that it names, cosigned by as many of its witnesses as
    it asks for.

    \b
    Example: comarca verify checkpoint checkpoint --policy solana.policy
    """
    if policy_file is None or not (asked := read_policy(policy_file)).logs:
        raise Misused("whose checkpoint should it be? Name a policy with the log's line by --policy")
    verified = judge(asked, file.read_bytes(), str(file))
    signed = verified.checkpoint
    if session.as_json:
        write_json({"verified": True, "origin": signed.origin, "size": signed.size,
                    "root": base64s.encode(signed.root), "cosigned": shown_names(verified)})  # fmt: skip
        return
    write_facts([("checkpoint", "verified"), ("origin", signed.origin), ("entries", signed.size),
                 ("root", base64s.encode(signed.root)), *cosigned_facts(shown_names(verified))])  # fmt: skip


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
