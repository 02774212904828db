"""Refusals: why an instruction is not accepted, as a value with a name, the figures compared, and what would help.

Inside the core a refusal is raised (`Refused`); `machine.decide` answers it as a value (`Refusal`). REASONS is the
one list, in order of precedence: the checks 1 to 8 of docs/formats.md, and within check 8 the order of its rows. Of a
bulk, the first leg that is refused says why.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Reason(NamedTuple):
    """One named reason: the check that finds it, the sentence for a person, the sentence on what would help."""

    name: str
    check: int
    message: str
    remedy: str


# "Unknown" and "not yours" are one reason wherever they meet, so that no answer tells what exists.
REASONS = (
    Reason("malformed", 1, "The submission is not in the form that is signed here.",
           "Build the text as docs/formats.md says; `what` names the place."),
    Reason("signature_invalid", 2, "A signature line is not by a key that is registered under its name.",
           "Sign the exact text again with the key of the holder named on the line."),
    Reason("id_used", 3, "This id is in use for another text.",
           "Draw a new id; to repeat an instruction send the very same text."),
    Reason("cancelled", 4, "A signer of this instruction has cancelled it.",
           "Sign a new instruction with a new id if it is wanted after all."),
    Reason("not_yet_valid", 5, "The instruction's time has not come: `not_after` lies too far ahead.",
           "Send it again later, or sign one with a nearer `not_after`."),
    Reason("expired", 5, "The instruction's time is over: `not_after` has passed.",
           "Sign a new instruction with a new id; the old one can no longer be accepted."),
    Reason("anchor_ahead", 6, "The instruction is anchored to a log longer than this one.",
           "Compare checkpoints: if one of ours stands behind the anchor, this log is a fork or a stale copy."),
    Reason("anchor_wrong", 6, "The instruction is anchored to another log.",
           "Sign it on top of a checkpoint of this ledger, or its identity (size 1)."),
    Reason("key_dead", 7, "A signing key is no longer live.", "Sign with a live key of the same holder."),
    Reason("account_unknown", 7, "There is no such account that these signatures may act for.",
           "Check the account's id, and sign with a key of its member."),
    Reason("signatures_missing", 7, "The signatures do not add up to what this kind of instruction needs.",
           "Add the missing signatures to the same text and send it again."),
    Reason("signature_without_role", 7, "A signature line belongs to nobody who has a part in this instruction.",
           "Leave that line out and send the same text."),
    Reason("ledger_open", 8, "This ledger has its genesis already.", "Use another ledger."),
    Reason("genesis_invalid", 8, "The genesis contradicts itself or the rules.",
           "Mend what `what` names and sign anew."),
    Reason("clerk_key", 8, "The clerk's key is changed by the administrators alone.",
           "Let the administrators sign a set_clerk."),
    Reason("holder_unknown", 8, "There is no such holder that this can be done for.",
           "Check the id; a holder is registered or admitted first."),
    Reason("key_unknown", 8, "The holder has no such live key.", "Look at the holder's keys and name one that counts."),
    Reason("key_too_young", 8, "A key ends itself and younger ones only.",
           "Sign with the key to be ended or an older one; if all are lost, ask the administrators for a recovery."),
    Reason("recovery_pending", 8, "A recovery of this holder's keys is under way.",
           "Wait for its end, or let the holder veto it."),
    Reason("recovery_unknown", 8, "There is no such recovery under way.",
           "Look at the holder's recovery, and name its id and its key."),
    Reason("recovery_early", 8, "The recovery's day has not come.", "Complete it from the time in `due` on."),
    Reason("veto_spent", 8, "A barred key has delayed this recovery already.",
           "Only a live key of the holder can end it; ask the administrators."),
    Reason("key_used", 8, "This public key is registered in the ledger already.", "Make a new key."),
    Reason("keys_too_many", 8, "The holder has had as many keys as one can have.",
           "Rotate nothing more under this id; ask the administrators for a new one."),
    Reason("custodian_unknown", 8, "There is no such custodian.",
           "Register the custodian first, or admit the member with a key of its own."),
    Reason("payments_stopped", 8, "Payments of this account are stopped while its member's keys are being recovered.",
           "Wait for the recovery's end; if it is not wanted, veto it with a live key."),
    Reason("grant_exceeded", 8, "The payment goes beyond what the grant allows.",
           "Pay less, wait for the next day or month, or ask the member for a wider grant."),
    Reason("member_unknown", 8, "There is no such member.", "Check the id."),
    Reason("member_account_unknown", 8, "There is no such account of a member.", "Check the id."),
    Reason("same_account", 8, "Payer and payee are the same account.", "Name another payee."),
    Reason("payee_unknown", 8, "There is no such payee.", "Ask the payee for its account id."),
    Reason("once_used", 8, "This account has used the word in `once` before.",
           "If the earlier payment is this one, all is done; else choose another word."),
    Reason("superseded", 8, "Someone has changed this since the entry that the instruction names as `was`.",
           "Look at what stands now, and sign a new instruction if it is still wanted."),
    Reason("grant_invalid", 8, "The grant does not fit the ledger.", "Mend what `what` names."),
    Reason("administrators_invalid", 8, "The ledger could not be governed by these administrators.",
           "Mend what `what` names and sign anew."),
    Reason("facts_invalid", 8, "The facts contradict each other.", "Mend what `what` names."),
    Reason("class_unknown", 8, "The policy `limits` does not name this class, so nobody is admitted into it.",
           "Set the limits of the class first, or choose another class."),
    Reason("policy_invalid", 8, "This is no policy that the ledger knows.", "Mend what `what` names."),
    Reason("limits_invalid", 8, "These limits do not fit the ledger.", "Mend what `what` names."),
    Reason("already_logged", 8, "The instruction to be cancelled is in the log.",
           "It is final; ask the payee for a reversal."),
    Reason("auditor_unknown", 8, "There is no such auditor.",
           "Name a holder that is registered with the role auditor."),
    Reason("retention_unset", 8, "The ledger has no policy `retention`, so nothing can be erased.",
           "Let the administrators set how long instructions are kept."),
    Reason("entry_unknown", 8, "There is no entry of this log index, id and text.", "Check the three against the log."),
    Reason("entry_erased", 8, "The entry's note is erased already.", "Leave that entry out and sign anew."),
    Reason("entry_kept", 8, "An entry of this kind is never erased: others' proofs rest on it.",
           "Leave that entry out and sign anew."),
    Reason("entry_young", 8, "The entry is not yet as old as the policy `retention` asks.",
           "Sign anew once the time in `after` is over."),
    Reason("account_suspended", 8, "The paying account is suspended: it still receives, and pays nothing.",
           "Ask the administrators to reinstate it."),
    Reason("account_closed", 8, "The account is closed.", "Use another account."),
    Reason("credit_exceeded", 8, "The payment goes below the account's floor.",
           "Pay at most what is available, sell something first, or ask the administrators for a wider limit."),
    Reason("payee_cannot_receive", 8, "The payee cannot receive this payment.",
           "Pay less, in parts later, or ask the payee to spend first or to have its ceiling raised."),
)  # fmt: skip
BY_NAME = {reason.name: reason for reason in REASONS}


class Refusal(NamedTuple):
    """Why not. `details` are the figures compared, plain JSON values."""

    reason: str
    details: Mapping[str, Any] = {}

    @property
    def check(self) -> int:
        """Which of the checks 1 to 8 refused."""
        return BY_NAME[self.reason].check

    @property
    def message(self) -> str:
        """One sentence for a person."""
        return BY_NAME[self.reason].message

    @property
    def remedy(self) -> str:
        """One sentence on what would help."""
        return BY_NAME[self.reason].remedy


class Refused(Exception):
    """A refusal on its way to `machine.decide`."""

    def __init__(self, reason: str, **details: Any):
        super().__init__(reason, details)
        self.refusal = Refusal(reason, details)
        BY_NAME[reason]  # a reason without a row in the table is a defect
