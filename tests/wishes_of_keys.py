"""Random wishes about keys, grants and recoveries, for `tests/wishes.py`: right ones, and such as must be refused."""

from typing import Any

from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.holders import RegisterHolder
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.recoveries import CompleteRecovery, Recover, Veto
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, HolderId, InstructionId
from ledger.log import keys
from tests.territory import seed

WHY = {"reason": "a look at the ring"}
LABELS = 9  # of further keys: few, so that some are used twice
KINDS = [("transfer",), ("read", "transfer"), ("transfer", "transfer_many"), ("read",), ("transfer_many", "transfer")]


class Rings:
    """What is known of the holders' keys, and the seeds of all of them."""

    def __init__(self, rows: dict[str, list[Any]], seeds: dict[bytes, bytes]):
        self.keys, self.holders = rows["key"], rows["holder"]
        self.recoveries = {row.holder: row for row in rows["recovery"]}
        self.grants = {(row.account, row.holder): row for row in rows["grant"]}
        labels = [f"ring {n}" for n in range(LABELS)] + [f"delegate {n}" for n in range(LABELS)]
        self.seeds = {keys.public_of(one): one for one in [*seeds.values(), *map(seed, labels)]}

    def of(self, holder: bytes) -> list[Any]:
        """The rows of a holder's keys whose seeds are known."""
        return [row for row in self.keys if row.holder == holder and row.public in self.seeds]

    def pick(self, holder: bytes, number: int, live: bool) -> tuple[HolderId, bytes]:
        """A holder and the seed of one of its keys, of a live one where there is any and it is wanted."""
        rows = self.of(holder)
        counting = [row for row in rows if row.status in ("live", "frozen")]
        rows = counting if live and counting else rows
        return HolderId(holder), self.seeds[rows[number % len(rows)].public] if rows else seed("nobody")


def fresh(wish: Any) -> bytes:
    """The seed of a further key; some have been registered before."""
    return seed(f"ring {wish.amount % LABELS}")


def signed(w: Any, kind: str, asked: Any, signers: list[tuple[HolderId, bytes]], wish: Any, **more: Any) -> bytes:
    """A submission signed by keys; by mood one of them is missing."""
    id = more.pop("id", None) or w.territory.clock.id()
    w.ids.append(id)
    not_after = w.territory.clock.now + 600 + wish.late * 604_800
    draft = w.territory.draft(kind, asked, id=id, not_after=not_after, **more)
    octets: bytes = draft.signed(dict.fromkeys(signers[:1] if wish.mood == 8 else signers))
    return octets


def holder_of(w: Any, wish: Any) -> HolderId:
    """A member, now and then a delegate, an administrator or the clerk."""
    others = [row.id for row in w.rings.holders] or [w.territory.clerk[0]]
    if wish.mood == 7:
        return HolderId((*others, w.territory.administrators[0][0], w.territory.clerk[0])[wish.other % 3])
    return HolderId(w.members[wish.one % len(w.members)].id)


def add_key(w: Any, wish: Any) -> bytes:
    holder, new = holder_of(w, wish), fresh(wish)
    signers = [w.rings.pick(holder, wish.other, wish.mood < 6), (holder, new)]
    return signed(w, "add_key", AddKey(holder, keys.public_of(new)), signers, wish)


def rotate_key(w: Any, wish: Any) -> bytes:
    holder, new = holder_of(w, wish), fresh(wish)
    _, old = w.rings.pick(holder, wish.amount, wish.mood < 6)
    signers = [w.rings.pick(holder, wish.other, wish.mood < 6), (holder, new)]
    return signed(w, "rotate_key", RotateKey(holder, keys.public_of(old), keys.public_of(new)), signers, wish)


def revoke_key(w: Any, wish: Any) -> bytes:
    holder = holder_of(w, wish)
    _, old = w.rings.pick(holder, wish.amount, wish.mood < 6)
    signers = [w.rings.pick(holder, wish.other, wish.mood < 6)]
    return signed(w, "revoke_key", RevokeKey(holder, keys.public_of(old)), signers, wish)


def force_revoke_key(w: Any, wish: Any) -> bytes:
    holder = holder_of(w, wish)
    _, old = w.rings.pick(holder, wish.amount, wish.mood < 6)
    asked = ForceRevokeKey(holder, keys.public_of(old), b"")
    return signed(w, "force_revoke_key", asked, w.territory.administrators[:2], wish, texts=WHY)


def recover(w: Any, wish: Any) -> bytes:
    holder, new = holder_of(w, wish), fresh(wish)
    asked = Recover(holder, keys.public_of(new), b"")
    return signed(w, "recover", asked, [*w.territory.administrators[:2], (holder, new)], wish, texts=WHY)


def named_recovery(w: Any, wish: Any) -> tuple[HolderId, InstructionId, bytes]:
    """The latest recovery of somebody who has one, if there is any: its id, and the key that it names."""
    rows = list(w.rings.recoveries.values())
    if not rows:
        return holder_of(w, wish), w.territory.clock.id(), keys.public_of(fresh(wish))
    row = rows[wish.one % len(rows)]
    return HolderId(row.holder), InstructionId(row.id), row.key


def veto(w: Any, wish: Any) -> bytes:
    holder, recovery, _ = named_recovery(w, wish)
    return signed(w, "veto", Veto(recovery, holder), [w.rings.pick(holder, wish.other, wish.mood < 4)], wish)


def complete_recovery(w: Any, wish: Any) -> bytes:
    holder, recovery, public = named_recovery(w, wish)
    asked = CompleteRecovery(recovery, holder, public)
    return signed(w, "complete_recovery", asked, [(holder, w.rings.seeds.get(public, seed("nobody")))], wish)


def register_holder(w: Any, wish: Any) -> bytes:
    id, label = w.territory.clock.id(), f"delegate {wish.amount % LABELS}"
    asked = RegisterHolder(("delegate", "delegate", "auditor")[wish.one % 3], keys.public_of(seed(label)))
    signers = [*w.territory.administrators[:2], (HolderId(id), seed(label))]
    return signed(w, "register_holder", asked, signers, wish, id=id)


def grantee(w: Any, wish: Any) -> HolderId:
    """A registered holder, or another member."""
    holders = [row.id for row in w.rings.holders] + [row.id for row in w.members]
    return HolderId(holders[wish.other % len(holders)])


def give_grant(w: Any, wish: Any) -> bytes:
    account, holder = w.account(wish.one % 4), grantee(w, wish)
    standing = w.rings.grants.get((account, holder))
    bounds = [None if wish.amount % n else wish.amount for n in (2, 3, 4)]
    until = w.territory.clock.now + (wish.amount - 5) * 600 if wish.amount % 5 == 0 else None
    asked = GiveGrant(account, holder, KINDS[wish.amount % 5], *bounds, until,
                      standing.since if standing and wish.mood != 7 else None)  # fmt: skip
    return signed(w, "give_grant", asked, [owner_key(w, account, wish)], wish)


def end_grant(w: Any, wish: Any) -> bytes:
    standing = list(w.rings.grants.values())
    row = standing[wish.one % len(standing)] if standing else None
    account, holder = (row.account, row.holder) if row else (w.account(wish.one % 4), grantee(w, wish))
    asked = EndGrant(AccountId(account), HolderId(holder), row.since if row and wish.mood != 7 else 0)
    return signed(w, "end_grant", asked, [owner_key(w, account, wish)], wish)


def owner_key(w: Any, account: bytes, wish: Any) -> tuple[HolderId, bytes]:
    """A key of the member whose account this is."""
    row = w.row(account)
    member = row.member if row is not None and row.member else w.own[0].member or w.territory.clerk[0]
    key: tuple[HolderId, bytes] = w.rings.pick(member, wish.other, wish.mood < 6)
    return key


def pay_by(w: Any, wish: Any) -> bytes:
    """A payment by some key of the payer's, or by whoever has a grant over its account."""
    grants = list(w.rings.grants.values())
    if grants and wish.mood % 2:
        row = grants[wish.one % len(grants)]
        payer, signer = AccountId(row.account), w.rings.pick(row.holder, wish.other, True)
    else:
        payer = w.account(wish.one % 4)
        signer = owner_key(w, payer, wish)
    return signed(w, "transfer", Transfer(payer, w.account(wish.other), 1 + wish.amount // 4), [signer], wish)


MAKERS = {
    make.__name__: make
    for make in (add_key, rotate_key, revoke_key, force_revoke_key, recover, veto, complete_recovery, register_holder,
                 give_grant, end_grant, pay_by)
}  # fmt: skip
