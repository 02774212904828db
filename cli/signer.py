"""`comarca signer`: the operator's key in a process of its own, which a server asks for its checkpoints."""

from pathlib import Path

import click

from cli.errors import Misused
from cli.options import FILE, READABLE, Command, pass_session, with_options
from cli.output import say
from cli.session import Session
from ledger.ambient import output
from ledger.log import checkpoint
from ledger.signer.listening import serve
from ledger.signer.signer import Signer, origin_of_state


@click.command(cls=Command)
@click.option("--listen", "socket", type=FILE, metavar="PATH", help="Where to make the socket that a server asks at.")
@click.option("--origin", metavar="ORIGIN", help="The ledger's origin, before the key has signed anything.")
@click.option("--new-state", is_flag=True, help="Only make the state of a key that has signed nothing, once.")
@click.option("--from", "trusted", type=READABLE, metavar="FILE",
              help="With --new-state, where a state was lost: the last checkpoint that others hold.")  # fmt: skip
@with_options()
@pass_session
def signer(session: Session, socket: Path | None, origin: str | None, new_state: bool, trusted: Path | None) -> None:
    """Sign checkpoints for whoever asks at the socket PATH, until Ctrl-C or SIGTERM.

    The operator's key and its state are in this process alone. A server that has COMARCA_SIGNER=PATH needs neither.

    \b
    Example: comarca signer --listen ./signer.sock
    """
    if new_state == (socket is not None) or (trusted is not None and not new_state):
        raise Misused("either --listen PATH, to sign, or --new-state, to begin; --from FILE goes with --new-state")
    here = session.signer_here(origin or "")
    if socket is None:
        _make_state(here.path, trusted)
        return
    known = origin_of_state(here.path)
    if known is None and origin is None:
        raise Misused("this key has signed nothing yet: name the ledger's origin by --origin")
    if None not in (origin, known) and origin != known:
        raise Misused(f"{here.path}: is the state of {known}'s signer, not of {origin}'s")
    here.origin = origin or known or ""
    output.to_stderr(session.settings.log)
    serve(here, socket, lambda: say(f"Signing for {here.origin} at {socket} (Ctrl-C stops it)"))


def _make_state(path: Path, trusted: Path | None) -> None:
    note = trusted.read_bytes() if trusted is not None else None
    Signer.create_state(path, note)
    if note is None:
        say(f"{path}: the state of a key that has signed nothing")
    else:
        say(f"{path}: goes on from {checkpoint.parse(note).size} entries, as they are told there")
