"""`comarca profile`, `comarca text`, `comarca erase` and `comarca member export`: personal data shown, corrected, given
to whom it is about, and erased. An erasure in the log is an entry; one beside it is told by the command alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.acting import administer, at_hand, parse_id
from cli.direct import Direct
from cli.errors import Misused, Wrong
from cli.options import FILE, GATHERS, SIGNS, WRITES, Command, Group, pass_session, with_options
from cli.output import say, write_facts, write_json
from cli.session import Session
from ledger.client import own_data as over_http
from ledger.core.erasures import ENTRIES_MOST, Erase
from ledger.core.members import Facts, Member, SetFacts
from ledger.core.words import HolderId, MemberId
from ledger.service.own_data import export, holder_facts
from ledger.service.receipts import Receipts
from ledger.store import personal
from ledger.store.engine import sqlite_file
from ledger.store.lockfile import LockFile

DATE = click.DateTime(["%Y-%m-%d"])


@contextmanager
def _to_itself(database: Direct, who: str) -> Iterator[Direct]:
    """The database, of which a SQLite file is held meanwhile: one process writes at a time. Raises Held."""
    file = sqlite_file(database.store.url)
    if file is None:
        yield database
        return
    lock = LockFile(file, who)
    try:
        yield database
    finally:
        lock.release()


# --- profiles


@click.group(cls=Group)
def profile() -> None:
    """Show, correct and erase names and contacts, which stand beside the log."""


@profile.command("show")
@click.argument("id", metavar="HOLDER")
@with_options()
@pass_session
def show(session: Session, id: str) -> None:
    """Show a holder's profile, facts and keys. Works on the database.

    \b
    Example: comarca profile show 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    database = session.database()
    found = personal.holder(database.store, database.ledger_id, parse_id(id, "HOLDER"))
    if found is None:
        raise Wrong(f"there is no holder {id}")
    said = holder_facts(found)
    if session.as_json:
        write_json(said)
        return
    facts = [(name, value) for name, value in (said["facts"] or {}).items() if name != "id" and value is not None]
    keys = [("key", f"{key['public']} ({key['status']})") for key in said["keys"]]
    kept = found.profile.text if found.profile else "none is kept"
    write_facts([("profile", kept), ("role", said["role"] or "none"), *facts, *keys])


@profile.command("set")
@click.argument("id", metavar="MEMBER")
@click.argument("words", metavar="TEXT")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept outside the log.")
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def set_profile(session: Session, id: str, words: str, reason: str, key_files: tuple[Path, ...],
                out: Path | None) -> None:  # fmt: skip
    """Replace a member's profile; its facts stay. The administrators sign, as the log has the profile's hash.

    \b
    Example: comarca profile set 0192f3a87c0b7e1a9d2c4b5a69788796 "Bakery at the gate, Plaça 1" --reason "has moved"
    """
    database = session.database()
    found = personal.holder(database.store, database.ledger_id, parse_id(id, "MEMBER"))
    if found is None or found.member is None:
        raise Wrong(f"there is no member {id}")
    asked = SetFacts(MemberId(found.id), _facts(found.member), found.member.facts_since, b"")
    administer(session, "set_facts", asked, key_files, out, texts={"reason": reason, "profile": words})


def _facts(member: Member) -> Facts:
    return Facts(member.kind, bool(member.inside), bool(member.sse), member.place, member.sector,  # type: ignore[arg-type]
                 member.beneficiary)  # fmt: skip


@profile.command("erase")
@click.argument("id", metavar="HOLDER")
@with_options()
@pass_session
def erase_profile(session: Session, id: str) -> None:
    """Erase a holder's profile for ever. No proof needs it; the log keeps its hash. Works on the database, which no
    server may hold meanwhile.

    \b
    Example: comarca profile erase 0192f3a87c0b7e1a9d2c4b5a69788796
    """
    with _to_itself(session.database(), "profile erase") as database:
        if not personal.erase_profile(database.store, database.ledger_id, parse_id(id, "HOLDER")):
            raise Wrong(f"no profile is kept of {id}")
    _tell(session, {"erased": "profile", "holder": id})


# --- free texts


@click.group(cls=Group)
def text() -> None:
    """Erase memos, reasons and evidence, which stand beside the log."""


@text.command("erase")
@click.option("--before", type=DATE, required=True, help="Texts of entries from before this day, in UTC.")
@click.option("--field", "fields", type=click.Choice(personal.TEXT_FIELDS), multiple=True,
              help="Only these; several times for several. All where none is named.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Count them alone.")
@with_options()
@pass_session
def erase_texts(session: Session, before: datetime, fields: tuple[str, ...], dry_run: bool) -> None:
    """Erase old free texts for ever. No proof needs them; the log keeps their hashes. Works on the database, which no
    server may hold meanwhile.

    \b
    Example: comarca text erase --before 2024-01-01 --field memo --dry-run
    """
    named, time = fields or personal.TEXT_FIELDS, _seconds(before)
    if dry_run:
        database = session.database()
        count = personal.count_texts(database.store, database.ledger_id, time, named)
    else:
        with _to_itself(session.database(), "text erase") as database:
            count = personal.erase_texts(database.store, database.ledger_id, time, named)
    said = {"fields": list(named), "before": f"{before:%Y-%m-%d}"}
    _tell(session, {"would erase" if dry_run else "erased": count, **said})


def _tell(session: Session, said: dict[str, object]) -> None:
    """What was done: the log has nothing of it, so the operator keeps this output."""
    if session.as_json:
        write_json(said)
    else:
        write_facts((name, ", ".join(what) if isinstance(what, list) else what) for name, what in said.items())


def _seconds(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp())


# --- the log


@click.command(cls=Command)
@click.option("--auditor", required=True, metavar="ID", help="The auditor who agrees to it, and signs.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept outside the log.")
@click.option("--entry", "indexes", type=click.IntRange(0), multiple=True, metavar="INDEX",
              help="Log index of an entry; several times for several. Without it: the oldest that may go.")  # fmt: skip
@with_options(SIGNS, GATHERS, WRITES)
@pass_session
def erase(session: Session, auditor: str, reason: str, indexes: tuple[int, ...], key_files: tuple[Path, ...],
          out: Path | None) -> None:  # fmt: skip
    """Erase old instructions: their notes, signatures, legs and free texts. Movements, balances and proofs stay.

    The administrators and the auditor sign. At most 256 entries at a time, each older than the policy `retention`; run
    it again for more.

    \b
    Example: comarca erase --auditor 0192f3a87c0b7e1a9d2c4b5a69788796 --reason "the retention is over"
    """
    who, database = HolderId(parse_id(auditor, "--auditor")), session.database()
    named = indexes or _oldest(session, database)
    found = personal.targets(database.store, database.ledger_id, named)
    if missing := set(named) - {target.log_index for target in found}:
        raise Wrong(f"the log has no entry {min(missing)}")
    also = at_hand(session, key_files, [who])
    say(f"{len(found)} entries, from {found[0].log_index} to {found[-1].log_index}")
    administer(session, "erase", Erase(who, tuple(found), b""), key_files, out, texts={"reason": reason}, also=also)


def _oldest(session: Session, database: Direct) -> list[int]:
    policy = session.info.policies.get("retention")
    if policy is None:
        raise Wrong("the ledger has no policy retention, so nothing can be erased; see comarca policy set")
    found = personal.erasable(database.store, database.ledger_id, session.now - policy["body"], ENTRIES_MOST)
    if not found:
        raise Wrong("there is nothing to erase: no instruction that may go is older than the policy retention")
    return found


# --- a member's own


@click.command("export", cls=Command)
@click.argument("id", metavar="HOLDER")
@click.option("--out", type=FILE, help="A new file, of mode 0600; stdout where none is named.")
@with_options(SIGNS)
@pass_session
def export_member(session: Session, id: str, out: Path | None, key_files: tuple[Path, ...]) -> None:
    """Write all that the ledger keeps of a holder as one JSON object: profile, facts, keys, accounts, grants, every
    movement, and a receipt of each entry that concerns it; nothing of others.

    Through --server it is the holder of --key who asks.

    \b
    Example: comarca member export 0192f3a87c0b7e1a9d2c4b5a69788796 --out mine.json
    """
    pieces = _pieces(session, parse_id(id, "HOLDER"), key_files)
    if out is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    try:
        file = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except FileExistsError as error:
        raise Misused(f"{out}: is there already; name another file by --out") from error
    with file:
        file.writelines(pieces)


def _pieces(session: Session, holder: bytes, key_files: tuple[Path, ...]) -> Iterator[bytes]:
    client = session.named_server
    if client is not None:
        session.log_in(key_files)
        return over_http.export(client.server, client.ledger, client.token, holder.hex())
    database = session.database()
    if personal.holder(database.store, database.ledger_id, holder) is None:
        raise Wrong(f"there is no holder {holder.hex()}")
    receipts = Receipts(database.store, database.ledger_id)
    return (piece.encode() for piece in export(receipts, holder, database.checkpoint()))
