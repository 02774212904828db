"""`comarca key`: make keys, and show what is public of them."""

import os
from pathlib import Path

import click

from cli.acting import parse_id
from cli.errors import Misused
from cli.options import FILE, READABLE, Group, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.ambient.ids import new_id
from ledger.client.keyring import holder_of
from ledger.log import keys
from ledger.signer.keyfile import public_keys, write_keys

OPERATOR = "operator"


@click.group(cls=Group)
def key() -> None:
    """Make keys, and show what is public of them."""


@key.command("new")
@click.argument("file", type=FILE)
@click.option("--operator", is_flag=True, help="The operator's key, which signs checkpoints only.")
@click.option("--holder", metavar="ID", help="A further key of this holder; without it, the first of a new one.")
@with_options()
@pass_session
def new(session: Session, file: Path, operator: bool, holder: str | None) -> None:
    """Make a key in FILE, encrypted under a password.

    A holder's key has its holder's id from birth. Give the id and the public key, which this shows, to those who write
    the genesis or the admission; the file and its password to nobody. The first key belongs on paper, too. With
    --holder it is a further key of a holder that is there, to add or rotate to, or for a recovery.

    \b
    Example: comarca key new anna.key
             comarca key new till.key --holder 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    if operator and holder:
        raise Misused("the operator's key is no holder's: leave --holder or --operator out")
    refuse_existing(file)
    name = OPERATOR if operator else parse_id(holder, "--holder").hex() if holder else new_id().hex()
    make_key(file, session.password(file, new=True), name)
    _show(session, file)


def refuse_existing(file: Path) -> None:
    """A key is never replaced: what it signed would stay without it."""
    if file.exists():
        raise Misused(f"{file}: is there already, and a key is never replaced; name another file")


def make_key(file: Path, password: bytes, name: str) -> bytes:
    """A fresh key under this name in a file of its own; its seed."""
    seed = os.urandom(32)
    write_keys(file, {name: seed}, password)
    return seed


@key.command("show")
@click.argument("file", type=READABLE)
@with_options()
@pass_session
def show(session: Session, file: Path) -> None:
    """Show holders and public keys of a key file; no password is needed.

    \b
    Example: comarca key show anna.key
    """
    _show(session, file)


def _show(session: Session, file: Path) -> None:
    found = [(name if holder_of(name) else "", name, keys.encode(key)) for name, key in public_keys(file).items()]
    if session.as_json:
        write_json([{"holder": holder or None, "name": name, "key": text} for holder, name, text in found])
    else:
        write_table(["holder", "public key"], [(holder or name, text) for holder, name, text in found])
