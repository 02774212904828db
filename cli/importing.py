"""`comarca import payments`: a file of real payments becomes signed transfers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from cli.acting import administrators_among, refusal_line
from cli.errors import Misused, Wrong
from cli.members import FACTS
from cli.options import READABLE, SIGNS, WRITES, Group, kept_option, pass_session, with_options
from cli.output import progress, say, write_facts, write_json
from cli.session import Session, Signing
from ledger.client.admitting import Entrant, Members, NotAdmitted
from ledger.client.importing import Import, Report
from ledger.client.keyring import Keyring
from ledger.core.members import Facts
from ledger.files.payments import Payments, read_payments
from ledger.store.listings import MemberFilter

MOST_SHOWN = 20  # rows told one by one, bad or refused


class Entrants(NamedTuple):
    """As what those who pay, and those who are only paid, become members."""

    payer: Entrant
    payee: Entrant

    def of(self, file: Payments) -> dict[str, Entrant]:
        """Each name of a file as what it enters."""
        payers = {payment.payer for payment in file.payments}
        names = dict.fromkeys(name for one in file.payments for name in (one.payer, one.payee))
        return {name: self.payer if name in payers else self.payee for name in names}


@click.group("import", cls=Group)
def import_() -> None:
    """Take in what happened elsewhere."""


@import_.command("payments")
@click.argument("file", type=READABLE)
@click.option("--payer-class", default="public", show_default=True, help="Class of the accounts of those who pay.")
@click.option("--payee-class", default="commercial", show_default=True, help="Class of those who are only paid.")
@click.option("--payer-kind", default="public", show_default=True, help="What those who pay are.")
@click.option("--payee-kind", default="business", show_default=True, help="What those are who are only paid.")
@click.option("--place", default="ZZ/0", show_default=True, metavar="CODE", help="Country and LAU code of them all.")
@click.option("--currency", metavar="CODE", help="Rows of another are bad; the first row's, where nothing is said.")
@click.option("--admit-namesakes", is_flag=True, help="Admit names that members have already whom others admitted.")
@kept_option("--keyring", type=click.Path(path_type=Path), help="Where the keys are kept, and the journals beside it.")
@with_options(SIGNS, WRITES)
@pass_session
def payments(session: Session, file: Path, payer_class: str, payee_class: str, payer_kind: str, payee_kind: str,
             place: str, currency: str | None, admit_namesakes: bool, key_files: tuple[Path, ...]) -> None:  # fmt: skip
    """Turn the payments in FILE (CSV: payer, payee, amount and, if it likes, date, category, currency) into transfers.

    Each name becomes a member with a key made for the purpose, in the keyring; the administrators' keys are those of
    --key, or in the keyring. Every signed text is on the disk before it is sent: run the same command again after a
    break, and every payment is there once. What the ledger refuses is counted by reason, and sent again by the next
    run. A name that a member of another keyring has already is told, and nothing is done: give it another one in FILE,
    or say that it is somebody else by --admit-namesakes.

    \b
    Example: comarca import payments payments.csv
    """
    found = read_payments(file.read_bytes(), session.info.scale, currency)
    entrants = Entrants(_entrant(payer_class, payer_kind, place), _entrant(payee_class, payee_kind, place))
    _tell_bad(found)
    try:
        with importing(session, found, entrants, session.keys(key_files), admit_namesakes) as one:
            report = settle(one)
    except NotAdmitted as error:
        raise Wrong(f"{error.name}: not admitted: {refusal_line(error.outcome, session.info)}") from error
    _show(session, found, report)


def _entrant(class_: str, kind: str, place: str) -> Entrant:
    facts: Facts = FACTS.read_at({"kind": kind, "place": place, "inside": True, "sse": False}, "facts")
    return Entrant(class_, facts)


@contextmanager
def importing(session: Session, file: Payments, entrants: Entrants, administrators: list[Signing],
              admit_namesakes: bool = False) -> Iterator[Import]:  # fmt: skip
    """The import of a file, everyone in it admitted. Raises NotAdmitted, Unknown, Misused; Wrong for namesakes."""
    path = session.settings.keyring
    keyring = Keyring(path, session.password(path, new=not path.exists()))
    with Members(keyring, session.info.anchor) as members:
        if not admit_namesakes:
            _refuse_namesakes(session, members, members.missing(entrants.of(file)), administrators)
        _admit(session, members, entrants.of(file), administrators)
        with Import(file, members, session.info.anchor, session.send, lambda: session.now) as one:
            yield one


def _refuse_namesakes(session: Session, members: Members, names: list[str], administrators: list[Signing]) -> None:
    """Nobody gets a second account by a file that names it as its profile does; raises Wrong."""
    if not names:
        return
    session.log_in_as(administrators_among(session.info, administrators, "admit")[0])
    wanted, ours = {_folded(name): name for name in names}, {holder.hex() for holder in members.keyring.holders}
    found = [(name, one["id"]) for one in session.members(MemberFilter())
             if (name := wanted.get(_folded(one["name"] or ""))) and one["id"] not in ours]  # fmt: skip
    if not found:
        return
    _tell([f"{name}: is member {id} already, whose key is not in this keyring" for name, id in found], "names")
    raise Wrong(f"{len(found)} names are members' already, and nothing was done: give them other names in the file, or "
                "say that they are others by --admit-namesakes")  # fmt: skip


def _folded(name: str) -> str:
    """A name as people compare it."""
    return " ".join(name.casefold().split())


def _admit(session: Session, members: Members, named: dict[str, Entrant], administrators: list[Signing]) -> None:
    missing = members.missing(named)
    if not missing:
        return
    signers, needed = administrators_among(session.info, administrators, "admit"), session.info.needed("admit")
    if len(signers) < needed:
        raise Misused(f"{len(signers)} administrators' keys are at hand, and an admission needs {needed}: "
                      "name more by --key")  # fmt: skip
    with progress("Admitting", len(missing)) as advance:
        members.admit(named, signers, session.send, lambda: session.now, advance)


def settle(one: Import) -> Report:
    """Send what is not in the log yet; where it stands then. Raises Unknown."""
    with progress("Paying", len(one.waiting)) as advance:
        return one.run(advance)


def _tell_bad(file: Payments) -> None:
    _tell([f"row {row.row}: {row.reason}" for row in file.bad], "bad rows")


def _tell(lines: list[str], what: str) -> None:
    """The first lines, and how many more there are."""
    for line in lines[:MOST_SHOWN]:
        say(line)
    if len(lines) > MOST_SHOWN:
        say(f"and {len(lines) - MOST_SHOWN} more {what}")


def _show(session: Session, file: Payments, report: Report) -> None:
    """Say where the import stands; raises Wrong where rows are left that are no payments or were refused."""
    if session.as_json:
        write_json(as_json(file, report))
    else:
        write_facts(facts_of(file, report, session.info.amount))
    _tell([f"row {one.row}: refused, {one.reason}" for one in report.refused], "refused rows")
    left = [f"rows refused: {len(report.refused)}"] * bool(report.refused)
    left += [f"rows that are no payments: {len(file.bad)}"] * bool(file.bad)
    if left:
        again = " Run the same again to send what was refused." * bool(report.refused)
        raise Wrong(f"{'; '.join(left)}; all others are in the log.{again}")


def as_json(file: Payments, report: Report) -> dict[str, Any]:
    """An import for programs."""
    return {
        "file": file.digest, "payments": report.rows, "logged": report.logged, "logged_now": report.logged_now,
        "amount": report.amount, "reasons": report.reasons,
        "refused": [one._asdict() for one in report.refused], "bad": [one._asdict() for one in file.bad],
    }  # fmt: skip


def facts_of(file: Payments, report: Report, amount: Callable[[int], str]) -> list[tuple[str, object]]:
    """An import for people."""
    reasons: Mapping[str, int] = report.reasons
    return [
        ("payments", report.rows), ("in the log", report.logged), ("of them now", report.logged_now),
        ("volume", amount(report.amount)), *((f"refused, {reason}", count) for reason, count in reasons.items()),
        ("bad rows", len(file.bad)),
    ]  # fmt: skip
