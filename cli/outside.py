"""`comarca audit --export`: the public log and what a member holds of it, audited without a database."""

from collections.abc import Sequence
from pathlib import Path

from cli.errors import Misused
from cli.exporting import size_of, trust_of
from cli.output import progress, utc, write_facts, write_json
from cli.session import Session
from ledger.audit.outside import Proved, Unreadable, audit_held, read_held
from ledger.checking.checking import Checked, check
from ledger.checking.files import Site
from ledger.log import base64s

NOT_PROVED = (
    "that these receipts are all: an entry of which nothing is held and nothing was listed is not seen",
    "what the entries of others say, and that they were decided by the rules: for that an auditor has the instructions",
    "that no key of yours was ended before one of these entries",
    "that others are shown this log: compare its root, or ask for the cosignatures of witnesses",
)


def from_outside(session: Session, folder: Path, identity: str | None, verifier_key: str | None,
                 held: Sequence[Path]) -> None:  # fmt: skip
    """Check the log, compare what is held, and say what that proved and what it could not."""
    if identity is None or not held:
        raise Misused(
            "--export: name the ledger's --identity, from its statutes, and files: receipts, or your own export"
        )
    trust = trust_of(None, verifier_key, identity)
    try:
        found = [read_held(file) for file in held]
        with progress("Checking", size_of(folder)) as advance:
            checked = check(folder, trust, progress=advance)
        proved = audit_held(Site(folder), checked, found)
    except Unreadable as error:
        raise Misused(str(error)) from error
    (_write_json if session.as_json else _write)(checked, proved)


def _write(checked: Checked, proved: Proved) -> None:
    newer = f"; {proved.newer} newer than this copy of it" if proved.newer else ""
    write_facts([
        ("audit", "passed, from outside"), ("log", f"{checked.origin}, {checked.size} entries, each as it was signed"),
        ("root", base64s.encode(checked.root)), ("last entry", utc(checked.time)),
        ("receipts", f"{proved.receipts} verified, their entries stand in the log"),
        ("their checkpoints", f"{proved.beginnings} are beginnings of the log{newer}"),
        *((f"account {one.account}", f"its balance of {one.balance} minor units is the sum of {one.movements} "
           f"movements, of which receipts prove {one.proved}") for one in proved.balances),
        ("erased entries", f"{proved.erased}, of which there can be no receipt any more" if proved.erased else ""),
        *(("not proved", what) for what in NOT_PROVED),
    ])  # fmt: skip


def _write_json(checked: Checked, proved: Proved) -> None:
    balances = [one._asdict() for one in proved.balances]
    write_json({"audit": "passed", "origin": checked.origin, "size": checked.size,
                "root": base64s.encode(checked.root), **proved._asdict(), "balances": balances})  # fmt: skip
