"""`comarca administrators`, `operator` and `clerk`: who governs a ledger, and whose keys sign for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli.acting import administer, at_hand, parse_id
from cli.errors import Misused
from cli.naming import NewKey, new_key, newcomer
from cli.options import GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import write_facts, write_json
from cli.parts import needed_of_new
from cli.session import Session
from ledger.core.forms import Form
from ledger.core.ledgers import KeyHolder
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.words import HolderId
from ledger.log import keys
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import public_keys

SET_ADMINISTRATORS: Form[SetAdministrators] = Form(SetAdministrators)
WHY = (click.option("--reason", metavar="TEXT", help="Why; kept outside the log."),)


# --- administrators


@click.group(cls=Group)
def administrators() -> None:
    """Show and change who governs the ledger."""


@administrators.command("show")
@with_options()
@pass_session
def show(session: Session) -> None:
    """Show the administrators, and how many of them sign what.

    \b
    Example: comarca administrators show
    """
    info = session.info
    named, since = [holder.hex() for holder in info.administrators], info.since["administrators"]
    if session.as_json:
        write_json({"administrators": named, "authority": info.authority, "since": since})
        return
    signs = [(f"sign {kind}", quorum[1]) for kind, quorum in info.authority.items()]
    write_facts([*(("administrator", holder) for holder in named), *signs, ("since entry", since)])


@administrators.command("set")
@click.argument("staying", metavar="[HOLDER]...", nargs=-1)
@click.option("--new", "new", multiple=True, metavar="FILE|HOLDER=KEY",
              help="Who comes: a key file, or id and public key (`comarca key show`); several times.")  # fmt: skip
@click.option("--quorum", type=click.IntRange(1, 7), help="How many of them sign whatever is not named apart.")
@with_options(WHY, SIGNS, GATHERS, WRITES)
@pass_session
def set_administrators(session: Session, staying: tuple[str, ...], new: tuple[str, ...], quorum: int | None,
                       reason: str | None, key_files: tuple[Path, ...], out: Path | None) -> None:  # fmt: skip
    """Name all administrators from now on: each HOLDER of them that stays, and by --new each that comes.

    As many of the old sign as they need, as many of the new as these will need, and each that comes. On several
    machines: --draft writes the text, each signs it with `comarca sign`, one puts the copies together with `comarca
    sign` and sends them with `comarca submit`. Who comes has an id of its own, never one that is in use.

    \b
    Example: comarca administrators set 0192f3a87c0b7e1a9d2c4b5a69788796 0192f3a87c0b7e1a9d2c4b5a69788797 \\
                 --new dora.key --quorum 2 --reason "elected in May" --draft elected.note
    """
    stay = [HolderId(parse_id(holder, "HOLDER")) for holder in staying]
    come = [_newcomer(session, text) for text in new]
    asked = _named(session, stay, [holder for holder, _ in come], quorum)
    also = [one for _, key in come for one in key.mine]
    also += at_hand(session, key_files, asked.administrators)[: needed_of_new(asked)]
    administer(session, "set_administrators", asked, key_files, out, texts={"reason": reason}, also=also)


def _newcomer(session: Session, text: str) -> tuple[KeyHolder, NewKey]:
    """Who is to become an administrator; its file signs, unless only a draft is wanted."""
    path = Path(text)
    if path.exists():
        id, key = newcomer(session, path, None, None, "--new")
    else:
        holder, equals, public = text.partition("=")
        if not equals:
            raise Misused(f"--new: there is no file {text}; or name id and public key: HOLDER=KEY")
        id, key = newcomer(session, None, holder, public, "--new")
    return KeyHolder(HolderId(id), key.public), key


def _named(session: Session, stay: Sequence[HolderId], come: Sequence[KeyHolder],
           quorum: int | None) -> SetAdministrators:  # fmt: skip
    info = session.info
    authority = dict(info.authority) | ({"any": ["administrators", quorum]} if quorum else {})
    plain: dict[str, Any] = {
        "administrators": [holder.hex() for holder in (*stay, *(one.holder for one in come))],
        "authority": authority, "was": info.since["administrators"],
    }  # fmt: skip
    if come:
        plain["new"] = [{"holder": one.holder.hex(), "key": keys.encode(one.key)} for one in come]
    return SET_ADMINISTRATORS.read_at(plain)


# --- operator and clerk


@click.group(cls=Group)
def operator() -> None:
    """Change the key that signs the checkpoints."""


@operator.command("set")
@click.argument("new", metavar="NEWKEY")
@with_options(WHY, SIGNS, GATHERS, WRITES)
@pass_session
def set_operator(session: Session, new: str, reason: str | None, key_files: tuple[Path, ...],
                 out: Path | None) -> None:  # fmt: skip
    """Let NEWKEY (its file, or its public key) sign the checkpoints from now on; for 30 days the old key signs, too.

    Before this is sent, whoever serves or writes has both at hand: COMARCA_OPERATOR_KEY names the new file,
    COMARCA_OPERATOR_KEY_BEFORE the old one, and the state of the old one goes to the new one's name.

    \b
    Example: comarca key new operator-2.key --operator
             comarca operator set operator-2.key --reason "a new machine" --key anna.key --key berta.key
    """
    asked = SetOperator(_operators_key(new), session.info.since["operator"])
    if session.draft is None and session.server is None:
        _check_at_hand(session, asked.operator)
    administer(session, "set_operator", asked, key_files, out, texts={"reason": reason})


def _operators_key(text: str) -> bytes:
    path = Path(text)
    if path.exists():
        found = list(public_keys(path).values())
        if len(found) != 1:
            raise Misused(f"{path}: holds {len(found)} keys, where one belongs")
        return found[0]
    try:
        return keys.decode(text)
    except Malformed as error:
        raise Misused(f"{text[:60]!r}: a key file or a public key belongs here, and there is no such file") from error


def _check_at_hand(session: Session, public: bytes) -> None:
    """Refuse to send from here what would leave nobody here to sign the next checkpoint."""
    if public not in session.signer(session.info.origin).keys:
        raise Misused("the new key is not here to sign the next checkpoint: name its file by COMARCA_OPERATOR_KEY and "
                      "the old one's by COMARCA_OPERATOR_KEY_BEFORE; or write the text alone by --draft")  # fmt: skip


@click.group(cls=Group)
def clerk() -> None:
    """Change the clerk's key."""


@clerk.command("set")
@click.argument("new", metavar="NEWKEY")
@with_options(WHY, SIGNS, GATHERS, WRITES)
@pass_session
def set_clerk(session: Session, new: str, reason: str | None, key_files: tuple[Path, ...],
              out: Path | None) -> None:  # fmt: skip
    """Put NEWKEY (its file, or its public key) in the place of the clerk's key. The administrators sign, and NEWKEY.

    \b
    Example: comarca key new clerk-2.key --holder 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca clerk set clerk-2.key --reason "a new clerk" --key anna.key --key berta.key
    """
    info = session.info
    key = new_key(session, new, info.clerk)
    asked = SetClerk(KeyHolder(HolderId(info.clerk), key.public), info.since["clerk"])
    administer(session, "set_clerk", asked, key_files, out, texts={"reason": reason}, also=key.mine)
