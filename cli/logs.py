"""`comarca log`: the log's size, entries and checkpoint."""

import json
from pathlib import Path

import click

from cli.acting import parse_id
from cli.errors import Misused, Wrong
from cli.options import FILE, SIGNS, Group, pass_session, with_options
from cli.output import utc, write_facts, write_json
from cli.session import Session
from ledger.log import base64s, checkpoint
from ledger.log import entry as entries


@click.group(cls=Group)
def log() -> None:
    """The log's size, entries and checkpoint."""


@log.command("size")
@with_options()
@pass_session
def size(session: Session) -> None:
    """Show how many entries the log has, the time of the last, and the ledger's identity.

    \b
    Example: comarca log size
    """
    info = session.info
    identity = base64s.encode(info.identity)
    if session.as_json:
        write_json({"origin": info.origin, "identity": identity, "size": info.size, "time": info.time})
        return
    write_facts([("origin", info.origin), ("identity", identity), ("size", info.size), ("last entry", info.time),
                 *(("verifier key", key) for key in info.verifier_keys)])  # fmt: skip


@log.command("entry")
@click.argument("log_index", type=click.IntRange(0))
@click.option("--receipt", type=FILE, help="Save the receipt of --holder there.")
@click.option("--holder", metavar="ID", help="A party of the entry, whose receipt is wanted.")
@with_options(SIGNS)
@pass_session
def entry(session: Session, log_index: int, receipt: Path | None, holder: str | None,
          key_files: tuple[Path, ...]) -> None:  # fmt: skip
    """Show the public lines of an entry; with --receipt, save what a party keeps.

    Through --server, --key says who asks.

    \b
    Example: comarca log entry 7
             comarca log entry 7 --holder 0192f3a87c0b7e1a9d2c4b5a69788796 --receipt seven.json
    """
    if receipt is not None and receipt.exists():
        raise Misused(f"{receipt}: is there already; name another file for the receipt")
    if key_files:
        session.log_in(key_files)
    found = session.entry(log_index)
    if receipt is not None:
        _save(session, log_index, holder, found.get("receipt"), receipt)
    if session.as_json:
        write_json({name: found[name] for name in ("log_index", "entry", "proof")})
        return
    parsed = entries.parse(found["entry"].encode())
    hashes = {"instruction": parsed.instruction, "events": parsed.events}
    write_facts([("log index", log_index), ("time", utc(parsed.time)),
                 *((name, base64s.encode(octets)) for name, octets in hashes.items())])  # fmt: skip


def _save(session: Session, log_index: int, holder: str | None, found: object, file: Path) -> None:
    if session.settings.server is None:
        if holder is None:
            raise Misused("--receipt: whose? Name a party of the entry by --holder")
        found = session.database().receipt(log_index, parse_id(holder, "--holder"))
    if found is None:
        raise Wrong(f"entry {log_index}: no receipt for this holder, who is no party of it")
    file.write_text(json.dumps(found) + "\n")


@log.command("checkpoint")
@with_options()
@pass_session
def show_checkpoint(session: Session) -> None:
    """Print the latest signed checkpoint, as it is.

    \b
    Example: comarca log checkpoint > checkpoint
    """
    note = session.checkpoint()
    if session.as_json:
        parsed = checkpoint.parse(note)
        write_json({"origin": parsed.origin, "size": parsed.size, "root": base64s.encode(parsed.root),
                    "note": note.decode()})  # fmt: skip
        return
    click.echo(note, nl=False)
