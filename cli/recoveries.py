"""`comarca recovery`: a holder that has lost its keys gets a new one through the administrators."""

from pathlib import Path

import click

from cli.accounts import REASON
from cli.acting import act, administer, parse_id
from cli.errors import Wrong
from cli.naming import new_key, one_holder
from cli.options import GATHERS, SIGNS, WRITES, Group, pass_session, with_options
from cli.output import utc, write_facts, write_json
from cli.session import Session
from ledger.core.recoveries import CompleteRecovery, Recover, Veto
from ledger.core.words import HolderId, InstructionId
from ledger.log import keys


@click.group(cls=Group)
def recovery() -> None:
    """Give a holder that has lost its keys a new one; object to that."""


@recovery.command("start")
@click.argument("holder", metavar="HOLDER")
@click.argument("new", metavar="NEWKEY")
@with_options(REASON, SIGNS, GATHERS, WRITES)
@pass_session
def start(session: Session, holder: str, new: str, reason: str, key_files: tuple[Path, ...],
          out: Path | None) -> None:  # fmt: skip
    """Begin to put NEWKEY (its file, or its public key) in the place of all keys that HOLDER has. The administrators
    sign, and the new key.

    The holder's payments stop at once. Three days later the new key completes the recovery, unless a live key of the
    holder vetoes it until then. The id that this shows names the recovery.

    \b
    Example: comarca key new found-again.key --holder 0192f3a87c0b7e1a9d2c4b5a69788796
             comarca recovery start 0192f3a87c0b7e1a9d2c4b5a69788796 found-again.key --reason "telephone lost" \\
                 --key anna.key --key berta.key
    """
    id = HolderId(parse_id(holder, "HOLDER"))
    key = new_key(session, new, id)
    asked = Recover(id, key.public, b"")
    administer(session, "recover", asked, key_files, out, texts={"reason": reason}, also=key.mine)


@recovery.command("veto")
@click.argument("id", metavar="RECOVERY")
@with_options(SIGNS, WRITES)
@pass_session
def veto(session: Session, id: str, key_files: tuple[Path, ...]) -> None:
    """Object to the RECOVERY of your keys: with a live key it comes to nothing. With one that the administrators have
    barred its day moves to thirty days after its beginning, once.

    \b
    Example: comarca recovery veto 0192f3a87c0b7e1a9d2c4b5a69788796 --key bakery.key
    """
    holder, mine = one_holder(session, key_files)
    act(session, "veto", Veto(InstructionId(parse_id(id, "RECOVERY")), holder), mine)


@recovery.command("complete")
@click.argument("id", metavar="RECOVERY")
@with_options(SIGNS, WRITES)
@pass_session
def complete(session: Session, id: str, key_files: tuple[Path, ...]) -> None:
    """Complete the RECOVERY, once its day has come, with the new key: it counts from then on, and every other key of
    the holder is dead.

    \b
    Example: comarca recovery complete 0192f3a87c0b7e1a9d2c4b5a69788796 --key found-again.key
    """
    holder, mine = one_holder(session, key_files)
    public = keys.public_of(mine[0].seed)
    act(session, "complete_recovery", CompleteRecovery(InstructionId(parse_id(id, "RECOVERY")), holder, public), mine)


@recovery.command("show")
@click.argument("holder", metavar="HOLDER")
@with_options(SIGNS)
@pass_session
def show(session: Session, holder: str, key_files: tuple[Path, ...]) -> None:
    """Show the latest recovery of HOLDER. Through --server the holder itself or an administrator asks.

    \b
    Example: comarca recovery show 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    id = parse_id(holder, "HOLDER")
    session.log_in(key_files)
    found = session.holder(holder)["recovery"]
    if found is None:
        raise Wrong(f"holder {holder} has had no recovery")
    if session.as_json:
        write_json(found)
        return
    key = session.info.key_id(id, keys.decode(found["key"]))
    facts = {"recovery": found["id"], "holder": holder, "status": found["status"], "new key's ID": key,
             "started": utc(found["started"]), "due": utc(found["due"]), "delayed": bool(found["delayed"])}  # fmt: skip
    write_facts(facts.items())
