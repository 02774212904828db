"""A life with keys: each event by which keys, holders, grants and offices change over time, once."""

from ledger.core.grants import EndGrant, GiveGrant
from ledger.core.keyrings import AddKey, ForceRevokeKey, RevokeKey, RotateKey
from ledger.core.keys import Signer
from ledger.core.ledgers import KeyHolder, Quorum
from ledger.core.offices import SetAdministrators, SetClerk, SetOperator
from ledger.core.recoveries import DELAYED_S, CompleteRecovery, Recover, Veto
from ledger.core.transfers import Transfer
from ledger.core.words import AccountId, HolderId
from tests.core.book import FREE_TEXT, Book, public


def lived_with_keys(book: Book) -> None:
    """Let everything happen to the keys of a book."""
    one, other = (book.member(f"{name} with keys") for name in ("one", "another"))
    changes_its_keys(book, HolderId(one))
    is_recovered(book, HolderId(one))
    acts_for(book, one, other)
    changes_office(book)


def changes_its_keys(book: Book, holder: HolderId) -> None:
    """A till's key comes, is rotated, and is barred; a telephone's comes and is revoked by the first."""
    till, newer, telephone = (Signer(holder, public(f"{label} of {holder.hex()}")) for label in ("a", "b", "c"))
    entered(book.enter("add_key", AddKey(holder, till.public), holder, till))
    entered(book.enter("rotate_key", RotateKey(holder, till.public, newer.public), till, newer))
    entered(book.enter("add_key", AddKey(holder, telephone.public), newer, telephone))
    entered(book.enter("revoke_key", RevokeKey(holder, telephone.public), holder))
    entered(book.administer("force_revoke_key", ForceRevokeKey(holder, newer.public, FREE_TEXT)))


def is_recovered(book: Book, holder: HolderId) -> None:
    """A recovery is vetoed; another, of a holder whose key the administrators barred, is delayed and completed."""
    new, newer = (Signer(holder, public(f"{label} of {holder.hex()}")) for label in ("d", "e"))
    first, second = book.id(), book.id()
    entered(book.administer("recover", Recover(holder, new.public, FREE_TEXT), new, id=first))
    entered(book.enter("veto", Veto(first, holder), holder))
    entered(book.administer("force_revoke_key", ForceRevokeKey(holder, book.keys[holder], FREE_TEXT)))
    entered(book.administer("recover", Recover(holder, newer.public, FREE_TEXT), newer, id=second))
    entered(book.enter("veto", Veto(second, holder), holder))
    book.time += DELAYED_S
    entered(book.enter("complete_recovery", CompleteRecovery(second, holder, newer.public), newer))
    book.keys[holder] = newer.public


def acts_for(book: Book, payer: AccountId, payee: AccountId) -> None:
    """A delegate pays under a grant, which then ends."""
    delegate = book.registered(f"delegate of {payer.hex()}", "delegate")
    grant = GiveGrant(payer, delegate, ("read", "transfer"), payment=500, day=700, month=900)
    since = entered(book.enter("give_grant", grant, payer))
    entered(book.enter("transfer", Transfer(payer, payee, 5), delegate))
    entered(book.enter("end_grant", EndGrant(payer, delegate, since), payer))


def changes_office(book: Book) -> None:
    """One administrator goes, another comes; operator and clerk get new keys."""
    fourth = book.holder("the fourth administrator")
    named = (KeyHolder(fourth, book.keys[fourth]),)
    remaining = (*book.administrators[:2], fourth)
    asked = SetAdministrators(remaining, (("any", Quorum("administrators", 2)),), 0, named, FREE_TEXT)
    entered(book.administer("set_administrators", asked, fourth))
    book.administrators = list(remaining)
    entered(book.administer("set_operator", SetOperator(public("the next operator"), 0, FREE_TEXT)))
    clerk = Signer(book.clerk, public("the next clerk"))
    entered(book.administer("set_clerk", SetClerk(KeyHolder(*clerk), 0), clerk))
    book.keys[book.clerk] = clerk.public


def entered(outcome: object) -> int:
    """The log index of what was accepted."""
    assert isinstance(outcome, int), outcome
    return outcome
