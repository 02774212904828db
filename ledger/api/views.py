"""The routes: each reads its request, asks the storeys below, and writes the answer. Decisions are not made here."""

import json
from typing import Any

from flask import Response, request

from ledger.api import access, cursors, schemas, strings
from ledger.api.edge import (
    JSON,
    TEXT,
    Routes,
    body,
    body_type,
    json_response,
    produces,
    public,
    takes_query,
)
from ledger.api.problems import Problem
from ledger.api.served import Served, all_served, served
from ledger.api.submitting import MANY, MANY_MOST, SUBMISSION_MOST, submit_many, submit_one
from ledger.log import entry as entries
from ledger.log import keys, proof
from ledger.log.instruction import SALTED_MOST, salted_count
from ledger.service.own_data import left_of
from ledger.service.receipts import Wanted
from ledger.store import queries
from ledger.store.errors import StoreError, Unavailable
from ledger.store.logins import Reader
from ledger.store.queries import Info, Place, PublicEntry

NOTE = {"schema": {"type": "string"}}

health = Routes("health", __name__, url_prefix="/health", description="For the operator")
log = Routes("log", __name__, description="The public log")
ledgers = Routes("ledgers", __name__, url_prefix="/v1/ledgers", description="The ledgers served here")
ALL = (health, ledgers, log)
"""The blueprints of this API."""


# --- health


@health.route("/live", methods=["GET"])
@health.response(200, schemas.Health)
def live() -> dict[str, Any]:
    """Whether the process answers at all."""
    return {"status": "ok"}


@health.route("/ready", methods=["GET"])
@health.response(200, schemas.Health)
def ready() -> dict[str, Any]:
    """Whether every ledger takes instructions; if not, in words why."""
    words = {one.name: _trouble(one) for one in all_served()}
    wrong = {name: what for name, what in words.items() if what}
    if wrong or not words:
        raise Problem("not_ready", {"Retry-After": "5"}, ledgers=wrong or "none is served")
    return {"status": "ok", "ledgers": dict.fromkeys(words, "ok")}


def _trouble(one: Served) -> str | None:
    try:
        return one.trouble(ask=True)
    except (Unavailable, StoreError):
        return "the database does not answer"


# --- ledgers


@ledgers.route("", methods=["GET"])
@ledgers.response(200, schemas.LedgerPage)
def list_ledgers() -> Response:
    """The ledgers served here."""
    found = [_described(one, schemas.LedgerBrief()) for one in all_served()]
    return public(json_response(schemas.page(found, None)))


@ledgers.route("/<ledger:ledger>", methods=["GET"])
@ledgers.response(200, schemas.Ledger)
def show_ledger(ledger: str) -> Response:
    """What a ledger's genesis fixed, the policies in force, its keys and its size."""
    return public(json_response(_described(served(ledger), schemas.Ledger())))


def _described(one: Served, schema: schemas.LedgerBrief) -> dict[str, Any]:
    info = queries.info(one.store, one.ledger_id)
    if info is None:
        raise Unavailable("the genesis is not logged yet")
    described: dict[str, Any] = schema.dump(_facts(info))
    return described


def _facts(info: Info) -> dict[str, Any]:
    """What is public of a ledger, its lists and maps as they were signed."""
    head, ledger = info.head, info.ledger
    written = ("parity", "territory", "administrators", "authority", "common", "predecessor")
    plain = {name: json.loads(text) if (text := getattr(ledger, name)) else None for name in written}
    facts = {**head._asdict(), **ledger._asdict(), **plain, "log_size": head.size}
    facts["unit"], facts["pilot"] = facts, bool(ledger.pilot)
    facts["verifier_keys"] = [keys.vkey(head.origin, ledger.operator)]
    facts["policies"] = {policy.feature: {"body": json.loads(policy.body), "since": policy.since}
                         for policy in info.policies}  # fmt: skip
    return facts


# --- instructions


@ledgers.route("/<ledger:ledger>/instructions", methods=["POST"])
@ledgers.doc(requestBody={"required": True, "content": {
    TEXT: NOTE, JSON: {"schema": {"$ref": "#/components/schemas/Submissions"}}}})  # fmt: skip
@ledgers.response(201, schemas.Receipt, description="Accepted now (text/plain)")
@ledgers.alt_response(200, schema=schemas.Outcomes, description="Many: one outcome each (application/json). "
                      "One (text/plain): the receipt, as the same text was accepted before")  # fmt: skip
def submit(ledger: str) -> Response:
    """Submit one signed instruction as text/plain, or many as application/json; each gets its own outcome."""
    one = served(ledger)
    if body_type(TEXT, JSON) == JSON:
        return json_response({"outcomes": submit_many(one, _submissions())})
    answer = submit_one(one, body(SUBMISSION_MOST))
    response = json_response(answer.receipt, answer.status)
    if answer.status == 201:
        response.headers["Location"] = f"{request.path}/{answer.id.hex()}"
    return response


def _submissions() -> list[str]:
    try:
        found = strings.read(body(MANY_MOST).decode("utf-8"), "instructions", MANY)
    except ValueError as error:
        what = f'{{"instructions": [submission, ...]}}, from 1 to {MANY}: {error}'
        raise Problem("body_invalid", what=what) from error
    if not found:
        raise Problem("body_invalid", what=f"instructions: from 1 to {MANY}")
    if sum(salted_count(item.encode("utf-8", "surrogatepass")) for item in found) > SALTED_MOST:
        raise Problem("too_large", most_salted_lines=SALTED_MOST)
    return found


@ledgers.route("/<ledger:ledger>/instructions/<id:id>", methods=["GET"])
@ledgers.doc(security=[{"token": []}])
@ledgers.response(200, schemas.Receipt)
def show_outcome(ledger: str, id: bytes) -> Response:
    """The receipt of an instruction, for those who signed it and those whom it names; for auditors that of any, without
    free texts."""
    one = served(ledger)
    reader = access.reader(one)
    log_index = queries.index_of(one.store, one.ledger_id, id)
    receipt = None if log_index is None else _receipt(one, log_index, reader)
    if receipt is None:
        raise _not_shown(one, log_index, reader)
    return json_response(receipt)


def _not_shown(one: Served, log_index: int | None, reader: Reader) -> Problem:
    """Why there is no receipt: nothing there that the reader may see, or what there was has been erased."""
    whose = None if reader.reads_all else reader.holder
    left = left_of(one.store, one.ledger_id, log_index, whose) if log_index is not None else None
    if left is None:
        return Problem("not_found")
    return Problem("erased", log_index=log_index, kind=left.erasure.kind, erased_by=left.erasure.erased_by)


def _receipt(one: Served, log_index: int, reader: Reader) -> dict[str, Any] | None:
    size, note = one.covering(log_index)
    if log_index >= size:
        raise Unavailable("logged, but not signed yet")
    return one.receipts.of([Wanted(log_index, [reader.holder], whole=reader.is_auditor)], note)[0]


# --- entries


@ledgers.route("/<ledger:ledger>/entries/<index:log_index>", methods=["GET"])
@ledgers.doc(security=[{}, {"token": []}])
@ledgers.response(200, schemas.Entry)
def show_entry(ledger: str, log_index: int) -> Response:
    """An entry's public lines and their proof; to a party, by its token, what is its own as well."""
    one = served(ledger)
    reader = access.reader_if_any(one)
    size, note = one.covering(log_index)
    found = queries.public_entry(one.store, one.ledger_id, log_index, size)
    if found is None:
        raise Problem("not_found")
    shown = _public(found, note)
    if reader is None:
        return public(json_response(shown))
    if receipt := _receipt(one, log_index, reader):
        shown["receipt"] = receipt
    return json_response(shown)


@ledgers.route("/<ledger:ledger>/entries", methods=["GET"])
@ledgers.arguments(schemas.EntriesQuery, location="query")
@ledgers.response(200, schemas.EntryPage)
@takes_query
def list_entries(asked: dict[str, Any], ledger: str) -> Response:
    """The public lines of entries, in log order, as far as a checkpoint is signed over them."""
    one = served(ledger)
    query = ("entries", one.origin, asked["start"])
    after = cursors.decode(asked["cursor"], query).log_index + 1 if "cursor" in asked else 0
    size, _ = one.checkpoint()
    start, limit = max(asked["start"], after), asked["limit"]
    found = queries.public_lines(one.store, one.ledger_id, start, min(start + limit, size))
    following = cursors.encode(Place(found[-1].log_index, 0), query) if found and start + limit < size else None
    items = [{"log_index": line.log_index, "entry": entries.encode(*line[1:]).decode()} for line in found]
    return public(json_response(schemas.page(items, following)))


def _public(found: PublicEntry, note: bytes) -> dict[str, Any]:
    text = entries.encode(found.time, found.note_hash, found.events_root)
    shown: dict[str, Any] = {
        "log_index": found.log_index,
        "entry": text.decode(),
        "proof": proof.format(found.log_index, list(found.path), note).decode(),
    }
    if found.note is not None:
        shown |= {"note": found.note.decode(), "events": [line.decode() for line in found.events]}
    return shown


@log.route("/<ledger:ledger>/checkpoint", methods=["GET"])
@log.response(200, NOTE["schema"], content_type=TEXT, description="A C2SP tlog-checkpoint")
@produces(TEXT)
def show_checkpoint(ledger: str) -> Response:
    """The latest signed checkpoint; where witnesses are asked, the latest that enough of them have cosigned."""
    _, note = served(ledger).published()
    return public(Response(note, content_type=f"{TEXT}; charset=utf-8"))
