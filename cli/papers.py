"""`comarca sign` and `comarca submit`: any instruction, as a file."""

from pathlib import Path

import click

from cli.acting import outcome_word, parse_id, refusal_told
from cli.doubts import doubts, ledger_at_hand
from cli.errors import CouldNot, Misused, Wrong
from cli.ledgers import LedgerInfo
from cli.options import FILE, READABLE, SIGNS, WRITES, Command, pass_session, with_options
from cli.output import printable, say, write_facts, write_json, write_table
from cli.parts import lacking
from cli.session import Session, Signing
from ledger.client.gathering import Gathering, merge, parse
from ledger.client.outcomes import Outcome
from ledger.core.refusals import Refusal
from ledger.core.words import HolderId
from ledger.intake.submission import read_unsigned
from ledger.log import keys
from ledger.service.wording import Terms, Unit, words
from ledger.signer.keyfile import replace_file


@click.command(cls=Command)
@click.argument("files", type=READABLE, nargs=-1, required=True)
@click.option("--out", type=FILE, help="Where to write it; the first FILE where nothing is said.")
@click.option("--holder", metavar="ID", help="In whose name, where the key file does not say.")
@with_options(SIGNS)
@pass_session
def sign(session: Session, files: tuple[Path, ...], out: Path | None, holder: str | None,
         key_files: tuple[Path, ...]) -> None:  # fmt: skip
    """Sign an instruction in FILE, after looking at what it says, which is shown in words.

    Several files that others signed are put together. Without --key they are put together alone. Nothing is sent, and
    no database is needed; where the ledger is at hand (--url, --server), amounts are in its unit, and you are warned of
    a key that has no part in the instruction, or counts no more.

    \b
    Example: comarca sign genesis.note --key anna.key
             comarca sign by-anna.note by-berta.note --out both.note
    """
    gathering = merge([parse(file.read_bytes()) for file in files])
    info = ledger_at_hand(session, gathering.origin)
    _explain(gathering, info)
    found: list[str] = []
    for path in key_files:
        for signer in _signers(session, gathering, path, holder):
            found += doubts(session, info, gathering, signer)
            gathering = gathering.signed([signer])
    for doubt in found:
        say(f"Warning: {doubt}.")
    target = out or files[0]
    replace_file(target, gathering.octets)
    missing = lacking(None, gathering)
    if session.as_json:
        write_json({"file": str(target), "kind": gathering.kind, "signed": len(gathering.lines), "missing": missing,
                    "doubts": found})  # fmt: skip
    else:
        write_facts([("file", target), ("kind", gathering.kind), ("signatures", len(gathering.lines)),
                     *([("still to sign", "; ".join(missing))] if missing else [])])  # fmt: skip


def _explain(gathering: Gathering, info: LedgerInfo | None) -> None:
    """Say what signing it will do, free texts included, so that nobody signs unread; raises Misused where its salted
    lines are not those that the text names, as then nobody could say it."""
    read = read_unsigned(gathering._replace(lines=()).octets, gathering.origin, lambda size: None)
    if isinstance(read, Refusal):
        raise Misused(str(read.details["what"]))
    terms = Terms(Unit(info.unit, info.scale), info.authority) if info else Terms()
    say(f"{gathering.kind} in {gathering.origin}:")
    for sentence in words(terms, read.instruction, read.texts):
        say(f"  {printable(sentence)}")


def _signers(session: Session, gathering: Gathering, path: Path, holder: str | None) -> list[Signing]:
    """The key in a file, in the name of the holder whom the text, the option or the file itself says."""
    named = session.keys([path])
    registered = gathering.registers()
    found = [Signing(registered.get(keys.public_of(one.seed), one.holder), one.seed) for one in named]
    mine = [one for one in found if one.holder in registered.values()]
    if len(found) > 1 and mine:
        return mine
    if len(found) > 1:
        raise Misused(f"{path}: holds {len(found)} keys; name a file with the one to sign with")
    if holder is not None:
        return [Signing(HolderId(parse_id(holder, "--holder")), found[0].seed)]
    return found


@click.command(cls=Command)
@click.argument("files", type=READABLE, nargs=-1, required=True)
@with_options(WRITES)
@pass_session
def submit(session: Session, files: tuple[Path, ...]) -> None:
    """Send the signed instructions in FILES, in this order.

    The same file may be sent any number of times: it is logged once, and answered each time with where.

    \b
    Example: comarca submit suspend-anna.note
    """
    submissions = []
    for file in files:
        submissions.append(file.read_bytes())
        if not parse(submissions[-1]).lines:
            raise Misused(f"{file}: nobody has signed it; comarca sign {file} --key FILE")
    outcomes = session.send(submissions)
    _show(session, files, outcomes)
    refused = [(file, outcome) for file, outcome in zip(files, outcomes, strict=True) if outcome.log_index is None]
    if refused:
        file, outcome = refused[0]
        more = f" ({len(refused)} of {len(files)} refused)" if len(files) > 1 else ""
        raise (CouldNot if outcome.reason == "defect" else Wrong)(f"{file}: {refusal_told(session, outcome)}{more}")


def _show(session: Session, files: tuple[Path, ...], outcomes: list[Outcome]) -> None:
    if session.as_json:
        write_json([{"file": str(file), **one.plain} for file, one in zip(files, outcomes, strict=True)])
        return
    rows = [(file, one.id, one.log_index, one.reason or outcome_word(one))
            for file, one in zip(files, outcomes, strict=True)]  # fmt: skip
    write_table(["file", "id", "log index", "outcome"], rows)
