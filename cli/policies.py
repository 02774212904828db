"""`comarca policy`: the policies in force, and new ones."""

import json
from pathlib import Path

import click

from cli.acting import administer
from cli.errors import Misused
from cli.options import GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.core.forms import canonical, check_profile
from ledger.core.ledgers import FEATURES, SetPolicy


@click.group(cls=Group)
def policy() -> None:
    """Show the policies in force, and set them."""


@policy.command("show")
@with_options()
@pass_session
def show(session: Session) -> None:
    """Show the policies in force; amounts are minor units.

    \b
    Example: comarca policy show
    """
    found = session.info.policies
    if session.as_json:
        write_json(found)
        return
    rows = [(feature, one["since"], canonical(one["body"])) for feature, one in sorted(found.items())]
    write_table(["feature", "since entry", "body"], rows)


@policy.command("set")
@click.argument("feature", type=click.Choice(sorted(FEATURES)))
@click.argument("body")
@click.option("--reason", metavar="TEXT", help="Why; kept outside the log.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def set_policy(session: Session, feature: str, body: str, reason: str | None, key_files: tuple[Path, ...],
               out: Path | None) -> None:  # fmt: skip
    """Set the policy of a FEATURE to BODY, a JSON value, or @FILE that holds one; in force from the next entry.

    Limits are [floor, ceiling] by class in minor units; they are written onto accounts that open from then on.

    \b
    Example: comarca policy set limits '{"commercial":[-500000,2000000]}' --reason "assembly of May"
    """
    standing = session.info.policies.get(feature)
    asked = SetPolicy(feature, _body(body), standing["since"] if standing else None)
    administer(session, "set_policy", asked, key_files, out, texts={"reason": reason})


def _body(text: str) -> str:
    written = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
    try:
        value = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise Misused(f"BODY: not JSON: {error}") from error
    check_profile(value, "body", 2)
    return canonical(value)
