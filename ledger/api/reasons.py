"""Every reason that an answer of this API can give, and its HTTP status: the one table, complete by test.

The reasons of the core are the ledger's own refusals (ledger/core/refusals.py); those of HTTP stand here. Names are
stable: integrators branch on them.
"""

from typing import NamedTuple

from ledger.core import refusals


class Reason(NamedTuple):
    """A named reason: its status, the sentence for a person, the sentence on what would help."""

    name: str
    status: int
    message: str
    remedy: str


# By the check that refuses. 400: not in the form that is asked for. 409: the id is taken. 422: understood, and refused.
STATUSES = {reason.name: {1: 400, 3: 409}.get(reason.check, 422) for reason in refusals.REASONS}

OF_HTTP = (
    Reason("bad_request", 400, "The request is not one that this server understands.",
           "Send it as HTTP/1.1 and docs/api.md ask."),
    Reason("query_invalid", 400, "The query is not one that this address understands.",
           "Give each parameter once, by its documented name and form; `details` names the place."),
    Reason("cursor_invalid", 400, "The cursor is not one that this query has given out.",
           "Pass `next` of the page before, with the same filters; without a cursor the pages start anew."),
    Reason("body_invalid", 400, "The body is not what this address takes.",
           "Mend what `details` names."),
    Reason("token_missing", 401, "This belongs to a member, and the request carries no token.",
           "Get a token at POST .../tokens and send it as `Authorization: Bearer TOKEN`."),
    Reason("token_invalid", 401, "The token is unknown, has expired or been ended, or its holder has no live key.",
           "Get a new token at POST .../tokens."),
    Reason("scope_missing", 403, "This needs a scope that the token does not have, or its holder may not have.",
           "Log in again, asking for the scope that `details` names, or for none in particular."),
    Reason("not_found", 404, "There is nothing here that you may see.",
           "Check the address and the id, and whose token it is."),
    Reason("method_not_allowed", 405, "This address does not take this method.", "Use one of those in `Allow`."),
    Reason("not_acceptable", 406, "This address has no answer in a media type that the request accepts.",
           "Accept the media type that `details` names."),
    Reason("erased", 410, "The instruction was logged, and its text has been erased since.",
           "What it did stands: see the movements; a receipt that was kept is good for ever."),
    Reason("too_large", 413, "The body is larger than this address takes.",
           "Send less at a time; `details` has the most in octets."),
    Reason("media_type_unsupported", 415, "This address does not take a body of this media type.",
           "Send one of those that `details` names, in UTF-8 and without a content coding."),
    Reason("nonce_used", 422, "This nonce has been used for a login before.", "Draw a new nonce and sign it."),
    Reason("too_many_requests", 429, "More requests came than this server takes from one side.",
           "Wait as long as `Retry-After` says; send many submissions in one body; read by token."),
    Reason("already_signed", 422, "This text is signed: it would be a live payment in every log on its way.",
           "Preview the text and its salted lines without the signature lines; to have it logged, submit it."),
    Reason("told_enough", 429, "Whether this payee can receive has been told as often as it is told in a day.",
           "Submit the payment, ask the payee, or try again after `Retry-After` seconds."),
    Reason("too_many_streams", 503, "As many streams are open as this server keeps.",
           "Close one that is not needed, or try again in a moment with the same `Last-Event-ID`."),
    Reason("unavailable", 503, "The ledger cannot answer now. Whether the instruction was logged is unknown.",
           "Ask for the outcome by its id, or send the very same text again, never one with a new id."),
    Reason("not_ready", 503, "The ledger is not ready.", "`details` says what is wrong; try again later."),
    Reason("defect", 500, "This program has failed at this request.",
           "Tell the operator the time. To know of an instruction, ask by its id or send the very same text again."),
)  # fmt: skip

REASONS: dict[str, Reason] = {
    reason.name: reason
    for reason in (
        *(Reason(of.name, STATUSES[of.name], of.message, of.remedy) for of in refusals.REASONS),
        *OF_HTTP,
    )
}
