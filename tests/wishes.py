"""Random instructions of every kind, right and wrong ones, from small numbers that Hypothesis draws and can shrink."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ledger.core.accounts import ACCOUNTS
from ledger.core.cancels import Cancel
from ledger.core.ledgers import POLICIES, SetPolicy
from ledger.core.members import Facts, OpenAccount, Reinstate, SetFacts, SetLimits, Suspend
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, HolderId, InstructionId, MemberId
from tests import wishes_of_keys
from tests.tables import projected
from tests.territory import TerritoryOfTests

LIMITS = '{"commercial":[-60,70],"personal":[-20,40]}'
WORDS = (None, None, None, "a", "b", "c")


class Wish(NamedTuple):
    """What somebody wants; every number is small, and means something for each kind."""

    kind: str
    one: int
    other: int
    amount: int
    mood: int  # 0 to 7 as it should be; above, something is wrong with who signs
    late: int  # seconds between `not_after` and the clock, in weeks


OF_TRADE = (
    ["transfer"] * 8 + ["transfer_many"] * 3 + ["again"] * 2 + ["admit", "open_account", "set_limits", "set_limits",
     "set_facts", "suspend", "reinstate", "set_policy", "cancel", "genesis", "same_id"]
)  # fmt: skip


def wishes(*kinds: str) -> st.SearchStrategy[Wish]:
    """Wishes of these kinds, the more of one the more often it is named."""
    return st.builds(
        Wish,
        kind=st.sampled_from(kinds),
        one=st.integers(0, 5),
        other=st.integers(0, 5),
        amount=st.integers(1, 60),
        mood=st.integers(0, 10),
        late=st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 5, -1]),
    )


WishesOfTrade = wishes(*OF_TRADE)
Wishes = wishes(*OF_TRADE, *wishes_of_keys.MAKERS, "pay_by", "pay_by", "pay_by")


class Wishing:
    """Turns wishes into submissions to one territory."""

    def __init__(self, territory: TerritoryOfTests):
        self.territory = territory
        self.sent: list[bytes] = []
        self.ids: list[InstructionId] = []
        self.look()

    def look(self) -> None:
        """See what stands, as a person does before it signs; within a batch it may be out of date."""
        rows = projected(self.territory.store, self.territory.ledger_id)
        self.accounts = rows[ACCOUNTS.name]
        self.members = rows["member"]
        self.policies = {row.feature: row for row in rows[POLICIES.name]}
        self.own = [row for row in self.accounts if row.member] or self.accounts
        self.rings = wishes_of_keys.Rings(rows, self.territory.seeds)

    def submission(self, wish: Wish) -> bytes:
        """The octets of a wish."""
        if wish.kind == "again" and self.sent:
            return self.sent[wish.amount % len(self.sent)]
        make = MAKERS.get(wish.kind, transfer)
        octets = make(self, wish)
        self.sent.append(octets)
        return octets

    def account(self, number: int) -> AccountId:
        """One of the accounts; common and unknown ones are among them."""
        if number == 5:
            return AccountId(self.territory.clock.id())
        if number == 4:
            return AccountId(self.accounts[0].id)
        return AccountId(self.own[number % len(self.own)].id)

    def row(self, account: bytes) -> Any:
        return next((row for row in self.accounts if row.id == account), None)

    def payer_signs(self, payer: bytes, wish: Wish) -> list[bytes]:
        row = self.row(payer)
        right = [row.member] if row is not None and row.member else [self.own[0].member or self.territory.clerk[0]]
        extra = self.own[wish.other % len(self.own)].member or self.territory.clerk[0]
        return self.moods(right, extra, wish)

    def administrators_sign(self, wish: Wish) -> list[bytes]:
        holders: list[bytes] = [holder for holder, _ in self.territory.administrators]
        return self.moods(holders[:2], holders[2] if wish.one % 2 else self.territory.clerk[0], wish)

    def moods(self, right: list[bytes], extra: bytes, wish: Wish) -> list[bytes]:
        if wish.mood == 10:
            return [extra]
        if wish.mood == 9:
            return list(dict.fromkeys([*right, extra]))
        return right[:1] if wish.mood == 8 else right

    def finish(self, kind: str, asked: Any, signers: list[bytes], wish: Wish, **more: Any) -> bytes:
        clock = self.territory.clock
        id = more.pop("id", None) or clock.id()
        self.ids.append(id)
        not_after = clock.now + 600 + wish.late * 604_800
        return self.territory.signed(self.territory.draft(kind, asked, id=id, not_after=not_after, **more), *signers)


def transfer(w: Wishing, wish: Wish, id: InstructionId | None = None) -> bytes:
    payer, payee = w.account(wish.one % 5), w.account(wish.other)
    asked = Transfer(payer, payee, wish.amount, once=WORDS[wish.amount % len(WORDS)])
    texts = {"memo": "rent"} if wish.amount % 7 == 0 else None
    return w.finish("transfer", asked, w.payer_signs(payer, wish), wish, texts=texts, id=id)


def same_id(w: Wishing, wish: Wish) -> bytes:
    """An id that is or was on its way already, over another text."""
    return transfer(w, wish, id=w.ids[wish.amount % len(w.ids)] if w.ids else None)


def transfer_many(w: Wishing, wish: Wish) -> bytes:
    payer = w.account(wish.one % 4)
    legs = [
        Leg(
            w.account((wish.other + n) % (4 + wish.mood % 2)),
            1 + wish.amount // (n + 1),
            once=WORDS[(wish.amount + n) % 6],
        )
        for n in range(1 + wish.amount % 4)
    ]
    legs = [leg for leg in legs if leg.payee != payer or wish.mood == 3] or [Leg(w.account(4), 1)]
    return w.finish("transfer_many", TransferMany(payer, None), w.payer_signs(payer, wish), wish, legs=legs)  # type: ignore[arg-type]


def facts(w: Wishing, wish: Wish) -> Facts:
    beneficiary = MemberId(w.account(wish.other)) if wish.amount % 3 == 0 else None
    sector = "nace2.1/10.71" if wish.amount % 2 else None
    return Facts("person" if wish.one == 0 else "business", bool(wish.one % 2), True, "ES/08215", sector, beneficiary)


def admit(w: Wishing, wish: Wish) -> bytes:
    label = f"member {wish.amount % 12}"
    class_ = ("commercial", "personal", "commercial", "industrial")[wish.one % 4]
    id, octets = w.territory.admission(label, class_, facts(w, wish), profile="Name" if wish.amount % 2 else None)
    w.ids.append(InstructionId(id))
    return octets


def open_account(w: Wishing, wish: Wish) -> bytes:
    asked = OpenAccount(MemberId(w.account(wish.one)), "personal" if wish.amount % 2 else "commercial")
    return w.finish("open_account", asked, w.administrators_sign(wish), wish)


def set_limits(w: Wishing, wish: Wish) -> bytes:
    account = w.account(wish.one)
    row = w.row(account)
    was = row.limits_since if row and wish.mood != 7 else 0
    asked = SetLimits(account, -wish.amount * wish.other, wish.amount * wish.other // 2, was, b"")
    return w.finish("set_limits", asked, w.administrators_sign(wish), wish, texts={"reason": "a look at the books"})


def set_facts(w: Wishing, wish: Wish) -> bytes:
    member = next((row for row in w.members if row.id == w.account(wish.one)), None)
    asked = SetFacts(MemberId(member.id if member else w.territory.clock.id()), facts(w, wish),
                     member.facts_since if member and wish.mood != 7 else 0, b"")  # fmt: skip
    return w.finish("set_facts", asked, w.administrators_sign(wish), wish, texts={"reason": "moved", "profile": "New"})


def set_status(kind: str, form: Any) -> Callable[[Wishing, Wish], bytes]:
    def make(w: Wishing, wish: Wish) -> bytes:
        account = w.account(wish.one)
        row = w.row(account)
        asked = form(account, row.status_since if row and wish.mood != 7 else 0, b"")
        return w.finish(kind, asked, w.administrators_sign(wish), wish, texts={"reason": ""})

    return make


def set_policy(w: Wishing, wish: Wish) -> bytes:
    feature, body = (
        ("limits", LIMITS), ("limits", '{"commercial":[-50,200]}'), ("limits", '{"commercial":[5,6]}'),
        ("retention", "40000000"), ("rules", "1"), ("alms", "1"),
    )[wish.one]  # fmt: skip
    row = w.policies.get(feature)
    asked = SetPolicy(feature, body, row.since if row and wish.mood != 7 else None)
    return w.finish("set_policy", asked, w.administrators_sign(wish), wish)


def cancel(w: Wishing, wish: Wish) -> bytes:
    targets = [*w.ids, InstructionId(w.territory.clerk[0])]
    holder = w.own[wish.one % len(w.own)].member or w.territory.clerk[0]
    return w.finish("cancel", Cancel(targets[-1 - wish.amount % len(targets)]), [holder], wish)


def genesis(w: Wishing, wish: Wish) -> bytes:
    form = w.territory.genesis_form(LIMITS)
    holders: list[HolderId] = [h for h, _ in (*w.territory.administrators, w.territory.clerk)]
    anchor, w.territory.anchor = w.territory.anchor, None
    try:
        return w.finish("genesis", form, list(holders), wish)
    finally:
        w.territory.anchor = anchor


MAKERS: dict[str, Callable[..., bytes]] = {
    "transfer": transfer,
    "transfer_many": transfer_many,
    "same_id": same_id,
    "admit": admit,
    "open_account": open_account,
    "set_limits": set_limits,
    "set_facts": set_facts,
    "suspend": set_status("suspend", Suspend),
    "reinstate": set_status("reinstate", Reinstate),
    "set_policy": set_policy,
    "cancel": cancel,
    "genesis": genesis,
    **wishes_of_keys.MAKERS,
}
