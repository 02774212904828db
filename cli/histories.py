"""What stood when, and who set it: `account limits`, `account status`, `member history`, `policy history`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from cli.acting import parse_id
from cli.errors import Wrong
from cli.options import SIGNS, Command, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.core.changes import FACTS, LIMITS, POLICY, STATUS
from ledger.core.forms import canonical
from ledger.core.ledgers import FEATURES

Plain = dict[str, Any]
AT_MOST = (
    click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many changes."),
)  # fmt: skip


@click.command("limits", cls=Command)
@click.argument("id", metavar="ACCOUNT")
@with_options(AT_MOST, SIGNS)
@pass_session
def limits(session: Session, id: str, limit: int, key_files: tuple[Path, ...]) -> None:
    """List what an account's limits have been, newest first, with who set them and why.

    Through --server, --key says who asks.

    \b
    Example: comarca account limits 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    name = _account(session, id, key_files)
    decimal = session.info.decimal

    def columns(one: Plain) -> list[object]:
        before = one["before"]
        return [decimal(one["after"]["floor"]), decimal(one["after"]["ceiling"]),
                decimal(before["floor"]) if before else "", decimal(before["ceiling"]) if before else ""]  # fmt: skip

    names = ["floor", "ceiling", "floor before", "ceiling before"]
    _show(session, session.changes(LIMITS, name, limit), names, columns, right=names)


@click.command("status", cls=Command)
@click.argument("id", metavar="ACCOUNT")
@with_options(AT_MOST, SIGNS)
@pass_session
def status(session: Session, id: str, limit: int, key_files: tuple[Path, ...]) -> None:
    """List when an account was suspended and reinstated, newest first, with who did it and why.

    Through --server, --key says who asks.

    \b
    Example: comarca account status 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    name = _account(session, id, key_files)
    found = session.changes(STATUS, name, limit)
    _show(session, found, ["status", "before"], lambda one: [one["after"], one["before"]])


@click.command("history", cls=Command)
@click.argument("id", metavar="MEMBER")
@with_options(AT_MOST, SIGNS)
@pass_session
def facts(session: Session, id: str, limit: int, key_files: tuple[Path, ...]) -> None:
    """List what a member's facts have been, newest first, with who set them and why.

    Through --server, --key says who asks.

    \b
    Example: comarca member history 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    name = parse_id(id, "MEMBER")
    session.log_in(key_files)
    if session.holder(id)["facts"] is None:
        raise Wrong(f"{id} is no member")
    found = session.changes(FACTS, name, limit)
    _show(session, found, ["facts", "before"], _bodies)


@click.command("history", cls=Command)
@click.argument("feature", required=False, type=click.Choice(sorted(FEATURES)))
@with_options(AT_MOST, SIGNS)
@pass_session
def policies(session: Session, feature: str | None, limit: int, key_files: tuple[Path, ...]) -> None:
    """List what the policies have been, or that of one FEATURE, newest first, with who set them.

    They are public; through --server the reasons are for administrators, whose key --key names.

    \b
    Example: comarca policy history limits
    """
    if key_files:
        session.log_in(key_files)
    found = session.changes(POLICY, feature.encode() if feature else None, limit)
    _show(session, found, ["feature", "body", "before"], lambda one: [one["feature"], *_bodies(one)])


def _account(session: Session, id: str, key_files: tuple[Path, ...]) -> bytes:
    """The id of an account that is there, and that whoever asks may read."""
    name = parse_id(id, "ACCOUNT")
    session.log_in(key_files)
    session.account(id)
    return name


def _bodies(one: Plain) -> list[object]:
    return [canonical(one["after"]), canonical(one["before"]) if one["before"] is not None else ""]


def _show(session: Session, found: Iterable[Plain], names: list[str], columns: Callable[[Plain], list[object]],
          right: Iterable[str] = ()) -> None:  # fmt: skip
    """A table of changes: when and where, what was set, who signed and why."""
    if session.as_json:
        write_json(list(found))
        return
    rows = ((one["time"], one["log_index"], one["kind"], *columns(one), ", ".join(one["signers"] or ()), one["reason"])
            for one in found)  # fmt: skip
    write_table(["time", "entry", "kind", *names, "signed by", "reason"], rows, right=right)
