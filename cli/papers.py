"""`comarca sign` and `comarca submit`: any instruction, as a file."""

from pathlib import Path

import click

from cli.acting import outcome_word, parse_id, refusal_line
from cli.errors import CouldNot, Misused, Wrong
from cli.options import FILE, READABLE, SIGNS, WRITES, Command, pass_session, with_options
from cli.output import say, write_facts, write_json, write_table
from cli.parts import lacking
from cli.session import Session
from ledger.client.gathering import Gathering, merge, parse
from ledger.client.outcomes import Outcome
from ledger.core.words import HolderId
from ledger.log import keys, salted
from ledger.signer.keyfile import replace_file


@click.command(cls=Command)
@click.argument("files", type=READABLE, nargs=-1, required=True)
@click.option("--out", type=FILE, help="Where to write it; the first FILE where nothing is said.")
@click.option("--holder", metavar="ID", help="In whose name, where the key file does not say.")
@with_options(SIGNS)
@pass_session
def sign(session: Session, files: tuple[Path, ...], out: Path | None, holder: str | None,
         key_files: tuple[Path, ...]) -> None:  # fmt: skip
    """Sign an instruction in FILE, after looking at what it says.

    Several files that others signed are put together. Without --key they are put together alone. Nothing is sent, and
    no database is needed.

    \b
    Example: comarca sign genesis.note --key anna.key
             comarca sign by-anna.note by-berta.note --out both.note
    """
    gathering = merge([_read(file) for file in files])
    _explain(gathering)
    for path in key_files:
        gathering = gathering.signed(_signers(session, gathering, path, holder))
    target = out or files[0]
    replace_file(target, gathering.octets)
    missing = lacking(None, gathering)
    if session.as_json:
        write_json({"file": str(target), "kind": gathering.kind, "signed": len(gathering.lines), "missing": missing})
    else:
        write_facts([("file", target), ("kind", gathering.kind), ("signatures", len(gathering.lines)),
                     *([("still to sign", "; ".join(missing))] if missing else [])])  # fmt: skip


def _read(file: Path) -> Gathering:
    gathering = parse(file.read_bytes())
    gathering.read()
    return gathering


def _explain(gathering: Gathering) -> None:
    """Say what the text says, free texts included, so that nobody signs unread."""
    say(f"{gathering.kind} in {gathering.origin}:")
    say(f"  {gathering.text.decode().split(chr(10))[2]}")
    for line in gathering.salted:
        say(f"  with {salted.split(line)[1].decode()}")


def _signers(session: Session, gathering: Gathering, path: Path, holder: str | None) -> list[tuple[HolderId, bytes]]:
    """The key in a file, in the name of the holder whom the text, the option or the file itself says."""
    named = session.keys([path])
    registered = gathering.registers()
    found = [(registered.get(keys.public_of(one.seed), one.holder), one.seed) for one in named]
    mine = [(of, seed) for of, seed in found if of in registered.values()]
    if len(found) > 1 and mine:
        return mine
    if len(found) > 1:
        raise Misused(f"{path}: holds {len(found)} keys; name a file with the one to sign with")
    if holder is not None:
        return [(HolderId(parse_id(holder, "--holder")), found[0][1])]
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
        raise (CouldNot if outcome.reason == "defect" else Wrong)(
            f"{file}: {refusal_line(outcome, session.info)}{more}"
        )


def _show(session: Session, files: tuple[Path, ...], outcomes: list[Outcome]) -> None:
    if session.as_json:
        write_json([{"file": str(file), **one.plain} for file, one in zip(files, outcomes, strict=True)])
        return
    rows = [(file, one.id, one.log_index, one.reason or outcome_word(one))
            for file, one in zip(files, outcomes, strict=True)]  # fmt: skip
    write_table(["file", "id", "log index", "outcome"], rows)
