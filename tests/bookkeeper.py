"""The bookkeeper: runs a scenario in plain text against any way into a ledger.

A scenario is lines; what is indented belongs to the line above it. STEPS below is the whole language. A step is
accepted unless the line under it says otherwise:

    Forn pays Granja 34.30 "flour"
    Forn pays Granja 9999.00
        refused: credit_exceeded, short by 5033.30
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.cancels import Cancel
from ledger.core.forms import canonical
from ledger.core.ledgers import SetPolicy
from ledger.core.machine import Repeat
from ledger.core.members import OpenAccount, Reinstate, SetLimits, Suspend
from ledger.core.refusals import Refusal
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, HolderId, InstructionId, MemberId
from ledger.service.door import Accepted
from tests.memory import Rows
from tests.territory import TerritoryOfTests

SCALE = 100  # the territory's unit has two decimals


class Way(Protocol):
    """A way into a ledger: through the core, through SQL, through HTTP."""

    @property
    def territory(self) -> TerritoryOfTests:
        """Whose keys sign, and whose clock passes."""

    def send(self, submissions: list[bytes]) -> list[Any]:
        """Send as one batch; Accepted, Repeat or Refusal for each."""

    def position(self, account: bytes, holder: bytes) -> tuple[int, int]:
        """Balance and available of an account, as its holder reads them."""

    def rows(self) -> Rows | None:
        """Every row, where the way can see them."""


class Line(NamedTuple):
    """One line and what is indented under it."""

    number: int
    text: str
    below: tuple["Line", ...]


class Sent(NamedTuple):
    """A submission on its way, and the line that tells its outcome."""

    octets: bytes
    line: Line
    landed: Callable[[], None] = lambda: None


def parse(text: str) -> list[Line]:
    """The lines of a scenario as a tree; comments and empty lines left out."""
    numbered = [(n, raw) for n, raw in enumerate(text.split("\n"), 1) if raw.strip() and not raw.startswith("#")]
    return list(_block(numbered, 0))


def _block(lines: list[tuple[int, str]], indent: int) -> Iterator[Line]:
    while lines:
        number, raw = lines.pop(0)
        assert len(raw) - len(raw.lstrip()) == indent, f"line {number}: indented by steps of 4"
        below: list[tuple[int, str]] = []
        while lines and lines[0][1].startswith(" " * (indent + 4)):
            below.append(lines.pop(0))
        yield Line(number, raw.strip(), tuple(_block(below, indent + 4)))


def money(text: str) -> int:
    """`-34.30` as -3430."""
    units, cents = text.lstrip("-").split(".")
    return (int(units) * SCALE + int(cents)) * (-1 if text.startswith("-") else 1)


class Bookkeeper:
    """Runs scenarios. Names are the scenario's; ids and keys the territory's."""

    def __init__(self, way: Way):
        self.way, self.territory = way, way.territory
        self.accounts: dict[str, bytes] = dict(self.territory.common)
        self.owners: dict[str, str] = {}
        self.written: dict[str, tuple[InstructionId, bytes]] = {}
        self.first: dict[bytes, int] = {}
        self.limits: dict[str, list[int]] = {"commercial": [-500000, 500000], "personal": [-10000, 20000]}
        self.since: dict[tuple[str, str], int] = {}
        self.size = 1

    def run(self, text: str) -> None:
        """Every line in order; raises AssertionError that names the line."""
        for line in parse(text):
            try:
                self.step(line)
            except AssertionError as error:
                raise AssertionError(f"line {line.number}: {line.text}: {error}") from error

    def step(self, line: Line) -> None:
        if line.text == "together":
            self.settle([self.understand(below) for below in line.below])
            return
        sent = self.understand(line)
        if sent:
            self.settle([sent])

    def understand(self, line: Line) -> Any:
        """What the line asks: a submission, or None where it was a look or the passing of time."""
        for pattern, method in STEPS:
            if found := re.fullmatch(pattern, line.text):
                return method(self, line, **found.groupdict())
        raise AssertionError("this is no step that STEPS knows")

    # --- outcomes

    def settle(self, sent: list[Sent]) -> None:
        """Send a batch and compare each outcome with what its line says."""
        before = self.way.rows()
        outcomes = self.way.send([one.octets for one in sent])
        accepted = 0
        for one, outcome in zip(sent, outcomes, strict=True):
            self.compare(one, outcome)
            if isinstance(outcome, Accepted):
                assert outcome.log_index == self.size, "the log has no gaps"
                self.size += 1
                accepted += 1
                one.landed()
        after = self.way.rows()
        if before is not None and after is not None:
            assert sum(account.balance for account in after["account"]) == 0
            assert accepted or before == after, "a refusal changes nothing"

    def compare(self, sent: Sent, outcome: Any) -> None:
        said = [below.text for below in sent.line.below if below.text.startswith(("refused: ", "the same entry"))]
        expected = said[0] if said else "accepted"
        if expected == "accepted":
            assert isinstance(outcome, Accepted), f"line {sent.line.number}: {outcome}"
            self.first[sent.octets] = outcome.log_index
        elif expected == "the same entry":
            assert outcome == Repeat(self.first[sent.octets]), f"line {sent.line.number}: {outcome}"
        else:
            self.compare_refusal(expected, outcome)

    def compare_refusal(self, expected: str, outcome: Any) -> None:
        assert isinstance(outcome, Refusal), f"{expected}, but {outcome}"
        found = re.fullmatch(r"refused: ([a-z_]+)(?:, short by ([0-9.]+))?", expected)
        assert found, expected
        assert outcome.reason == found[1], f"{expected}, but {outcome}"
        if found[2]:
            assert outcome.details["short_by"] == money(found[2]), outcome

    # --- the steps: payments

    def id_of(self, name: str) -> AccountId:
        return AccountId(self.territory.clock.id() if name == "nobody" else self.accounts[name])

    def payment(
        self,
        line: Line,
        payer: str,
        payee: str,
        amount: str,
        memo: str | None = None,
        once: str | None = None,
        signers: tuple[str, ...] = (),
        id: InstructionId | None = None,
    ) -> Sent:
        asked = Transfer(self.id_of(payer), self.id_of(payee), money(amount), once=once)
        draft = self.territory.draft("transfer", asked, texts={"memo": memo} if memo else None, id=id)
        return Sent(self.territory.signed(draft, *(self.accounts[name] for name in signers or (payer,))), line)

    def signed_for(self, line: Line, signer: str, **payment: str) -> Sent:
        return self.payment(line, signers=(signer,), **payment)  # type: ignore[arg-type]

    def signed_by_two(self, line: Line, one: str, other: str, **payment: str) -> Sent:
        return self.payment(line, signers=(one, other), **payment)  # type: ignore[arg-type]

    def bulk(self, line: Line, payer: str) -> Sent:
        legs = []
        for below in line.below:
            if found := re.fullmatch(rf"{NAME.format('payee')} {AMOUNT}{ONCE}", below.text):
                legs.append(Leg(self.id_of(found["payee"]), money(found["amount"]), once=found["once"]))
        draft = self.territory.draft("transfer_many", TransferMany(self.id_of(payer), None), legs=legs)  # type: ignore[arg-type]
        return Sent(self.territory.signed(draft, self.accounts[payer]), line)

    def writes(self, line: Line, payer: str, label: str, **payment: Any) -> None:
        id = self.territory.clock.id()
        self.written[label] = id, self.payment(line, payer, id=id, **payment).octets

    def send(self, line: Line, label: str) -> Sent:
        return Sent(self.written[label][1], line)

    def cancel(self, line: Line, holder: str, label: str) -> Sent:
        draft = self.territory.draft("cancel", Cancel(self.written[label][0]))
        return Sent(self.territory.signed(draft, self.accounts[holder]), line)

    # --- the steps: administration

    def member(self, line: Line, name: str, word: str) -> Sent:
        id, octets = self.territory.admission(name, word)
        self.accounts[name] = id
        self.owners[name] = name
        return Sent(octets, line, lambda: self._opened(name))

    def open_account(self, line: Line, name: str, owner: str, word: str) -> Sent:
        id = self.territory.clock.id()
        asked = OpenAccount(MemberId(InstructionId(self.accounts[owner])), word)
        self.accounts[name] = id
        self.owners[name] = owner
        return Sent(self.territory.administer("open_account", asked, id=id), line, lambda: self._opened(name))

    def _opened(self, name: str) -> None:
        self.since[name, "limits"] = self.since[name, "status"] = self.size - 1

    def _changed(self, name: str, what: str) -> Callable[[], None]:
        def landed() -> None:
            self.since[name, what] = self.size - 1

        return landed

    def set_limits(self, line: Line, name: str, floor: str, ceiling: str) -> Sent:
        was = self.since.get((name, "limits"), 0)
        asked = SetLimits(self.id_of(name), money(floor), money(ceiling), was, b"")
        octets = self.territory.administer("set_limits", asked, texts={"reason": "as agreed"})
        return Sent(octets, line, self._changed(name, "limits"))

    def set_class(self, line: Line, word: str, floor: str, ceiling: str) -> Sent:
        self.limits[word] = [money(floor), money(ceiling)]
        was = self.since.get(("class", "policy"), 0)
        octets = self.territory.administer("set_policy", SetPolicy("limits", canonical(self.limits), was))
        return Sent(octets, line, self._changed("class", "policy"))

    def set_status(self, line: Line, verb: str, name: str, administrators: int = 2) -> Sent:
        was = self.since.get((name, "status"), 0)
        asked: Any = {"suspend": Suspend, "reinstate": Reinstate}[verb](self.id_of(name), was, b"")
        draft = self.territory.draft(verb, asked, texts={"reason": "by the board"})
        octets = draft.signed(self.territory.administrators[:administrators])
        return Sent(octets, line, self._changed(name, "status"))

    def lone_administrator(self, line: Line, verb: str, name: str) -> Sent:
        return self.set_status(line, verb, name, administrators=1)

    # --- the steps: looking, and time

    def balance(self, line: Line, name: str, amount: str) -> None:
        assert self._position(name)[0] == money(amount), self._position(name)

    def available(self, line: Line, name: str, amount: str) -> None:
        assert self._position(name)[1] == money(amount), self._position(name)

    def _position(self, name: str) -> tuple[int, int]:
        return self.way.position(self.accounts[name], HolderId(InstructionId(self.accounts[self.owners[name]])))

    def later(self, line: Line, number: str, unit: str) -> None:
        self.territory.clock.now += int(number) * {"minutes": 60, "days": 86_400}[unit]


NAME = r"(?P<{}>[A-Za-z0-9]+)"
AMOUNT = r"(?P<amount>[0-9]+\.[0-9]{2})"
ONCE = r"(?: once (?P<once>\S+))?"
PAYS = rf'{NAME.format("payee")} {AMOUNT}(?: "(?P<memo>[^"]*)")?{ONCE}'
SIGNED = r"(?P<{}>-?[0-9]+\.[0-9]{{2}})"
RANGE = f"{SIGNED.format('floor')} to {SIGNED.format('ceiling')}"
WORD = r"(?P<word>[a-z_]+)"

# The whole language of scenarios.
STEPS: tuple[tuple[str, Callable[..., Sent | None]], ...] = (
    (rf"{NAME.format('payer')} pays many", Bookkeeper.bulk),
    (rf"{NAME.format('payer')} pays {PAYS}", Bookkeeper.payment),
    (rf"{NAME.format('payer')} writes (?P<label>\w+): {PAYS}", Bookkeeper.writes),
    (r"send (?P<label>\w+)", Bookkeeper.send),
    (rf"{NAME.format('holder')} cancels (?P<label>\w+)", Bookkeeper.cancel),
    (rf"{NAME.format('signer')} signs for {NAME.format('payer')}: {PAYS}", Bookkeeper.signed_for),
    (rf"{NAME.format('one')} and {NAME.format('other')} sign for {NAME.format('payer')}: {PAYS}",
     Bookkeeper.signed_by_two),
    (rf"member {NAME.format('name')}, {WORD}", Bookkeeper.member),
    (rf"open {NAME.format('name')} for {NAME.format('owner')}, {WORD}", Bookkeeper.open_account),
    (rf"limits of class {WORD} {RANGE}", Bookkeeper.set_class),
    (rf"limits of {NAME.format('name')} {RANGE}", Bookkeeper.set_limits),
    (rf"(?P<verb>suspend|reinstate) {NAME.format('name')}", Bookkeeper.set_status),
    (rf"one administrator (?P<verb>suspend|reinstate)s {NAME.format('name')}", Bookkeeper.lone_administrator),
    (rf"balance {NAME.format('name')} {SIGNED.format('amount')}", Bookkeeper.balance),
    (rf"available {NAME.format('name')} {SIGNED.format('amount')}", Bookkeeper.available),
    (r"\+(?P<number>[0-9]+) (?P<unit>minutes|days)", Bookkeeper.later),
)  # fmt: skip


def position_of(account: Account) -> tuple[int, int]:
    """Balance and available of a row."""
    return account.balance, account.available


def find_account(rows: Rows, id: bytes) -> Account:
    """An account among rows."""
    found: Account = next(row for row in rows[ACCOUNTS.name] if row.id == id)
    return found
