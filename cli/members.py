"""`comarca member`: admit members, list them, change their facts."""

from pathlib import Path
from typing import Any, get_args

import click

from cli.acting import administer, at_hand, parse_id
from cli.errors import Misused, Wrong
from cli.naming import newcomer
from cli.options import FILE, GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.core.forms import Form
from ledger.core.members import Admit, Facts, MemberKind, SetFacts
from ledger.core.words import HolderId, MemberId, Status
from ledger.store.listings import MemberFilter

FACTS: Form[Facts] = Form(Facts)
OF_FACTS = (
    click.option("--kind", type=click.Choice(get_args(MemberKind)), required=True, help="What the member is."),
    click.option("--place", required=True, metavar="CODE", help="Country and LAU code, such as ES/08215."),
    click.option("--inside/--outside", default=True, help="Inside the territory, or outside."),
    click.option("--sse", is_flag=True, help="Of the social and solidarity economy, by the charter's criterion."),
    click.option("--sector", metavar="CODE", help="Such as nace2.1/10.71; not for persons."),
    click.option("--beneficiary", metavar="ID", help="The member that it is linked to."),
    click.option("--profile", metavar="TEXT", help="Name and contact: kept outside the log, erasable."),
)  # fmt: skip


@click.group(cls=Group)
def member() -> None:
    """Admit members, list them, change their facts."""


def _facts(given: dict[str, Any]) -> Facts:
    fields = ("kind", "place", "inside", "sse", "sector", "beneficiary")
    return FACTS.read_at({name: given[name] for name in fields if given[name] is not None}, "facts")


@member.command("admit")
@click.option("--class", "class_", required=True, metavar="WORD", help="Class of its first account, by the policy.")
@click.option("--member-key", type=FILE, help="The member's key file, where it is at hand.")
@click.option("--holder", metavar="ID", help="The member's id, as its `comarca key show` says.")
@click.option("--public-key", metavar="KEY", help="The member's public key, as its `comarca key show` says.")
@click.option("--custodian", metavar="HOLDER", help="Who acts for a member without a key of its own, and signs.")
@with_options(OF_FACTS, SIGNS, GATHERS, WRITES)
@pass_session
def admit(session: Session, class_: str, member_key: Path | None, holder: str | None, public_key: str | None,
          custodian: str | None, key_files: tuple[Path, ...], out: Path | None, **given: Any) -> None:  # fmt: skip
    """Admit a member by its public key, with a first account under the member's id; or, by --custodian, one that has no
    key yet: the custodian acts for it, until a recovery gives it a key of its own.

    The administrators sign, and the member itself or its custodian. What keys are at hand sign at once; if signatures
    are missing, the text goes to a file for the others.

    \b
    Example: comarca member admit --class commercial --kind business --place ES/08215 \\
                 --member-key bakery.key --profile "Bakery at the gate"
    """
    texts = {"profile": given["profile"]}
    if custodian is not None:
        if member_key or holder or public_key:
            raise Misused("a member under custody has no key yet: leave --member-key, --holder and --public-key out")
        acts = HolderId(parse_id(custodian, "--custodian"))
        also = at_hand(session, key_files, [acts])
        asked = Admit(class_, _facts(given), custodian=acts)
        administer(session, "admit", asked, key_files, out, texts=texts, also=also)
        return
    id, key = newcomer(session, member_key, holder, public_key, "--member-key")
    asked = Admit(class_, _facts(given), key.public)
    administer(session, "admit", asked, key_files, out, texts=texts, id=id, also=key.mine)


@member.command("facts")
@click.argument("id", metavar="MEMBER")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept outside the log.")
@click.option("--was", type=click.IntRange(0), metavar="INDEX",
              help="Log index of the entry that last set them; without it, it is looked up.")  # fmt: skip
@with_options(OF_FACTS, SIGNS, GATHERS, WRITES)
@pass_session
def facts(session: Session, id: str, reason: str, was: int | None, key_files: tuple[Path, ...], out: Path | None,
          **given: Any) -> None:  # fmt: skip
    """Replace a member's facts, whole.

    \b
    Example: comarca member facts 0192f3a87c0b7e1a9d2c4b5a69788796 --kind business --place ES/08215 --sse \\
                 --reason "meets the charter's criterion since May"
    """
    name = parse_id(id, "MEMBER")
    if was is None:
        was = _facts_since(session, id, key_files)
    asked = SetFacts(MemberId(name), _facts(given), was, b"")
    administer(session, "set_facts", asked, key_files, out, texts={"reason": reason, "profile": given["profile"]})


def _facts_since(session: Session, id: str, key_files: tuple[Path, ...]) -> int:
    session.log_in(key_files)
    found = session.holder(id)["facts"]
    if found is None:
        raise Wrong(f"there is no member {id}")
    return int(found["facts_since"])


@member.command("list")
@click.option("--class", "class_", metavar="WORD", help="With an account of this class.")
@click.option("--status", type=click.Choice(get_args(Status)), help="With an account of this status.")
@click.option("--kind", type=click.Choice(get_args(MemberKind)), help="Members of this kind.")
@click.option("--place", metavar="CODE", help="Country and LAU code, such as ES/08215.")
@click.option("--sector", metavar="CODE", help="Such as nace2.1/10.71.")
@click.option("--inside/--outside", default=None, help="Inside the territory, or outside.")
@click.option("--sse/--no-sse", default=None, help="Of the social and solidarity economy, or not.")
@with_options(SIGNS)
@pass_session
def list_members(session: Session, key_files: tuple[Path, ...], **given: Any) -> None:
    """List the members with their accounts, in the order of admission; filters combine freely.

    Through --server, --key says who asks: an administrator, or an auditor, who sees no names.

    \b
    Example: comarca member list --class commercial --status suspended
             comarca member list --kind public --outside --json
    """
    session.log_in(key_files)
    found = session.members(MemberFilter(**given))
    if session.as_json:
        write_json(list(found))
        return
    decimal = session.info.decimal
    rows = ((one["name"], account["id"], one["facts"]["kind"], account["class"], account["status"],
             decimal(account["balance"])) for one in found for account in one["accounts"])  # fmt: skip
    write_table(["name", "account", "kind", "class", "status", "balance"], rows, right=["balance"])
