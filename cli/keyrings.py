"""`comarca key list|add|rotate|revoke|bar`: a holder's keys over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli.acting import act, administer, parse_id
from cli.naming import further_key, one_holder, standing_key
from cli.options import GATHERS, SIGNS, WRITES, Command, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.words import HolderId
from ledger.log import keys
from ledger.signer.keyfile import public_keys


@click.command("list", cls=Command)
@click.argument("holder", metavar="HOLDER", required=False)
@with_options(SIGNS)
@pass_session
def list_keys(session: Session, holder: str | None, key_files: tuple[Path, ...]) -> None:
    """List all keys that HOLDER has had, oldest first, and what became of them; without HOLDER those of --key's.

    A key signs while it is live; while it is frozen (a recovery is pending) it signs all but payments. Of --key's files
    it is said which key each holds. Through --server the holder itself or an administrator asks.

    \b
    Example: comarca key list 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca key list --key bakery.key --key till.key
    """
    id = parse_id(holder, "HOLDER") if holder else one_holder(session, key_files)[0]
    session.log_in(key_files)
    files = _files(key_files)
    found = []
    for key in session.holder(id.hex())["keys"]:
        public = keys.decode(key["public"])
        found.append({"key_id": session.info.key_id(id, public), **key, "file": files.get(public)})
    if session.as_json:
        write_json(found)
        return
    columns = ("key_id", "status", "rank", "since", "public", "file")
    write_table(["key ID", "status", "rank", "since entry", "public key", "file"],
                [[key[name] for name in columns] for key in found])  # fmt: skip


def _files(key_files: Sequence[Path]) -> dict[bytes, str]:
    """Which key stands in which file."""
    return {public: str(path) for path in key_files for public in public_keys(path).values()}


@click.command("add", cls=Command)
@click.argument("new", metavar="NEWKEY")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def add(session: Session, new: str, key_files: tuple[Path, ...], out: Path | None) -> None:
    """Give yourself a further key: for a till, a telephone, or on paper. NEWKEY is its file, or its public key, if the
    file is on another machine; then that signs, too.

    The key of --key is one that you have. The new one is the youngest: it ends itself and no older one.

    \b
    Example: comarca key new till.key --holder 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca key add till.key --key bakery.key
    """
    holder, mine = one_holder(session, key_files)
    key = further_key(session, new, holder, mine)
    act(session, "add_key", AddKey(holder, key.public), [*mine, *key.mine], out)


@click.command("rotate", cls=Command)
@click.argument("new", metavar="NEWKEY")
@click.option("--old", metavar="KEY", help="File, public key or key ID of the key that goes; --key's own if not said.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def rotate(session: Session, new: str, old: str | None, key_files: tuple[Path, ...], out: Path | None) -> None:
    """Put a new key in the place of an old one, with its rank; the old one counts no more. The grants it gave stand.

    \b
    Example: comarca key rotate till-2027.key --key till.key
             comarca key rotate till-2027.key --old till.key --key bakery.key
    """
    holder, mine = one_holder(session, key_files)
    key = further_key(session, new, holder, mine)
    goes = standing_key(session, old, holder, key_files) if old else keys.public_of(mine[0].seed)
    act(session, "rotate_key", RotateKey(holder, goes, key.public), [*mine, *key.mine], out)


@click.command("revoke", cls=Command)
@click.argument("gone", metavar="KEY")
@with_options(SIGNS, WRITES)
@pass_session
def revoke(session: Session, gone: str, key_files: tuple[Path, ...]) -> None:
    """End KEY (its file, public key or key ID), and with it every grant that it gave. A key ends itself and younger
    ones; whoever ends the last one needs a recovery by the administrators.

    \b
    Example: comarca key revoke 1f0d88a3 --key bakery.key
    """
    holder, mine = one_holder(session, key_files)
    act(session, "revoke_key", RevokeKey(holder, standing_key(session, gone, holder, key_files)), mine)


@click.command("bar", cls=Command)
@click.argument("holder", metavar="HOLDER")
@click.argument("gone", metavar="KEY")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept outside the log.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def bar(session: Session, holder: str, gone: str, reason: str, key_files: tuple[Path, ...], out: Path | None) -> None:
    """End a KEY of HOLDER as administrators, whatever its rank: one that fell into wrong hands. It can still delay a
    recovery, once.

    \b
    Example: comarca key bar 0192f3a87c0b7e1a9d2c4b5a69788796 1f0d88a3 --reason "telephone stolen" --key anna.key
    """
    id = HolderId(parse_id(holder, "HOLDER"))
    asked = ForceRevokeKey(id, standing_key(session, gone, id, key_files), b"")
    administer(session, "force_revoke_key", asked, key_files, out, texts={"reason": reason})


COMMANDS: tuple[Any, ...] = (list_keys, add, rotate, revoke, bar)
