"""`comarca pay` and `comarca cancel`: what a member signs."""

import json
from pathlib import Path

import click

from cli.acting import PERSON_S, compose, parse_id, send, show
from cli.errors import Misused
from cli.options import FILE, READABLE, SIGNS, WRITES, Command, pass_session, with_options
from cli.output import say
from cli.previewing import show_preview
from cli.session import Session, Signing
from ledger.client.gathering import Gathering
from ledger.core.cancels import Cancel
from ledger.core.forms import Form
from ledger.core.transfers import Transfer, TransferMany
from ledger.core.words import AccountId, InstructionId, Legs
from ledger.files.bulks import read_bulk

TRANSFER: Form[Transfer] = Form(Transfer)


@click.command(cls=Command)
@click.argument("payee", required=False)
@click.argument("amount", required=False)
@click.option(
    "--many", type=READABLE, metavar="FILE", help="Pay many under one signature: CSV (payee,amount,...) or JSON."
)
@click.option("--from", "payer", metavar="ACCOUNT", help="The paying account; the key's own where nothing is said.")
@click.option("--ref", metavar="TEXT", help="Up to 35 characters, as they go to a bank.")
@click.option("--purpose", metavar="CODE", help="ISO 20022 purpose code, such as GDDS.")
@click.option("--once", metavar="TEXT", help="A word of your own that can be used one time: your invoice number.")
@click.option("--memo", metavar="TEXT", help="For payer and payee; kept outside the log.")
@click.option("--receipt", type=FILE, help="Save the receipt there.")
@click.option("--preview", "only", is_flag=True, help="Say what it would come to; sign and send nothing.")
@with_options(SIGNS, WRITES)
@pass_session
def pay(session: Session, payee: str | None, amount: str | None, many: Path | None, payer: str | None,
        memo: str | None, receipt: Path | None, only: bool, key_files: tuple[Path, ...],
        **fields: str | None) -> None:  # fmt: skip
    """Pay AMOUNT to the account PAYEE, or the payments of --many, all or none.

    \b
    Example: comarca pay 0192f3a87c0b7e1a9d2c4b5a69788796 34.30 --key bakery.key --memo "flour of May"
             comarca pay --many wages.csv --key bakery.key --preview
    """
    if receipt is not None and receipt.exists():
        raise Misused(f"{receipt}: is there already; name another file for the receipt")
    signer, account = _payer(session, key_files, payer)
    if many is not None:
        if payee or amount or memo or any(fields.values()):
            raise Misused(
                "--many has payees, amounts, refs and purposes in its file, and no memos: leave the others out"
            )
        gathering = _bulk(session, account, many)
    elif payee is None or amount is None:
        raise Misused("name PAYEE and AMOUNT, or --many FILE")
    else:
        gathering = _transfer(session, account, payee, amount, memo, fields)
    if only:
        show_preview(session, gathering, signer)
    else:
        _settle(session, gathering.signed([signer]), signer, receipt)


def _payer(session: Session, key_files: tuple[Path, ...], payer: str | None) -> tuple[Signing, bytes]:
    """Who signs, and from which account it pays: of one key its holder's, else as named."""
    found = session.keys(key_files)
    account = parse_id(payer, "--from") if payer else None
    owners = [key for key in found if key.holder == account]
    if owners and account is not None:
        return owners[0], account
    if len(found) != 1:
        raise Misused(f"{len(found)} keys are at hand: say which account pays by --from, or name one key by --key")
    return found[0], account or found[0].holder


def _transfer(session: Session, payer: bytes, payee: str, amount: str, memo: str | None,
              fields: dict[str, str | None]) -> Gathering:  # fmt: skip
    parse_id(payee, "PAYEE")
    plain = {"payer": payer.hex(), "payee": payee, "amount": session.info.minor(amount)}
    asked = TRANSFER.read_at({**plain, **{name: text for name, text in fields.items() if text is not None}})
    return compose(session, "transfer", asked, PERSON_S, {"memo": memo})


def _bulk(session: Session, payer: bytes, file: Path) -> Gathering:
    legs = read_bulk(file.read_bytes(), session.info.scale)
    total = session.info.amount(sum(leg.amount for leg in legs))
    say(f"{len(legs)} payments, {total} together")
    return compose(session, "transfer_many", TransferMany(AccountId(payer), Legs(len(legs), b"")), PERSON_S, legs=legs)


def _settle(session: Session, gathering: Gathering, signer: Signing, receipt: Path | None) -> None:
    outcome = send(session, gathering)
    if outcome.log_index is not None and receipt is not None:
        receipt.write_text(json.dumps(session.receipt(outcome.id, signer)) + "\n")
    show(session, outcome)


@click.command(cls=Command)
@click.argument("target", metavar="ID")
@with_options(SIGNS, WRITES)
@pass_session
def cancel(session: Session, target: str, key_files: tuple[Path, ...]) -> None:
    """Withdraw your signature from the instruction ID, if it is not in the log yet: it will never be.

    \b
    Example: comarca cancel 0192f3a87c0b7e1a9d2c4b5a69788796 --key bakery.key
    """
    id = parse_id(target, "ID")
    found = session.keys(key_files)
    if len(found) != 1:
        raise Misused(f"{len(found)} keys are at hand: name the one that signed by --key")
    show(session, send(session, compose(session, "cancel", Cancel(InstructionId(id)), PERSON_S).signed(found)))
