"""`comarca log recover`: a database refilled from an export."""

from contextlib import ExitStack, closing
from pathlib import Path

import click

from cli.errors import Misused, Wrong
from cli.exporting import THERE, TRUST, size_of, trust_of
from cli.options import Command, pass_session, with_options
from cli.output import progress, say, write_facts, write_json
from cli.session import Session
from ledger.checking.checking import Checked, Trust, check
from ledger.checking.files import CHECKPOINT, NOTE_MOST, Instructions, Site
from ledger.exports.instructions import private_folder
from ledger.log import base64s, checkpoint
from ledger.rebuild.recovering import Recovered
from ledger.rebuild.recovering import recover as refill
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.lockfile import LockFile
from ledger.store.log import Head


@click.command("recover", cls=Command)
@click.argument("folder", metavar="DIR", type=THERE)
@with_options(TRUST)
@pass_session
def recover(session: Session, folder: Path, origin: str | None, verifier_key: str | None, identity: str | None,
            instructions: Path | None) -> None:  # fmt: skip
    """Refill a database from DIR and DIR.private, which `log export --with-instructions` wrote: an old backup, or a
    new one. Everything is checked first; it can be cut off and run again. Then run `comarca audit`.

    Stop the server. A new database needs --identity, as the statutes print it.

    \b
    Example: comarca log recover ./log --identity JanCBN6Avdm63YHZ5j6JeHg9X1YdY5YeL8LtocalS5U=
    """
    url = session.settings.url
    if session.settings.server is not None:
        raise Misused("this works on the database alone: leave --server out and name it by --url")
    private = instructions or private_folder(folder)
    if not private.is_dir():
        raise Misused(f"{private}: there are no instructions to refill from; name their folder by --instructions")
    trust = trust_of(origin, verifier_key, identity)
    with ExitStack() as opened:
        file = sqlite_file(parse_url(url))
        if file is not None:
            opened.enter_context(LockFile(file, session.who))
        store = None if file is not None and not file.exists() else opened.enter_context(closing(Store.create(url)))
        head = _head_of(store, _origin_of(folder), session.settings.ledger) if store is not None else None
        checked = _checked(folder, private, _trusted(trust, head))
        if store is None:
            store = opened.enter_context(closing(Store.create(url)))
        ledger_id = head.ledger_id if head is not None else store.add_ledger(checked.origin)
        done = _refilled(store, ledger_id, folder, private, checked)
    _show(session, checked, done)


def _origin_of(folder: Path) -> str:
    """The origin that the export claims; raises Malformed, WrongFile."""
    return checkpoint.parse(Site(folder).read(CHECKPOINT, NOTE_MOST)).origin


def _head_of(store: Store, origin: str, name: str | None) -> Head | None:
    """The ledger of this origin, or None where the database has none yet."""
    if name is not None and origin.rpartition("/")[2] != name:
        raise Misused(f"the export is of {origin}, not of a ledger {name!r}")
    return next((head for head in store.heads() if head.origin == origin), None)


def _trusted(trust: Trust, head: Head | None) -> Trust:
    """What the export must be: the ledger that the database has, else the one that was named."""
    if head is not None and head.identity is not None:
        if trust.identity not in (None, head.identity):
            raise Wrong("the database holds a ledger of another identity than --identity names")
        return trust._replace(identity=head.identity, origin=trust.origin or head.origin)
    if trust.identity is None and trust.key is None:
        raise Misused("the database is new: say which ledger the export must be, by --identity or --key")
    return trust


def _checked(folder: Path, private: Path, trust: Trust) -> Checked:
    with progress("Checking", size_of(folder)) as advance:
        return check(folder, trust, private, progress=advance)


def _refilled(store: Store, ledger_id: int, folder: Path, private: Path, checked: Checked) -> Recovered:
    with progress("Refilling", checked.size) as advance:
        return refill(store, ledger_id, Site(folder), Instructions(private, checked.origin), checked, advance)


def _show(session: Session, checked: Checked, done: Recovered) -> None:
    if session.as_json:
        write_json({"origin": checked.origin, "before": done.before, "after": done.after, "export": checked.size})
    else:
        write_facts([("origin", checked.origin), ("identity", base64s.encode(checked.identity)),
                     ("entries before", done.before), ("entries now", done.after),
                     ("entries in the export", checked.size)])  # fmt: skip
    if done.before > checked.size:
        say("The database has all of the export, and more.")
    say("Now run: comarca audit, then comarca doctor")
