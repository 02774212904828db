"""`comarca key`: make keys, and show what is public of them."""

import os
import re
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
from ledger.log.keys import COSIGNER
from ledger.signer.keyfile import public_keys, write_keys
from ledger.witness.state import State

OPERATOR = "operator"
WITNESS = re.compile(r"[a-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]{1,50}){0,4}", re.ASCII)


@click.group(cls=Group)
def key() -> None:
    """Make keys, and show what is public of them."""


@key.command("new")
@click.argument("file", type=FILE)
@click.option("--operator", is_flag=True, help="The operator's key, which signs checkpoints only.")
@click.option("--holder", metavar="ID", help="A further key of this holder; without it, the first of a new one.")
@click.option("--witness", metavar="NAME", help="A witness's key of this name, an address without https://; also "
              "makes its state beside it.")  # fmt: skip
@with_options()
@pass_session
def new(session: Session, file: Path, operator: bool, holder: str | None, witness: str | None) -> None:
    """Make a key in FILE, encrypted under a password.

    A holder's key has its holder's id from birth. Give the id and the public key, which this shows, to those who write
    the genesis or the admission; the file and its password to nobody. The first key belongs on paper, too. With
    --holder it is a further key of a holder that is there, to add or rotate to, or for a recovery.

    \b
    Example: comarca key new anna.key
             comarca key new till.key --holder 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca key new w1.key --witness witness.example/w1
    """
    if bool(operator) + bool(holder) + (witness is not None) > 1:
        raise Misused("a key is a holder's, the operator's or a witness's: leave --holder, --operator or --witness out")
    refuse_existing(file)
    if witness is not None:
        _new_witness(session, file, witness)
    else:
        name = OPERATOR if operator else parse_id(holder, "--holder").hex() if holder else new_id().hex()
        make_key(file, session.password(file, new=True), name)
    _show(session, file)


def _new_witness(session: Session, file: Path, name: str) -> None:
    """A witness's key and its state, which comes first: a key without its state signs nothing."""
    if not WITNESS.fullmatch(name) or holder_of(name) is not None or name == OPERATOR:
        raise Misused(f"--witness: an address without https:// belongs here, such as witness.example/w1, not {name!r}")
    password, seed = session.password(file, new=True), os.urandom(32)
    State.create(file.with_suffix(".state"), keys.vkey(name, keys.public_of(seed), COSIGNER))
    write_keys(file, {name: seed}, password, new=True)


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
    """Show holders and public keys of a key file, of a witness its verifier key; no password is needed.

    \b
    Example: comarca key show anna.key
    """
    _show(session, file)


def _show(session: Session, file: Path) -> None:
    found = [(name if holder_of(name) else "", name, _written(name, key)) for name, key in public_keys(file).items()]
    if session.as_json:
        write_json([{"holder": holder or None, "name": name, "key": text} for holder, name, text in found])
    else:
        write_table(["holder", "public key"], [(holder or name, text) for holder, name, text in found])


def _written(name: str, public: bytes) -> str:
    """A key as others need it: in signed texts, but a witness's in policies."""
    is_witness = holder_of(name) is None and name != OPERATOR
    return keys.vkey(name, public, COSIGNER) if is_witness else keys.encode(public)
