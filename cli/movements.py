"""`comarca movement`: every movement of the ledger, and what they come to. And the filters that lists of them take."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click

from cli.acting import parse_id
from cli.options import SIGNS, Group, pass_session, with_options
from cli.output import write_facts, write_json, write_table
from cli.session import Session
from ledger.core.accounts import MovementKind
from ledger.service.books import BY
from ledger.store.movements import Filter

DAY = click.DateTime(["%Y-%m-%d"])
FILTERS: tuple[Callable[[Any], Any], ...] = (
    click.option("--since", type=DAY, metavar="DATE", help="From this day on, by the ledger's calendar."),
    click.option("--until", type=DAY, metavar="DATE", help="Up to this day, included."),
    click.option("--payer", metavar="ID", help="Paid by this account."),
    click.option("--payee", metavar="ID", help="Paid to this account."),
    click.option("--kind", type=click.Choice(get_args(MovementKind)), help="Of this kind."),
    click.option("--purpose", metavar="CODE", help="With this ISO 20022 purpose code, such as SUPP."),
    click.option("--min", "min_amount", metavar="AMOUNT", help="Of this amount, or more."),
    click.option("--max", "max_amount", metavar="AMOUNT", help="Of this amount, or less."),
)  # fmt: skip
OF_ALL = (
    click.option("--account", metavar="ID", help="Paid by or to this account."),
    click.option("--class", "class_", metavar="WORD", help="Paid by or to an account of this class."),
)  # fmt: skip
AT_MOST = (
    click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many movements."),
)  # fmt: skip


def filter_of(session: Session, given: Mapping[str, Any]) -> Filter:
    """The filter that options ask for; raises Misused, BadAmount."""
    info, found = session.info, {name: given[name] for name in ("kind", "purpose", "class_") if name in given}
    for name in given.keys() & {"account", "payer", "payee"}:
        found[name] = parse_id(given[name], f"--{name}") if given[name] is not None else None
    for name in ("min_amount", "max_amount"):
        found[name] = info.minor(given[name]) if given[name] is not None else None
    since, until = given["since"], given["until"]
    found["start"] = info.day(since) if since is not None else None
    found["end"] = info.day(until + timedelta(days=1)) if until is not None else None
    return Filter(**found)


@click.group(cls=Group)
def movement() -> None:
    """Every movement of the ledger, and what they come to."""


@movement.command("list")
@with_options(FILTERS, OF_ALL, AT_MOST, SIGNS)
@pass_session
def list_movements(session: Session, limit: int, key_files: tuple[Path, ...], **given: Any) -> None:
    """List the movements of the whole ledger, newest first; filters combine freely.

    Through --server, --key says who asks: an administrator or an auditor.

    \b
    Example: comarca movement list --since 2026-05-01 --until 2026-05-31 --kind trade --min 10.00
             comarca movement list --account 0192f3a87c0b7e1a9d2c4b5a69788796 --limit 1000 --json
    """
    session.log_in(key_files)
    found = session.all_movements(filter_of(session, given), limit)
    if session.as_json:
        write_json(list(found))
        return
    decimal = session.info.decimal
    rows = ((one["time"], one["log_index"], one["kind"], one["purpose"], one["payer"], one["payee"],
             decimal(one["amount"])) for one in found)  # fmt: skip
    write_table(["time", "entry", "kind", "purpose", "payer", "payee", "amount"], rows, right=["amount"])


@movement.command("totals")
@click.option(
    "--by",
    type=click.Choice(BY),
    multiple=True,
    help="A line for each month, kind, pair of classes (payer's, payee's); together for each that occurs.",
)
@with_options(FILTERS, OF_ALL, SIGNS)
@pass_session
def totals(session: Session, by: tuple[str, ...], key_files: tuple[Path, ...], **given: Any) -> None:
    """Count movements and add up their amounts, over the same filters as `list`.

    Through --server, --key says who asks: an administrator or an auditor.

    \b
    Example: comarca movement totals --by month --by kind --since 2026-01-01
    """
    session.log_in(key_files)
    found = session.total_movements(filter_of(session, given), by)
    if session.as_json:
        write_json(found)
        return
    decimal = session.info.decimal
    if not by:
        write_facts([("movements", found["count"]), ("sum", decimal(found["sum"])), ("log size", found["log_size"])])
        return
    named = [name for name in BY if name in by]
    columns = [column for name in named for column in (("payer_class", "payee_class") if name == "class" else (name,))]
    rows = [(*(one[column] for column in columns), one["count"], decimal(one["sum"])) for one in found["groups"]]
    rows.append((*("" for _ in columns), found["count"], decimal(found["sum"])))
    headings = [column.replace("_", " ") for column in columns]
    write_table([*headings, "movements", "sum"], rows, right=["movements", "sum"])
