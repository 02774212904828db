"""`comarca doctor`: what an operator would look at first, each with what to do."""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from cli.errors import CouldNot, Misused, Wrong
from cli.options import Command, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session
from ledger.ambient.clock import ClockGuard
from ledger.log import checkpoint
from ledger.service.witnessed import PolicyError, latest_met, read_policy
from ledger.signer.keyfile import KeyFileError, check_mode
from ledger.signer.signer import SignerRefused
from ledger.store import cosignatures, queries
from ledger.store.database import Store
from ledger.store.engine import SQLITE_FIXED, parse_url, sqlite_file
from ledger.store.errors import StoreError, Unavailable
from ledger.store.lockfile import server_of
from ledger.store.log import Head

SPACE = 1 << 30  # octets that should be free


class Finding(NamedTuple):
    """What was looked at, how it is (ok, note, wrong), and in words why and what to do."""

    what: str
    state: str
    words: str


@click.command(cls=Command)
@with_options()
@pass_session
def doctor(session: Session) -> None:
    """Look at database, log, clock, keys, signer, disk and server; exit code 1 where something is wrong.

    \b
    Example: comarca doctor
    """
    if session.settings.server is not None:
        raise Misused("doctor looks at this machine: leave --server out")
    findings = list(_findings(session))
    if session.as_json:
        write_json([finding._asdict() for finding in findings])
    else:
        write_table(["what", "state", "words"], findings)
    if any(finding.state == "wrong" for finding in findings):
        raise Wrong("something is wrong; the lines above say what to do")


def _findings(session: Session) -> Iterator[Finding]:
    yield _python()
    file = sqlite_file(parse_url(session.settings.url))
    if file is not None:
        yield from _sqlite(file)
    try:
        store = Store.open(session.settings.url)
    except StoreError as error:
        yield Finding("database", "wrong", str(error))
        return
    try:
        yield Finding("database", "ok", str(store))
        yield from _ledger(session, store)
    except (StoreError, Unavailable) as error:
        yield Finding("ledger", "wrong", str(error))
    finally:
        store.close()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", version)


def _sqlite(file: Path) -> Iterator[Finding]:
    found = sqlite3.sqlite_version_info
    fixed = any(found >= version and found[:2] == version[:2] for version in SQLITE_FIXED) or found >= max(SQLITE_FIXED)
    words = f"{sqlite3.sqlite_version}; one process writes at a time, which the lock file sees to"
    yield Finding("sqlite", "ok" if fixed else "note", words if fixed else f"{words} (this build needs it: its WAL has "
                  "a defect with several)")  # fmt: skip
    if file.parent.exists():
        free = shutil.disk_usage(file.parent).free
        yield Finding("disk", "ok" if free > SPACE else "wrong", f"{free / (1 << 30):.1f} GiB free beside {file.name}")
    address = server_of(file)
    yield Finding("server", "ok" if address else "note", address or "none runs on this database")


def _ledger(session: Session, store: Store) -> Iterator[Finding]:
    head = store.head(session.settings.ledger)
    info = queries.info(store, head.ledger_id)
    if info is None:
        yield Finding("ledger", "wrong", f"the genesis of {head.name} is not logged yet; `comarca init` does that")
        return
    yield Finding("ledger", "ok", f"{head.origin}, {head.size} entries")
    stale = head.name in queries.stale_projections(store)
    yield Finding("tables", "wrong" if stale else "ok", "made by another release: run `comarca rebuild`" if stale
                  else "of this release")  # fmt: skip
    trouble = ClockGuard().trouble(head.time)
    yield Finding("clock", "wrong" if trouble else "ok", trouble or "fits the log")
    yield _checked("operator's key", lambda: _operator(session, head, info.ledger.operator))
    yield _checked("signer", lambda: _signer(session, head))
    if session.settings.witness_policy is not None:
        yield _witnesses(session.settings.witness_policy, store, head)


def _witnesses(file: Path, store: Store, head: Head) -> Finding:
    """Whether the policy can be asked by, and how far its witnesses have come."""
    try:
        asked = read_policy(file, head.origin)
        cosignatures.check(store)
    except (PolicyError, StoreError) as error:
        return Finding("witnesses", "wrong", str(error))
    met = latest_met(store, head.ledger_id, asked)
    if met is None:
        return Finding("witnesses", "note", f"{file}: no checkpoint meets it yet; /metrics says who answers what")
    return Finding("witnesses", "ok", f"{file}: met up to size {met.size} of {head.size}")


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", look())
    except (KeyFileError, SignerRefused, CouldNot, Misused, OSError) as error:
        return Finding(what, "wrong", str(error))


def _operator(session: Session, head: Head, public: bytes) -> str:
    socket, file = session.settings.signer, session.settings.operator_key
    if public not in session.signer(head.origin).keys:
        raise CouldNot(f"{socket or file}: another key than this ledger's operator has")
    return f"the signer at {socket} has it" if socket else f"{check_mode(file)} opens, and is this ledger's"


def _signer(session: Session, head: Head) -> str:
    note = session.signer(head.origin).latest()
    where = f"at {session.settings.signer}; " if session.settings.signer else ""
    if note is None:
        return f"{where}has signed nothing yet"
    signed = checkpoint.parse(note)
    if signed.size > head.size:
        raise CouldNot(
            f"it has signed {signed.size} entries, and the database has {head.size}: an old copy, or another database; "
            "bring the newer one back, or refill this one with `comarca log recover` (docs/recovering.md)"
        )
    if signed.size == head.size and signed.root != head.root:
        raise CouldNot(f"it has signed another log of {signed.size} entries: this database was changed; audit it")
    left = (
        "" if signed.size == head.size else "; what is left is signed by the server, or by the next command that writes"
    )
    return f"{where}has signed up to size {signed.size} of {head.size}{left}"
