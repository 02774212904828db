"""`comarca witness`: be a witness for the logs of others."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

import click

from cli.errors import CouldNot, Misused
from cli.judging import read_policy
from cli.options import FILE, READABLE, Command, pass_session, with_options
from cli.output import say
from cli.serving import is_free
from cli.session import Session
from ledger.log import keys
from ledger.log.malformed import Malformed
from ledger.log.policy import Log
from ledger.signer.keyfile import read_key
from ledger.witness.serving import serve
from ledger.witness.state import State
from ledger.witness.witness import Witness

LISTEN = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", re.ASCII)


@click.command(cls=Command)
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="The witness's key.")
@click.option("--state", type=FILE, help="What it saw last; beside the key where not said.")
@click.option("--log", "verifier_keys", multiple=True, metavar="VERIFIERKEY",
              help="A log to witness; several times for several.")  # fmt: skip
@click.option("--logs", type=READABLE, help="A policy whose log lines name the logs to witness.")
@with_options()
@pass_session
def witness(session: Session, listen: str, key_file: Path, state: Path | None, verifier_keys: tuple[str, ...],
            logs: Path | None) -> None:  # fmt: skip
    """Cosign the checkpoints of other ledgers, as long as each goes on from what was seen before (C2SP tlog-witness).

    `key new --witness` makes the key and its state. Needs no database; runs until Ctrl-C or SIGTERM.

    \b
    Example: comarca witness --listen 127.0.0.1:8081 --key w1.key \\
                 --log ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop
    """
    host, port = _listen(listen)
    witnessed = [*_named(verifier_keys), *(read_policy(logs).logs if logs is not None else ())]
    if not witnessed:
        raise Misused("whose logs? Name them by --log, or by the log lines of --logs")
    if port and not is_free(host, port):
        raise CouldNot(f"{listen} is in use: stop what listens there, or choose another by --listen")
    name, seed = read_key(key_file, session.password(key_file))
    vkey = keys.vkey(name, keys.public_of(seed), keys.COSIGNER)
    serving = Witness(name, seed, witnessed, State(state or key_file.with_suffix(".state"), vkey), time.time)
    session.close()

    def announce(address: str) -> None:
        say(f"Witnessing {', '.join(sorted(serving.logs))} as {vkey} at {address} (Ctrl-C stops it)")

    if serve(serving, host, port, announce, session.settings.log) != 0:
        raise CouldNot("the witness could not go on; the lines above say why")


def _named(verifier_keys: Sequence[str]) -> list[Log]:
    return [Log(*_parsed(text), "") for text in verifier_keys]


def _parsed(text: str) -> tuple[str, bytes]:
    try:
        return keys.parse_vkey(text)
    except Malformed as error:
        raise Misused(f"--log {text[:60]}: {error}") from error


def _listen(text: str) -> tuple[str, int]:
    matched = LISTEN.fullmatch(text)
    if matched is None or int(matched[3]) > 65_535:
        raise Misused(f"--listen: a host and a port belong here, such as 127.0.0.1:8081, not {text!r}")
    return matched[1] or matched[2], int(matched[3])
