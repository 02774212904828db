"""`comarca audit` and `comarca rebuild`: everything verified and decided again; the projections made anew."""

from collections.abc import Callable
from pathlib import Path

import click

from cli.cosigning import Auditor
from cli.direct import Direct
from cli.errors import Misused
from cli.exporting import THERE
from cli.options import FILE, READABLE, Command, pass_session, with_options
from cli.output import progress, utc, write_facts, write_json
from cli.outside import from_outside
from cli.session import Session
from ledger.audit.auditing import Passed
from ledger.audit.auditing import audit as run_audit
from ledger.audit.whole import check_ledgers
from ledger.log import base64s
from ledger.rebuild.rebuilding import rebuild as run_rebuild
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.errors import StoreError
from ledger.store.lockfile import LockFile


@click.command(cls=Command)
@click.option("--sign", "key_file", type=FILE, metavar="KEY", help="If nothing is wrong, cosign the last checkpoint "
              "with this key.")  # fmt: skip
@click.option("--out", type=FILE, help="Where to put the cosigned checkpoint.")
@click.option("--export", "folder", type=THERE, metavar="DIR", help="Audit this public log instead, with what a member "
              "holds.")  # fmt: skip
@click.option("--identity", metavar="ROOT", help="With --export: the ledger's identity, from the statutes.")
@click.option("--verifier-key", metavar="KEY", help="With --export: the operator's, where it is not the first one.")
@click.argument("held", metavar="[FILE]...", type=READABLE, nargs=-1)
@with_options()
@pass_session
def audit(session: Session, key_file: Path | None, out: Path | None, folder: Path | None, identity: str | None,
          verifier_key: str | None, held: tuple[Path, ...]) -> None:  # fmt: skip
    """Verify every signature, hash, limit, sum and authority of the log, decide everything again, and compare every
    table with replay. Exit code 0: nothing is wrong; 1: the first fault is named; 3: it could not be done.

    An auditor signs what was found with a key made by `key new --witness`, whose state remembers what it signed last: a
    log that does not go on from there is not signed.

    A member needs no database: with --export the public log (`log export`) is checked, and each FILE, a receipt or the
    member's own export (`member export`), compared with it; what that proves is said, and what it does not.

    \b
    Example: comarca audit
             comarca audit --sign vera.key --out audited.checkpoint
             comarca audit --export ./log --identity SYYjE+J+Fp7bwO0mUFtm6yNTL5yrMZ4KUJ3VpN2fRcI= flour.json mine.json
    """
    if folder is not None:
        from_outside(session, folder, identity, verifier_key, held)
        return
    if held or identity or verifier_key:
        raise Misused("files are compared with a public log: name its folder by --export, and the ledger's --identity")
    if out is not None and key_file is None:
        raise Misused("--out is for the cosigned checkpoint: whose signature? Name a key by --sign")
    if out is not None and out.exists():
        raise Misused(f"{out}: is there already; name another file for the cosigned checkpoint")
    database = _ledger(session)
    auditor = Auditor(session, key_file) if key_file is not None else None
    passed = audited(database)
    line = auditor.cosign(database, passed) if auditor is not None else None
    if out is not None and line is not None:
        out.write_bytes(passed.checkpoint + line.encode() + b"\n")
    root = base64s.encode(passed.root) if passed.root else None
    if session.as_json:
        write_json({"audit": "passed", "size": passed.size, "root": root, "time": passed.time, "signed": passed.signed,
                    **({"cosignature": line} if line is not None else {})})  # fmt: skip
        return
    write_facts([("audit", "passed"), ("entries", passed.size), ("root", root), ("last entry", utc(passed.time)),
                 ("checkpoints", f"signed up to size {passed.signed}"), ("cosignature", line or "")])  # fmt: skip


def _ledger(session: Session) -> Direct:
    """The ledger to audit. Where none can be named, a head that is gone from its log is a finding: Fault."""
    try:
        return session.database()
    except StoreError:
        store = Store.open(session.settings.url)
        try:
            with store.read() as connection:
                check_ledgers(connection)
        finally:
            store.close()
        raise


def audited(database: Direct) -> Passed:
    """The audit of a ledger, with a bar; raises Fault."""
    with progress("Auditing", database.store.head(database.head.name).size) as advance:
        return run_audit(database.store, database.ledger_id, progress=_steps(advance))


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """From `done so far` to `more done`."""
    before = 0

    def step(done: int, total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return step


@click.command(cls=Command)
@with_options()
@pass_session
def rebuild(session: Session) -> None:
    """Make the projections of every ledger in the database anew from the logs: after an upgrade that asks for it.

    \b
    Example: comarca rebuild
    """
    file = sqlite_file(parse_url(session.settings.url))
    store = Store.open(session.settings.url)
    try:
        if file is not None:
            with LockFile(file, "rebuild"):
                count = _rebuilt(store)
        else:
            count = _rebuilt(store)
    finally:
        store.close()
    if session.as_json:
        write_json({"entries": count})
    else:
        write_facts([("entries replayed", count)])


def _rebuilt(store: Store) -> int:
    with progress("Rebuilding", sum(head.size for head in store.heads())) as advance:
        return run_rebuild(store, _steps(advance))
