"""`comarca log`: the log's size, entries and checkpoint, and its entries as they come."""

import json
from pathlib import Path
from typing import Any

import click

from cli.acting import parse_id
from cli.errors import Misused, Wrong
from cli.options import FILE, SIGNS, Group, pass_session, with_options
from cli.output import utc, write_facts, write_json
from cli.session import Session
from ledger.client.following import StreamRefused, follow
from ledger.log import base64s, checkpoint
from ledger.log import entry as entries


@click.group(cls=Group)
def log() -> None:
    """The log's size, entries and checkpoint."""


@log.command("size")
@with_options()
@pass_session
def size(session: Session) -> None:
    """Show how many entries the log has, the time of the last, the ledger's identity, and the operator's verifier
    key, which goes to witnesses and into policies.

    \b
    Example: comarca log size
    """
    info = session.info
    identity = base64s.encode(info.identity)
    if session.as_json:
        write_json({"origin": info.origin, "identity": identity, "size": info.size, "time": info.time,
                    "verifier_keys": list(info.verifier_keys)})  # fmt: skip
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


@log.command("follow")
@click.option("--from", "start", type=click.IntRange(0), help="Log index to begin at; from now on where not said.")
@click.option("--until", type=click.IntRange(0), help="End after the entry of this log index or a later one.")
@with_options(SIGNS)
@pass_session
def follow_log(session: Session, start: int | None, until: int | None, key_files: tuple[Path, ...]) -> None:
    """Print the entries that concern the holder of --key (an administrator: all) as they are logged, until Ctrl-C.

    A server must run. None is missed or printed twice over its restarts.

    \b
    Example: comarca log follow --key bakery.key
             comarca log follow --from 0 --key bakery.key --json
    """
    client = session.server
    if client is None:
        raise Misused("nobody serves the ledger: start `comarca serve`, or name a server by --server")
    who = session.keys(key_files)[0]

    def token() -> str:
        client.log_in(who.holder, who.seed, session.now)
        return client.token

    try:
        for entry in follow(client.server, client.ledger, token, start):
            _write_followed(session, entry)
            if until is not None and entry["log_index"] >= until:
                return
    except StreamRefused as error:
        raise Wrong(f"{client.server}: {error}") from error


def _write_followed(session: Session, entry: dict[str, Any]) -> None:
    if session.as_json:
        click.echo(json.dumps(entry))
        return
    for event in entry["events"]:
        said = " ".join(f"{name}={_short(value)}" for name, value in event.items() if name != "event")
        click.echo(f"{utc(entry['time'])}\t{entry['log_index']}\t{event['event']}\t{said}")


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
