"""`comarca grant`: what a member lets others do with its account."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cli.acting import act, parse_id
from cli.errors import Wrong
from cli.naming import one_holder
from cli.options import SIGNS, WRITES, Group, pass_session, with_options
from cli.output import utc, write_json, write_table
from cli.session import Session
from ledger.core.forms import Form
from ledger.core.grants import GRANTABLE, EndGrant, GiveGrant
from ledger.core.words import AccountId, HolderId

GRANT: Form[GiveGrant] = Form(GiveGrant)
BOUNDS = ("payment", "day", "month")
OF_ACCOUNT = (
    click.option("--account", metavar="ID", help="The account; the member's first where nothing is said."),
)  # fmt: skip


@click.group(cls=Group)
def grant() -> None:
    """Let others act for an account, end that, list it."""


@grant.command("give")
@click.argument("holder", metavar="HOLDER")
@click.option("--kinds", required=True, metavar="WORDS", help=f"Some of {', '.join(GRANTABLE)}; commas between them.")
@click.option("--payment", metavar="AMOUNT", help="The most that it may pay at once.")
@click.option("--day", metavar="AMOUNT", help="The most that it may pay on a day of the ledger's calendar.")
@click.option("--month", metavar="AMOUNT", help="The most that it may pay in a month of the ledger's calendar.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day that it counts.")
@with_options(OF_ACCOUNT, SIGNS, WRITES)
@pass_session
def give(session: Session, holder: str, kinds: str, until: datetime | None, account: str | None,
         key_files: tuple[Path, ...], **bounds: str | None) -> None:  # fmt: skip
    """Let HOLDER (a delegate, a custodian, the bank, another member) act for your account, in place of what it was
    given before. Where no bound is said there is none but the account's own.

    It pays by: comarca pay PAYEE AMOUNT --from ACCOUNT --key ITS-KEY. The grant ends with the key that gave it.

    \b
    Example: comarca grant give 0192f3a87c0b7e1a9d2c4b5a69788796 --kinds read,transfer --payment 50.00 --day 200.00 \\
                 --until 2027-12-31 --key bakery.key
    """
    info = session.info
    plain: dict[str, Any] = {name: info.minor(text) for name in BOUNDS if (text := bounds[name]) is not None}
    if until is not None:
        plain["until"] = info.day(until.date() + timedelta(days=1)) - 1
    plain["kinds"] = sorted({word.strip() for word in kinds.split(",")})
    mine = _Mine(session, holder, account, key_files)
    if mine.standing is not None:
        plain["was"] = mine.standing["since"]
    act(session, "give_grant", GRANT.read_at({**plain, "account": mine.account, "holder": holder}), mine.keys)


@grant.command("end")
@click.argument("holder", metavar="HOLDER")
@with_options(OF_ACCOUNT, SIGNS, WRITES)
@pass_session
def end(session: Session, holder: str, account: str | None, key_files: tuple[Path, ...]) -> None:
    """Let HOLDER act for your account no more.

    \b
    Example: comarca grant end 0192f3a87c0b7e1a9d2c4b5a69788796 --key bakery.key
    """
    mine = _Mine(session, holder, account, key_files)
    if mine.standing is None or not mine.standing["kinds"]:
        raise Wrong(f"holder {holder} has no grant on account {mine.account}")
    ids = AccountId(bytes.fromhex(mine.account)), HolderId(bytes.fromhex(holder))
    act(session, "end_grant", EndGrant(*ids, mine.standing["since"]), mine.keys)


class _Mine:
    """The member's keys that are at hand, its account, and what a holder may do with that so far."""

    def __init__(self, session: Session, holder: str, account: str | None, key_files: tuple[Path, ...]):
        parse_id(holder, "HOLDER")
        member, self.keys = one_holder(session, key_files)
        self.account = parse_id(account, "--account").hex() if account else member.hex()
        session.log_in(key_files)
        given = session.holder(member.hex())["grants"]
        named = [one for one in given if (one["account"], one["holder"]) == (self.account, holder)]
        self.standing: dict[str, Any] | None = named[0] if named else None


@grant.command("list")
@click.argument("holder", metavar="HOLDER", required=False)
@with_options(SIGNS)
@pass_session
def list_grants(session: Session, holder: str | None, key_files: tuple[Path, ...]) -> None:
    """List the grants that HOLDER has, and those over its accounts; without HOLDER those of --key's holder. Through
    --server the holder itself or an administrator asks.

    \b
    Example: comarca grant list 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca grant list --key bakery.key
    """
    id = parse_id(holder, "HOLDER") if holder else one_holder(session, key_files)[0]
    session.log_in(key_files)
    found = session.holder(id.hex())["grants"]
    if session.as_json:
        write_json(found)
        return
    info = session.info
    rows = [(one["account"], one["holder"], ", ".join(one["kinds"]), *(info.decimal(one[name]) if one[name] else ""
             for name in BOUNDS), utc(one["until"]), one["since"], one["stands"]) for one in found]  # fmt: skip
    columns = ["account", "holder", "kinds", *BOUNDS, "until", "since entry", "stands"]
    write_table(columns, rows, right=BOUNDS)
