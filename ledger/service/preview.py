"""Preview: what a text that nobody has signed yet would come to now. The same decision as the real thing, on a state
that is thrown away.

The log index is the log's size, the time the later of the last entry's and the clock, and the formula is taken as if
all had signed: the reader with its live keys, the keys that the text registers, and, where the reader is an
administrator, as many more of them as it takes. Of whoever has no part in the text, it is refused as unknown, or for
its missing signatures, as the real thing would be.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from ledger.core import machine
from ledger.core.accounts import ACCOUNTS, Account
from ledger.core.cancels import CANCELLED
from ledger.core.forms import plain_of
from ledger.core.keys import Signer
from ledger.core.ledgers import Ledger
from ledger.core.machine import LEGS, NOUNS, Repeat, Verified, write_event
from ledger.core.refusals import Refusal
from ledger.core.state import NotLoaded, State
from ledger.core.words import AccountId, At, HolderId
from ledger.intake.submission import Unsigned, read_unsigned
from ledger.service.door import Door
from ledger.service.wording import terms_of, words
from ledger.store import logins, telling
from ledger.store.errors import Unavailable
from ledger.store.log import read_head
from ledger.store.rows import Rows, rows_of

OTHERS = ("payee_cannot_receive",)  # what tells of somebody else's account
LOGGED = "This very text is in the log already, as entry {}: sent again, it gets the outcome that it has."
UNSIGNED = ("signatures_missing", "signature_without_role")


class ToldEnough(Exception):
    """This holder has been told enough of this account for a day; `wait_s` seconds are left of it."""

    def __init__(self, wait_s: int):
        super().__init__(wait_s)
        self.wait_s = wait_s


class Preview(NamedTuple):
    """What would happen: the events at a log index and time, and the reader's own accounts after them."""

    at: At
    events: list[Any]
    accounts: list[Account]


class Previewed(NamedTuple):
    """The text as it was read, and what it would come to."""

    unsigned: Unsigned
    outcome: "Preview | Repeat | Refusal"


class Asking(NamedTuple):
    """Who asks, whether it asks as an administrator, and the time by the clock in Unix seconds."""

    holder: HolderId
    as_administrator: bool
    now: int


def preview(door: Door, octets: bytes, asking: Asking) -> Previewed | Refusal:
    """What a submission without its signature lines would come to, for whoever asks; a Refusal where it is none.

    Raises Signed, ToldEnough, Unavailable.
    """
    read = read_unsigned(octets, door.origin, door.lookups.root_at)
    if isinstance(read, Refusal):
        return read
    with door.store.read() as connection:
        discarded = _Discarded(connection, door.ledger_id, asking)
        outcome = discarded.outcome(read)
        others = discarded.accounts_of_others(read.instruction)
    _check_told(door, asking, others, outcome)
    return Previewed(read, outcome)


def plain(ledger: Ledger, found: Previewed) -> dict[str, Any]:
    """What is answered where the submission would be accepted, or was (docs/api.md, Before signing); `time` is in Unix
    seconds."""
    if isinstance(found.outcome, Repeat):
        index = found.outcome.log_index
        said = [LOGGED.format(index)]
        return {"status": 200, "log_index": index, "time": None, "words": said, "events": [], "accounts": []}
    assert isinstance(found.outcome, Preview)
    (log_index, time, _), events, accounts = found.outcome
    terms = terms_of(ledger)
    said = words(terms, found.unsigned.instruction, found.unsigned.texts)
    said += [f"Account {account.id.hex()} then stands at {terms.unit.text(account.balance)} and can pay "
             f"{terms.unit.text(account.available)}." for account in accounts]  # fmt: skip
    figures = [{"id": one.id.hex(), "balance": one.balance, "held": one.held, "available": one.available}
               for one in accounts]  # fmt: skip
    return {
        "status": 201, "log_index": log_index, "time": time, "words": said,
        "events": [plain_of(write_event(event)) for event in events], "accounts": figures,
    }  # fmt: skip


def _check_told(door: Door, asking: Asking, others: list[bytes], outcome: Preview | Repeat | Refusal) -> None:
    """Raise ToldEnough where the outcome says something of an account that has been told of enough.

    That a payment would be received says as much of the other's room as that it would not: both are withheld.
    """
    if isinstance(outcome, Repeat) or (isinstance(outcome, Refusal) and outcome.reason not in OTHERS):
        return
    store, ledger_id, (holder, _, now) = door.store, door.ledger_id, asking
    wait_s = telling.wait_s(store, ledger_id, holder, others, now)
    if wait_s is None and isinstance(outcome, Refusal):
        payee = bytes.fromhex(outcome.details["payee"])
        if payee in others and not telling.tell(store, ledger_id, holder, payee, now):
            wait_s = telling.DAY_S
    if wait_s is not None:
        raise ToldEnough(wait_s)


class _Discarded:
    """One state of the database, read and decided upon; nothing of it is kept."""

    def __init__(self, connection: Connection, ledger_id: int, asking: Asking):
        self._connection, self._ledger_id, self._asking = connection, ledger_id, asking
        self._head = read_head(connection, ledger_id)
        self._time = max(self._head.time, asking.now)
        self._rows: Rows = rows_of(connection, ledger_id)
        self._state = State(NOUNS)

    def outcome(self, read: Unsigned) -> Preview | Repeat | Refusal:
        """What the text comes to, signed by whoever must; the first guess at the signers that is enough counts."""
        at = At(self._head.size, self._time, read.instruction.id)
        refusals: list[Refusal] = []
        for signers in self._signers(read):
            decided: list[Any] | Repeat | Refusal = self._decide(read.instruction._replace(signers=signers), at)
            if isinstance(decided, list):
                return Preview(at, decided, self._accounts_after(decided, at))
            if isinstance(decided, Repeat) or decided.reason not in UNSIGNED:
                return decided
            refusals.append(decided)
        return refusals[0]

    def _signers(self, read: Unsigned) -> Iterator[frozenset[Signer]]:
        holder = self._asking.holder
        own = self._live_keys([holder])
        yield own | read.registers
        administrators = logins.administrators_in(self._connection, self._ledger_id)
        if self._asking.as_administrator and holder in administrators:
            # One of them that has cancelled the text cannot sign it; the others may be enough.
            cancelled = self._cancelled(read.instruction, administrators - {holder})
            asked = [*(administrators - cancelled), *named_to_sign(read.instruction.asked)]
            yield own | read.registers | self._live_keys(asked)
        if any(signer.holder == holder for signer in read.registers):
            yield read.registers

    def _live_keys(self, holders: Any) -> frozenset[Signer]:
        found = logins.live_keys(self._connection, self._ledger_id, holders)
        return frozenset(Signer(HolderId(holder), public) for holder, public in found)

    def _cancelled(self, instruction: Verified, holders: frozenset[bytes]) -> frozenset[bytes]:
        found = self._rows.load(CANCELLED, [(instruction.id, holder) for holder in holders])
        return frozenset(key[1] for key, row in found.items() if row is not None)

    def _decide(self, instruction: Verified, at: At) -> Any:
        for noun, wanted in machine.footprints([instruction]).items():
            if missing := [key for key in wanted if key not in self._state.rows[noun]]:
                self._state.fill(noun, self._rows.load(noun, missing))
        return self._loading(lambda: machine.decide(self._state, instruction, at))

    def _loading(self, ask: Callable[[], Any]) -> Any:
        """The answer, with each row loaded that turns out to be missing: decide and evolve can be tried again."""
        while True:
            try:
                return ask()
            except NotLoaded as missing:
                self._state.fill(missing.noun, self._rows.load(missing.noun, [missing.key]))
            except machine.UnknownRules as error:
                raise Unavailable(str(error)) from error

    def _accounts_after(self, events: list[Any], at: At) -> list[Account]:
        """The reader's own accounts that the events change, as they stand after them."""
        for event in events:
            self._loading(lambda event=event: machine.evolve(self._state, event, at))  # type: ignore[misc]
        changed = (self._state.rows[ACCOUNTS][id] for id in self._state.before[ACCOUNTS])
        return [account for account in changed if account.member == self._asking.holder]

    def accounts_of_others(self, instruction: Verified) -> list[bytes]:
        """The accounts that the text names and that are not the reader's."""
        rows = self._state.rows[ACCOUNTS]
        known = (rows.get(id) for id in accounts_named(instruction))
        return [account.id for account in known if account is not None and account.member != self._asking.holder]


def named_to_sign(asked: Any) -> list[bytes]:
    """The holders that a text names as signing beside the administrators: a custodian, an auditor."""
    named = (getattr(asked, field, None) for field in ("custodian", "auditor"))
    return [holder for holder in named if holder is not None]


def accounts_named(instruction: Verified) -> Iterator[AccountId]:
    """Every account that a text names, in its legs too."""
    yield from _accounts_in(instruction.asked, machine.FORMS[instruction.kind])
    if instruction.kind in LEGS:
        for leg in instruction.asked.legs.items:
            yield from _accounts_in(leg, LEGS[instruction.kind])


def _accounts_in(asked: Any, form: Any) -> Iterator[AccountId]:
    return (asked[place] for place, hint in form.references() if hint is AccountId and asked[place] is not None)
