"""`comarca serve`: serve the ledger over HTTP."""

import socket
from collections.abc import Callable

import click

from cli.errors import CouldNot, Misused
from cli.options import READABLE, WRITES, Command, kept_option, pass_session, with_options
from cli.output import say
from cli.session import Session
from ledger.ambient.settings import Settings
from ledger.api.serving import serve as run_server
from ledger.store.database import Store


@click.command(cls=Command)
@kept_option("--host", help="Address to listen at.")
@kept_option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@kept_option("--processes", type=click.IntRange(1, 64), help="Processes that talk with clients; one more writes.")
@kept_option("--connections", type=click.IntRange(10, 10_000), help="Connections of each process, at the same time.")
@kept_option("--witness-policy", type=READABLE, help="Policy (C2SP tlog-policy) whose witnesses are asked to cosign.")
@with_options(WRITES)
@pass_session
def serve(session: Session) -> None:
    """Serve the ledger over HTTP until Ctrl-C or SIGTERM; what is waiting is answered first.

    \b
    Example: comarca serve --port 8080
    """
    settings = session.settings
    if settings.server is not None:
        raise Misused("serve works on the database: leave --server out")
    if settings.port and not is_free(settings.host, settings.port):
        raise CouldNot(
            f"{settings.host}:{settings.port} is in use: stop what listens there, or choose another by --port"
        )
    run(session, settings, lambda address: say(f"Serving at {address} (Ctrl-C stops it)"))


def run(session: Session, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the session's ledger until it is stopped; raises StoreError, CouldNot."""
    store = Store.open(settings.url)
    try:
        head = store.head(settings.ledger)
    finally:
        store.close()
    signer = session.signer(head.origin)
    session.close()
    if run_server(settings, {head.name: signer}, clock_is_right=session.clock_is_right, announce=announce) != 0:
        raise CouldNot("the server could not go on; the lines above say why")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
            tried.listen(1)
        except OSError:
            return False
    return True
