"""`comarca demo`, what `make run` runs: a territory on this disk, thousands of real payments, each provable.

A pilot ledger is founded, the payments of the shipped file are settled; those that the ceilings of the class refuse
settle as the same signed texts once the administrators have raised them. Every step is looked up before it is made, so
a second run goes on with the same ledger, and so does one after a kill.
"""

import json
import secrets
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from cli.acting import GATHER_S, administrators_among, compose, refusal_line
from cli.auditing import audited
from cli.errors import CouldNot, Misused, Wrong
from cli.founding import Pilot
from cli.importing import Entrants, importing, settle
from cli.options import READABLE, WRITES, Command, kept_option, pass_session, with_options
from cli.output import say
from cli.serving import is_free, run
from cli.session import Session, Signing
from ledger.ambient.settings import Settings
from ledger.client.admitting import Entrant
from ledger.client.importing import Import
from ledger.client.keyring import Keyring
from ledger.core.members import Facts, SetLimits
from ledger.core.words import MOST, AccountId
from ledger.files.payments import Payments, read_payments
from ledger.log import base64s
from ledger.receipts.verifying import verify
from ledger.signer.keyfile import replace_file
from ledger.store.listings import MemberFilter
from ledger.store.lockfile import server_of

EXCERPT = Path(__file__).parent.parent / "examples" / "bradford_2019_excerpt.csv"
ORIGIN = "localhost/bradford"
PLACE = "GB/E08000032"
SCALE = 2
ROUND = 10_000_000  # a raised ceiling is a whole number of these, in minor units
DESCRIPTION: dict[str, Any] = {
    "losses_cap": 100_000_000,
    "origin": ORIGIN,
    "policies": {"limits": {"commercial": [-500_000, 25_000_000], "public": [-5_000_000_000, 25_000_000]}},
    "territory": {"name": "Bradford", "places": [PLACE]},
    "unit": {"code": "BRAD", "name": "bradford", "scale": SCALE, "parity": ["GBP", 100]},
}
ENTRANTS = Entrants(
    Entrant("public", Facts("public", True, False, PLACE)), Entrant("commercial", Facts("business", True, False, PLACE))
)


@click.command(cls=Command)
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default="var", show_default=True,
              help="Where the ledger, its keys and its journals are.")  # fmt: skip
@click.option("--file", type=READABLE, help="Payments to settle; the shipped excerpt where nothing is said.")
@click.option("--no-serve", is_flag=True, help="End after the report.")
@kept_option("--host", help="Address to listen at.")
@kept_option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@with_options(WRITES)
@pass_session
def demo(session: Session, folder: Path, file: Path | None, no_serve: bool) -> None:
    """Found a pilot ledger in ./var, settle thousands of real payments in it, check everything, and serve it.

    \b
    Example: comarca demo --port 8080
    """
    source = file or EXCERPT
    if not source.exists():
        raise Misused(f"{source}: the example's payments are missing; name a file by --file")
    settings = _settings(folder, session.settings)
    address = server_of(folder / "comarca.db")
    if address is not None:
        say(f"This ledger is served already, at {address}.")
        _next(address, folder)
        return
    payments = read_payments(source.read_bytes(), SCALE)
    _prepare(folder, settings)
    with Session(settings, "demo", clock_is_right=True) as own:
        Demo(own, folder).play(payments)
        if not no_serve:
            settings = _with_free_port(settings)
            run(own, settings, lambda address: _next(address, folder, f"Serving at {address} (Ctrl-C stops it). "))


def _settings(folder: Path, given: Settings) -> Settings:
    """Everything in one folder; host and port as the command line or the environment say."""
    place = folder.resolve()
    return Settings(
        url=f"sqlite:///{place / 'comarca.db'}", host=given.host, port=given.port, sources=given.sources,
        operator_key=place / "operator.key", clerk_key=place / "clerk.key", keyring=place / "keyring.json",
        password_file=place / "password",
    )  # fmt: skip


def _prepare(folder: Path, settings: Settings) -> None:
    """The folder, a password of chance, and a configuration file for the commands to try."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / "password"
    if not password.exists():
        replace_file(password, secrets.token_urlsafe(24).encode() + b"\n")
    names = ("url", "operator_key", "clerk_key", "keyring", "password_file")
    lines = [f"{name} = {json.dumps(str(getattr(settings, name)))}\n" for name in names]
    replace_file(folder / "comarca.toml", "".join(lines).encode())


def _with_free_port(settings: Settings) -> Settings:
    if not settings.port or is_free(settings.host, settings.port):
        return settings
    taken = f"Port {settings.port} of {settings.host} is in use"
    if "port" in settings.sources:
        raise CouldNot(f"{taken}: stop what listens there, or choose another by --port")
    say(f"{taken}; taking a free one (choose one by --port).")
    return Settings(**{**_fields(settings), "port": 0})


def _fields(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in (*settings.shown(), "sources")}


class Demo:
    """The steps, each of which finds out by itself whether it is done."""

    def __init__(self, session: Session, folder: Path):
        self._session, self._folder = session, folder

    def play(self, payments: Payments) -> None:
        """Everything but serving; raises Wrong where something is not as it should be."""
        self._found()
        keyring = Keyring(self._session.settings.keyring, self._session.password(self._session.settings.keyring))
        administrators = [Signing(*pair) for pair in keyring.of(self._session.info.administrators)]
        with importing(self._session, payments, ENTRANTS, administrators) as one:
            before = settle(one)
            if before.refused:
                say(f"{len(before.refused)} payments are refused; the administrators raise the ceilings in their way.")
                self._raise_ceilings(one, administrators)
                settle(one)
            self._report(one)

    def _found(self) -> None:
        outcome = Pilot(self._session).found(DESCRIPTION)
        if outcome.log_index is None:
            raise Wrong(refusal_line(outcome))
        replace_file(self._folder / "identity", base64s.encode(self._session.info.identity).encode() + b"\n")
        say("Going on with the ledger that is here." if outcome.repeat else "A new ledger is founded.")

    def _raise_ceilings(self, one: Import, administrators: list[Signing]) -> None:
        """A signed instruction for each payee that its ceiling keeps from being paid."""
        owed: dict[bytes, int] = {}
        for payment in one.waiting:
            payee = one.members.id_of(payment.payee)
            owed[payee] = owed.get(payee, 0) + payment.amount
        drafts = [draft for payee, amount in owed.items() if (draft := self._raised(payee, amount, administrators))]
        for outcome in self._session.send(drafts):
            if outcome.log_index is None:
                raise Wrong(refusal_line(outcome))

    def _raised(self, account: bytes, owed: int, administrators: list[Signing]) -> bytes | None:
        found = self._session.account(account.hex())
        needed: int = found["balance"] + owed
        if needed <= found["ceiling"]:
            return None
        ceiling = min(-(-needed // ROUND) * ROUND, MOST)
        asked = SetLimits(AccountId(account), found["floor"], ceiling, found["limits_since"], b"")
        reason = {"reason": "is paid more than the ceiling of its class"}
        signers = administrators_among(self._session.info, administrators, "set_limits")
        return compose(self._session, "set_limits", asked, GATHER_S, reason).signed(signers).octets

    # --- what happened

    def _report(self, one: Import) -> None:
        session, database = self._session, self._session.database()
        info, report, total = session.look(), one.report(), database.total_accounts()["sum"]
        members = list(database.members(MemberFilter()))
        accounts = [account for listed in members for account in listed["accounts"]]
        raised = sum(account["limits_since"] != account["opened"] for account in accounts)
        lines = [
            ("Ledger", f"{info.origin}, identity {base64s.encode(info.identity)}"),
            ("Members", f"{len(members):,}, admitted by {info.needed('admit')} of {len(info.administrators)} "
                        "administrators"),
            ("Payments", f"{report.logged:,} of {report.rows:,} settled, each signed by its payer"),
            ("Volume", info.amount(report.amount)),
            ("Balances", f"sum to {info.amount(total)}"),
            *(("Refused", f"{count:,} payments at first: {reason}") for reason, count in one.ever.most_common()),
            ("Ceilings", f"raised for {raised} accounts by signed instructions; the same texts were sent again"),
            *(("Refused still", f"{count:,} payments: {reason}") for reason, count in report.reasons.items()),
            ("Receipt", self._receipt(one)),
            ("Audit", self._audit()),
        ]  # fmt: skip
        for name, value in lines:
            click.echo(f"{name + ':':<14} {value}")
        if total or one.file.bad or report.refused:
            raise Wrong(
                f"{len(report.refused)} payments refused, {len(one.file.bad)} bad rows, balances sum to {total}"
            )

    def _receipt(self, one: Import) -> str:
        """Keep the receipt of a payee, and verify it with nothing but file, origin and identity."""
        rows = [row for row in one.refusals if row in one.logged] or list(one.logged)
        if not rows:
            return "none, as nothing is paid"
        payment = next(payment for payment in one.file.payments if payment.row == rows[-1])
        receipt = self._session.database().receipt(one.logged[payment.row], one.members.id_of(payment.payee))
        path, info = self._folder / "receipt.json", self._session.info
        replace_file(path, json.dumps(receipt).encode() + b"\n")
        shown = verify(path.read_bytes(), info.origin, info.identity)
        return f"row {payment.row}, entry {shown.log_index}: {path} verified offline for {payment.payee}"

    def _audit(self) -> str:
        passed = audited(self._session.database())
        return f"passed: {passed.size:,} entries verified and decided again, every table equal to replay"


def _next(address: str, folder: Path, said: str = "") -> None:
    """Say what to try, after what else there is to say."""
    program = Path(sys.argv[0])
    name = shlex.quote(str(program)) if program.is_file() and program.name == "comarca" else "comarca"
    configured = f"{name} --config {shlex.quote(str(folder / 'comarca.toml'))}"
    receipt, genesis = folder / "receipt.json", folder / "identity"
    click.echo(f"\n{said}To try next, in another window:")
    for line in (
        f"curl -s {address}/v1/ledgers/bradford",
        f"{configured} member list",
        f"{configured} verify receipt {receipt} --origin {ORIGIN} --identity $(cat {genesis})",
    ):
        click.echo(f"  {line}")
