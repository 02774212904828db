"""`comarca preview`: what an instruction would come to now, before anybody signs or sends it."""

from pathlib import Path

import click

from cli.acting import refusal_line
from cli.errors import Misused, Wrong
from cli.options import READABLE, SIGNS, Command, pass_session, with_options
from cli.output import printable, write_facts, write_json
from cli.session import Session, Signing
from ledger.client.gathering import Gathering, parse
from ledger.client.outcomes import Outcome


@click.command(cls=Command)
@click.argument("file", type=READABLE)
@with_options(SIGNS)
@pass_session
def preview(session: Session, file: Path, key_files: tuple[Path, ...]) -> None:
    """Say what the instruction in FILE would come to now, as if all who must had signed it. Nothing is written.

    The key at hand says who asks: one who has a part in the instruction. Signature lines that FILE has stay here.

    \b
    Example: comarca preview suspend-0192f3a87c0b7e1a9d2c4b5a69788796.note
    """
    found = session.keys(key_files)
    gathering = parse(file.read_bytes())
    if gathering.kind == "genesis":
        raise Misused("a genesis comes to a ledger of its own: comarca init FILE says what is wrong with it")
    show_preview(session, gathering, found[0])


def show_preview(session: Session, gathering: Gathering, asking: Signing) -> None:
    """Say what an instruction would come to; raises Wrong where it would be refused."""
    found = session.preview(gathering._replace(lines=()).octets, asking)
    if isinstance(found, Outcome):
        if session.as_json:
            write_json(found.plain)
        raise Wrong(refusal_line(found, session.info).replace("refused, ", "would be refused, ", 1))
    if session.as_json:
        write_json(found)
        return
    write_facts([
        ("outcome", "accepted before" if found["status"] == 200 else "would be accepted"),
        ("log index", found["log_index"]),
        *([("time", found["time"])] if found["time"] else []),
        *(("does", printable(sentence)) for sentence in found["words"]),
    ])  # fmt: skip
