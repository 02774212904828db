"""`comarca holder`: holders who are not members: delegates, custodians, auditors, the bank."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import click

from cli.acting import administer, parse_id
from cli.naming import newcomer
from cli.options import FILE, GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import utc, write_facts, write_json, write_table
from cli.session import Session
from ledger.core.holders import RegisterHolder, Role
from ledger.log import keys


@click.group(cls=Group)
def holder() -> None:
    """Register holders who are no members, list them, show any holder."""


@holder.command("register")
@click.argument("role", type=click.Choice(get_args(Role)))
@click.option("--holder-key", type=FILE, help="The holder's key file, where it is at hand.")
@click.option("--holder", "id", metavar="ID", help="The holder's id, as its `comarca key show` says.")
@click.option("--public-key", metavar="KEY", help="The holder's public key, as its `comarca key show` says.")
@click.option("--profile", metavar="TEXT", help="Name and contact: kept outside the log, erasable.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def register(session: Session, role: str, holder_key: Path | None, id: str | None, public_key: str | None,
             profile: str | None, key_files: tuple[Path, ...], out: Path | None) -> None:  # fmt: skip
    """Register a holder with a ROLE. It has no account; what it may do with a member's account the member says by a
    grant, but a custodian acts for the members that are admitted without a key.

    The administrators and the holder itself sign.

    \b
    Example: comarca holder register delegate --holder-key till.key --profile "Till of the bakery"
    """
    name, key = newcomer(session, holder_key, id, public_key, "--holder-key")
    asked = RegisterHolder(cast(Role, role), key.public)
    administer(
        session, "register_holder", asked, key_files, out, texts={"profile": profile}, id=name, also=key.mine
    )  # fmt: skip


@holder.command("list")
@with_options(SIGNS)
@pass_session
def list_holders(session: Session, key_files: tuple[Path, ...]) -> None:
    """List the registered holders; members are in `comarca member list`. Through --server, --key says who asks: an
    administrator, or an auditor, who sees no names.

    \b
    Example: comarca holder list
    """
    session.log_in(key_files)
    found = session.holders()
    if session.as_json:
        write_json(list(found))
        return
    rows = ((one["name"], one["id"], one["role"], one["since"]) for one in found)
    write_table(["name", "holder", "role", "since entry"], rows)


@holder.command("show")
@click.argument("id", metavar="HOLDER")
@with_options(SIGNS)
@pass_session
def show(session: Session, id: str, key_files: tuple[Path, ...]) -> None:
    """Show what the ledger knows of a holder, be it a member or not: role, facts, keys, recovery, grants. Through
    --server the holder itself or an administrator asks.

    \b
    Example: comarca holder show 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    parse_id(id, "HOLDER")
    session.log_in(key_files)
    found = session.holder(id)
    if session.as_json:
        write_json(found)
    else:
        write_facts(_facts(session, id, found))


def _facts(session: Session, id: str, found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "holder", id
    yield "role", found["role"] or _office(session, id, found)
    yield "profile", found["profile"]["text"] if found["profile"] else "none is kept"
    facts = found["facts"] or {}
    yield from ((name, value) for name, value in facts.items() if name != "id" and value is not None)
    for key in found["keys"]:
        public = keys.decode(key["public"])
        yield "key", f"{session.info.key_id(bytes.fromhex(id), public)} ({key['status']})"
    if recovery := found["recovery"]:
        yield "recovery", f"{recovery['id']} ({recovery['status']}, due {utc(recovery['due'])})"
    for grant in found["grants"]:
        what = f"{', '.join(grant['kinds'])} for {grant['holder']} with account {grant['account']}"
        yield "grant", what if grant["stands"] else f"{what} (over)"


def _office(session: Session, id: str, found: dict[str, Any]) -> str:
    if bytes.fromhex(id) in session.info.administrators:
        return "administrator"
    return "member" if found["facts"] else "none"
