"""`comarca log export`, `log check`, `log recover`: the log as a static site, checked by itself, and back again."""

from collections.abc import Iterator
from pathlib import Path

import click

from cli.errors import Misused
from cli.judging import by_policy, cosigned_facts, cosigners
from cli.options import Command, pass_session, with_options
from cli.output import progress, say, utc, write_facts, write_json
from cli.session import Session
from ledger.checking import files
from ledger.checking.checking import Trust, check
from ledger.client.http import Client, ServerError
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Log, Site
from ledger.log import base64s, checkpoint, keys, tiles
from ledger.log.records import Record, Texts
from ledger.log.tiles import TilePath
from ledger.store import published, queries
from ledger.store.database import Store

FOLDER = click.Path(path_type=Path, file_okay=False)
THERE = click.Path(path_type=Path, file_okay=False, exists=True)


class DatabaseLog:
    """The log of a database, up to a signed checkpoint of it, and the instructions behind it."""

    def __init__(self, store: Store, ledger_id: int, note: bytes):
        signed = checkpoint.parse(note)
        self._store, self._ledger_id, self._note = store, ledger_id, note
        self.origin, self.size = signed.origin, signed.size

    def checkpoint(self) -> bytes:
        """The checkpoint."""
        return self._note

    def tile(self, path: TilePath) -> bytes:
        """The octets of a tile or bundle."""
        found = published.tile(self._store, self._ledger_id, path, self.size)
        if found is None:
            raise LookupError(path)
        return found

    def genesis(self) -> bytes:
        """The note of the first entry."""
        found = queries.public_entry(self._store, self._ledger_id, 0, self.size)
        if found is None or found.note is None:
            raise LookupError("genesis")
        return found.note

    def records(self, number: int, width: int) -> Iterator[Record]:
        """The records of the first `width` entries of a bundle."""
        first = number * tiles.WIDTH
        return published.records(self._store, self._ledger_id, first, first + width)

    def bundles_with_erased(self, size: int) -> set[int]:
        """The numbers of the bundles in which a note was erased."""
        return published.bundles_with_erased(self._store, self._ledger_id, size)

    def texts(self, size: int) -> Iterator[Texts]:
        """The free texts and profiles that are kept, in the order of the log."""
        return published.texts(self._store, self._ledger_id, size)


class ServerLog:
    """The public log of a server, up to the checkpoint that it publishes, or to its newest where that is of fewer than
    `least` entries."""

    def __init__(self, client: Client, least: int = 0):
        self._client = client
        self._note = client.checkpoint()
        if checkpoint.parse(self._note).size < least:
            self._note = client.newest()

    def checkpoint(self) -> bytes:
        """The checkpoint, as it stood at first."""
        return self._note

    def tile(self, path: TilePath) -> bytes:
        """The octets of a tile or bundle."""
        return self._client.tile(tiles.tile_path(*path))

    def genesis(self) -> bytes:
        """The note of the first entry."""
        note = self._client.entry(0).get("note")
        if not isinstance(note, str):
            raise ServerError(200, {"detail": "The server does not show the genesis, which is public."})
        return note.encode()


@click.command("export", cls=Command)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--with-instructions", is_flag=True, help="Also write DIR.private, from which a database is refilled. "
              "Never publish it.")  # fmt: skip
@click.option("--with-personal-data", is_flag=True, help="Put names, addresses and memos into it, too.")
@with_options()
@pass_session
def export(session: Session, folder: Path, with_instructions: bool, with_personal_data: bool) -> None:
    """Write the public log to DIR, as a static site after C2SP tlog-tiles, for any host. The next run writes what is
    new alone.

    Through --server or from the database. Instructions are had from the database alone; once there, DIR.private is
    kept up by each later run on the database.

    \b
    Example: comarca log export ./log
             comarca log export ./log --with-instructions --with-personal-data
    """
    private = private_folder(folder)
    if with_personal_data and not with_instructions:
        raise Misused("--with-personal-data goes with --with-instructions")
    if (client := session.named_server) is not None:
        if with_instructions:
            raise Misused("a server does not give the instructions away: leave --server out and name the database")
        _export(session, folder, ServerLog(client, size_of(folder)), None)
        if private.exists():
            say(f"{private} was not written on, as a server does not give the instructions away")
        return
    database = session.database()
    note = session.checkpoint()
    if checkpoint.parse(note).size < size_of(folder):
        note = database.checkpoint()
    log = DatabaseLog(database.store, database.ledger_id, note)
    kept = None
    if with_instructions or private.exists():
        kept = PrivateFolder(private, log, log.size, with_personal_data)
    _export(session, folder, log, kept)
    if kept is not None:
        say(f"NEVER PUBLISH {private}: it holds what members signed"
            + (", and personal data" if with_personal_data else ""))  # fmt: skip


def _export(session: Session, folder: Path, log: Log, private: PrivateFolder | None) -> None:
    site = Site(folder, log)
    with progress("Exporting", site.signed.size) as advance:
        done = site.export(advance, private)
    if session.as_json:
        write_json({"origin": site.signed.origin, **done._asdict()})
        return
    write_facts([("folder", folder), ("entries", done.size), ("new entries", done.size - done.before),
                 ("files written", done.written), ("files removed", done.removed)])  # fmt: skip


TRUST = (
    click.option("--origin", help="The ledger's origin."),
    click.option("--verifier-key", metavar="KEY", help="The operator's verifier key."),
    click.option("--identity", metavar="ROOT", help="The ledger's identity, from the statutes."),
    click.option("--instructions", type=THERE, help="Where DIR.private has gone to."),
)  # fmt: skip


@click.command("check", cls=Command)
@click.argument("folder", metavar="DIR", type=THERE)
@click.option("--older", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE",
              help="A checkpoint that was kept, from which the log must go on.")  # fmt: skip
@click.option("--older-key", metavar="KEY", help="The operator's verifier key of then, where it has changed.")
@by_policy
@with_options(TRUST)
@pass_session
def check_log(session: Session, folder: Path, older: Path | None, older_key: str | None, policy_file: Path | None,
              origin: str | None, verifier_key: str | None, identity: str | None,
              instructions: Path | None) -> None:  # fmt: skip
    """Check an exported log, without a database: the checkpoint's signature, every entry, every tile, the root, and the
    instructions where they are there; with --policy, the cosignatures of witnesses. Exit code 1 names the first file
    that is wrong, and where.

    \b
    Example: comarca log check ./log \\
                 --verifier-key ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop
             comarca log check ./log --identity JanCBN6Avdm63YHZ5j6JeHg9X1YdY5YeL8LtocalS5U= --older checkpoint.may
    """
    trust = trust_of(origin, verifier_key, identity)
    if older_key is not None:
        trust = trust._replace(older_key=keys.parse_vkey(older_key)[1])
    if trust.key is None and trust.identity is None:
        raise Misused("whose log should it be? Name it by --verifier-key or --identity")
    private = instructions or private_folder(folder)
    with progress("Checking", size_of(folder)) as advance:
        checked = check(folder, trust, private if private.is_dir() else None,
                        older.read_bytes() if older is not None else None, advance)  # fmt: skip
    cosigned = cosigners(policy_file, checked.note, str(folder / "checkpoint"))
    if session.as_json:
        hashes = {"root": base64s.encode(checked.root), "identity": base64s.encode(checked.identity)}
        write_json({"check": "passed", "origin": checked.origin, "size": checked.size, **hashes,
                    "time": checked.time, "instructions": checked.instructions, "beyond": checked.beyond,
                    "cosigned": cosigned})  # fmt: skip
        return
    write_facts([
        ("check", "passed"), ("origin", checked.origin), ("identity", base64s.encode(checked.identity)),
        ("entries", checked.size), ("root", base64s.encode(checked.root)), ("last entry", utc(checked.time)),
        ("instructions", f"those of every entry in {private}" if checked.instructions else "not there"),
        ("free texts", f"of {checked.texts} entries" if checked.instructions else ""),
        ("files beyond the checkpoint", checked.beyond), *cosigned_facts(cosigned),
    ])  # fmt: skip


def trust_of(origin: str | None, verifier_key: str | None, identity: str | None) -> Trust:
    """What options say of a log; raises Misused."""
    name, public = keys.parse_vkey(verifier_key) if verifier_key else (None, None)
    if name is not None and origin not in (None, name):
        raise Misused(f"--verifier-key is of {name}, and --origin says {origin}")
    return Trust(public, base64s.decode(identity, 32) if identity else None, origin or name)


def size_of(folder: Path) -> int:
    """How many entries a folder's checkpoint claims, for a bar; 0 where that cannot be read."""
    try:
        return checkpoint.parse(files.Site(folder).read(files.CHECKPOINT, files.NOTE_MOST)).size
    except (OSError, ValueError, files.WrongFile):
        return 0
