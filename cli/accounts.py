"""`comarca account`: look at accounts; open, limit, suspend, reinstate them."""

from pathlib import Path
from typing import Any

import click

from cli.acting import administer, parse_id
from cli.movements import AT_MOST, FILTERS, filter_of
from cli.options import GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import say, write_facts, write_json, write_table
from cli.session import Session
from ledger.core.members import OpenAccount, Reinstate, SetLimits, Suspend
from ledger.core.words import AccountId, MemberId

REASON = (click.option("--reason", required=True, metavar="TEXT", help="Why; kept outside the log."),)


@click.group(cls=Group)
def account() -> None:
    """Look at accounts; open, limit, suspend, reinstate them."""


@account.command("show")
@click.argument("id", metavar="ACCOUNT")
@with_options(SIGNS)
@pass_session
def show(session: Session, id: str, key_files: tuple[Path, ...]) -> None:
    """Show an account's position. Through --server, --key says who asks.

    \b
    Example: comarca account show 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    found = _account(session, id, key_files)
    if session.as_json:
        write_json(found)
        return
    info = session.info
    amounts = {name: info.amount(found[name]) for name in ("balance", "held", "floor", "ceiling", "available")}
    shown = ("id", "member", "kind", "class", "status")
    write_facts([*((name, found[name]) for name in shown), *amounts.items(), ("opened", f"entry {found['opened']}"),
                 ("limits since", f"entry {found['limits_since']}")])  # fmt: skip


def _account(session: Session, id: str, key_files: tuple[Path, ...]) -> dict[str, Any]:
    parse_id(id, "ACCOUNT")
    session.log_in(key_files)
    return session.account(id)


@account.command("history")
@click.argument("id", metavar="ACCOUNT")
@with_options(FILTERS, AT_MOST, SIGNS)
@pass_session
def history(session: Session, id: str, limit: int, key_files: tuple[Path, ...], **given: Any) -> None:
    """List an account's movements, newest first; filters combine freely.

    \b
    Example: comarca account history 0192f3a87c0b7e1a9d2c4b5a69788796 --limit 10
             comarca account history 0192f3a87c0b7e1a9d2c4b5a69788796 --since 2026-05-01 --max 5.00
    """
    _account(session, id, key_files)
    found = session.movements(id, filter_of(session, given), limit)
    if session.as_json:
        write_json(list(found))
        return
    decimal = session.info.decimal
    rows = []
    for one in found:
        paid = one["payer"] == id
        other = one["payee" if paid else "payer"]
        amount = decimal(-one["amount"] if paid else one["amount"])
        rows.append((one["time"], one["log_index"], one["kind"], other, amount, decimal(one["balance"])))
    write_table(["time", "entry", "kind", "other account", "amount", "balance"], rows, right=["amount", "balance"])


@account.command("totals")
@with_options(SIGNS)
@pass_session
def totals(session: Session, key_files: tuple[Path, ...]) -> None:
    """Show how many accounts there are, what is owned and what is owed: the mutual credit in use. Together it is zero.

    Through --server, --key says who asks: an administrator or an auditor.

    \b
    Example: comarca account totals
    """
    session.log_in(key_files)
    found = session.total_accounts()
    if session.as_json:
        write_json(found)
        return
    decimal = session.info.decimal
    rows = [(one.get("kind"), one.get("class"), one["accounts"], decimal(one["positive"]), decimal(one["negative"]),
             decimal(one["positive"] + one["negative"])) for one in (*found["groups"], found)]  # fmt: skip
    right = ["accounts", "above zero", "below zero", "sum"]
    write_table(["kind", "class", *right], rows, right=right)
    say(f"At log size {found['log_size']}.")


@account.command("open")
@click.argument("id", metavar="MEMBER")
@click.option("--class", "class_", required=True, metavar="WORD", help="The account's class, by the policy `limits`.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def open_account(session: Session, id: str, class_: str, key_files: tuple[Path, ...], out: Path | None) -> None:
    """Open a further account for a member.

    \b
    Example: comarca account open 0192f3a87c0b7e1a9d2c4b5a69788796 --class personal
    """
    administer(session, "open_account", OpenAccount(MemberId(parse_id(id, "MEMBER")), class_), key_files, out)


@account.command("limit")
@click.argument("id", metavar="ACCOUNT")
@click.option("--floor", metavar="AMOUNT", help="How far below zero it may go, such as -5000.00.")
@click.option("--ceiling", metavar="AMOUNT", help="How far above zero it may go.")
@with_options(REASON, SIGNS, GATHERS, WRITES)
@pass_session
def limit(session: Session, id: str, floor: str | None, ceiling: str | None, reason: str,
          key_files: tuple[Path, ...], out: Path | None) -> None:  # fmt: skip
    """Set an account's limits; one that is not named stays.

    \b
    Example: comarca account limit 0192f3a87c0b7e1a9d2c4b5a69788796 --ceiling 20000.00 --reason "larger shop"
    """
    found, minor = _account(session, id, key_files), session.info.minor
    asked = SetLimits(
        AccountId(bytes.fromhex(id)),
        found["floor"] if floor is None else minor(floor),
        found["ceiling"] if ceiling is None else minor(ceiling),
        found["limits_since"],
        b"",
    )
    administer(session, "set_limits", asked, key_files, out, texts={"reason": reason})


@account.command("suspend")
@click.argument("id", metavar="ACCOUNT")
@with_options(REASON, SIGNS, GATHERS, WRITES)
@pass_session
def suspend(session: Session, id: str, reason: str, key_files: tuple[Path, ...], out: Path | None) -> None:
    """Suspend an account: it pays nothing, and still receives.

    \b
    Example: comarca account suspend 0192f3a87c0b7e1a9d2c4b5a69788796 --reason "key reported stolen"
    """
    found = _account(session, id, key_files)
    asked = Suspend(AccountId(bytes.fromhex(id)), found["status_since"], b"")
    administer(session, "suspend", asked, key_files, out, texts={"reason": reason})


@account.command("reinstate")
@click.argument("id", metavar="ACCOUNT")
@with_options(REASON, SIGNS, GATHERS, WRITES)
@pass_session
def reinstate(session: Session, id: str, reason: str, key_files: tuple[Path, ...], out: Path | None) -> None:
    """Let a suspended account pay again.

    \b
    Example: comarca account reinstate 0192f3a87c0b7e1a9d2c4b5a69788796 --reason "new key in use"
    """
    found = _account(session, id, key_files)
    asked = Reinstate(AccountId(bytes.fromhex(id)), found["status_since"], b"")
    administer(session, "reinstate", asked, key_files, out, texts={"reason": reason})
