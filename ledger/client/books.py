"""What is read of the books over HTTP, typed: an account's own history and limits by its member; by administrators and
auditors all movements, totals, members. As the server says it: of this nothing is proved, as receipts are.

    client = Client("https://ledger.example", "solana")
    client.log_in(administrator, seed, int(time.time()))
    for movement in Books(client).movements(kind="trade", min_amount=100_000):
        print(movement.payer, movement.payee, movement.amount)

Times are Unix seconds, amounts minor units, ids 32 hex digits. Each raises ServerError, Unknown; lists while they are
read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar, Unpack

from ledger.ambient.clock import moment, seconds_of
from ledger.client.answers import parsed
from ledger.client.http import Client

T = TypeVar("T")
By = Literal["month", "kind", "class"]


class MovementFilter(TypedDict, total=False):
    """Which movements: `start <= time < end`, `min_amount <= amount <= max_amount`; `account` and `class_` are those of
    either side."""

    start: int
    end: int
    account: str
    payer: str
    payee: str
    kind: str
    purpose: str
    min_amount: int
    max_amount: int
    class_: str


class MemberFilter(TypedDict, total=False):
    """Which members: by their facts; `class_` and `status` are those of an account."""

    kind: str
    place: str
    inside: bool
    sse: bool
    sector: str
    class_: str
    status: str


class Movement(NamedTuple):
    """A movement with the balance of each account after it. `number`: its place in its instruction."""

    id: str
    number: int
    log_index: int
    time: int
    payer: str
    payee: str
    amount: int
    kind: str
    purpose: str | None
    payer_balance: int
    payee_balance: int


class Group(NamedTuple):
    """Movements that are alike in what was asked for, the rest being None. `month` as 2026-05."""

    month: str | None
    kind: str | None
    payer_class: str | None
    payee_class: str | None
    number: int
    amount: int


class Totals(NamedTuple):
    """How many movements, and the sum of their amounts, in the log of this size."""

    log_size: int
    number: int
    amount: int
    groups: tuple[Group, ...]


class AccountTotals(NamedTuple):
    """How many accounts, what is owned, and what is owed: the mutual credit in use, below zero."""

    log_size: int
    accounts: int
    positive: int
    negative: int


class Change(NamedTuple):
    """An entry that set something. `before` and `after` are as docs/api.md has them; `signers` are None once the note
    is erased, `reason` where none was given, is kept, or is to be seen."""

    log_index: int
    time: int
    id: str
    kind: str
    signers: tuple[str, ...] | None
    reason: str | None
    before: Any
    after: Any
    feature: str | None


class Account(NamedTuple):
    """An account in the list of members. `class_` is a word of the policy `limits`."""

    id: str
    class_: str | None
    status: str
    balance: int
    floor: int
    ceiling: int
    available: int


class Member(NamedTuple):
    """A member. `name` is what its profile says: None where none is kept, and for auditors."""

    id: str
    name: str | None
    facts: Mapping[str, Any]
    admitted: int
    accounts: tuple[Account, ...]


class Books:
    """The books of one ledger, as whoever has logged in with this client may read them."""

    def __init__(self, client: Client):
        self._client = client

    def movements(self, most: int | None = None, **wanted: Unpack[MovementFilter]) -> Iterator[Movement]:
        """At most so many movements of the whole ledger, or all, newest first; for administrators and auditors."""
        return self._items("movements", parameters(wanted), most, _movement)

    def totals(self, by: Sequence[By] = (), **wanted: Unpack[MovementFilter]) -> Totals:
        """What movements come to, for each month, kind or pair of classes; for administrators and auditors."""
        query = parameters(wanted) | ({"by": ",".join(by)} if by else {})
        return parsed(_totals, self._client.read("movements/totals", query))

    def account_totals(self) -> AccountTotals:
        """What all balances come to; for administrators and auditors."""
        return parsed(_account_totals, self._client.read("accounts/totals", {}))

    def members(self, **wanted: Unpack[MemberFilter]) -> Iterator[Member]:
        """The members with their accounts, in the order of admission; for administrators and auditors."""
        return self._items("members", parameters(wanted), None, _member)

    def limits(self, account: str, most: int | None = None) -> Iterator[Change]:
        """What an account's limits have been, newest first; `after` is {floor, ceiling}."""
        return self._items(f"accounts/{account}/limits", {}, most, _change)

    def statuses(self, account: str, most: int | None = None) -> Iterator[Change]:
        """What an account's status has been, newest first: open, suspended, closed."""
        return self._items(f"accounts/{account}/status", {}, most, _change)

    def facts(self, member: str, most: int | None = None) -> Iterator[Change]:
        """What a member's facts have been, newest first."""
        return self._items(f"members/{member}/facts", {}, most, _change)

    def policies(self, feature: str | None = None, most: int | None = None) -> Iterator[Change]:
        """What the policies have been, or that of one feature, newest first; without a login, too."""
        return self._items("policies", {"feature": feature} if feature else {}, most, _change)

    def _items(self, path: str, query: Mapping[str, str], most: int | None,
               parse: Callable[[Any], T]) -> Iterator[T]:  # fmt: skip
        for item in self._client.items(path, query, most):
            yield parsed(parse, item)


_NAMES = {"start": "from", "end": "to", "class_": "class"}


def parameters(wanted: Mapping[str, Any]) -> dict[str, str]:
    """A filter as the parameters of an address (docs/api.md); None leaves one open."""
    return {_NAMES.get(name, name): _said(name, value) for name, value in wanted.items() if value is not None}


def _said(name: str, value: Any) -> str:
    if name in ("start", "end"):
        return moment(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.hex() if isinstance(value, bytes) else str(value)


def _movement(body: Any) -> Movement:
    id, number = body["id"]
    return Movement(str(id), int(number), int(body["log_index"]), seconds_of(body["time"]), str(body["payer"]),
                    str(body["payee"]), int(body["amount"]), str(body["kind"]), body["purpose"],
                    int(body["payer_balance"]), int(body["payee_balance"]))  # fmt: skip


def _totals(body: Any) -> Totals:
    return Totals(int(body["log_size"]), int(body["count"]), int(body["sum"]), tuple(map(_group, body["groups"])))


def _group(body: Any) -> Group:
    return Group(body.get("month"), body.get("kind"), body.get("payer_class"), body.get("payee_class"),
                 int(body["count"]), int(body["sum"]))  # fmt: skip


def _account_totals(body: Any) -> AccountTotals:
    return AccountTotals(*(int(body[name]) for name in AccountTotals._fields))


def _change(body: Any) -> Change:
    signers = None if body["signers"] is None else tuple(map(str, body["signers"]))
    return Change(int(body["log_index"]), seconds_of(body["time"]), str(body["id"]), str(body["kind"]), signers,
                  body["reason"], body["before"], body["after"], body.get("feature"))  # fmt: skip


def _member(body: Any) -> Member:
    return Member(str(body["id"]), body["name"], dict(body["facts"]), int(body["admitted"]),
                  tuple(map(_account, body["accounts"])))  # fmt: skip


def _account(body: Any) -> Account:
    figures = (int(body[name]) for name in Account._fields[3:])
    return Account(str(body["id"]), body["class"], str(body["status"]), *figures)
