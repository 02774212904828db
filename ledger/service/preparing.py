"""Prepare: what somebody wants, in plain values, becomes the exact text to sign.

A client in any language then needs Ed25519 and base64, nothing else: it compares kind, origin and each field that it
asked for, signs, and sends. Nothing is kept here: ids and salts are fresh, and what is never signed never was.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from ledger.ambient.ids import new_id
from ledger.core.forms import BadForm, bad, base64
from ledger.core.machine import BY_KIND, DAY, FORMS, KINDS, LEGS, MONTH, Envelope
from ledger.core.refusals import Refusal
from ledger.core.words import Anchor, Count, InstructionId
from ledger.intake.submission import read_unsigned
from ledger.log import instruction, salted
from ledger.log.malformed import Malformed
from ledger.service.wording import Terms, words

PREPARED = tuple(kind.name for kind in KINDS if kind.name != "genesis")  # a ledger that is served has its genesis
# How long an instruction can be accepted where nobody says: a payment is made now, administrators gather signatures.
VALID_S = {DAY: 600, MONTH: 604_800}
LEGS_MOST = get_args(Count)[1].most


class Ask(NamedTuple):
    """What is wanted. `fields` as in the signed object, but free texts as themselves and legs as objects; `valid_s`
    is for how many seconds from now it can be accepted; `id` is drawn where none is given."""

    kind: str
    fields: Mapping[str, Any]
    valid_s: int | None = None
    id: bytes | None = None


class Around(NamedTuple):
    """Where it is wanted: the ledger's origin and terms, a log size and root, the time in Unix seconds."""

    origin: str
    terms: Terms
    anchor: Anchor
    now: int


class Draft(NamedTuple):
    """The text to sign, its salted lines in order, what stands in it, and in words what signing it will do."""

    kind: str
    id: bytes
    not_after: int
    anchor: Anchor
    text: bytes
    salted: tuple[bytes, ...]
    words: list[str]


def prepare(ask: Ask, around: Around, salt: Callable[[int], bytes] = os.urandom) -> Draft:
    """The draft of what is asked; raises BadForm, which names the field."""
    id, not_after = ask.id or new_id(), around.now + _valid_s(ask)
    try:
        lines, hashed = _salted_lines(ask, salt)
    except Malformed as error:
        raise BadForm(str(error)) from error
    envelope = Envelope(InstructionId(id), not_after, around.anchor)
    text = _text(ask.kind, around.origin, {**_own_fields(ask), **hashed}, envelope)
    read = read_unsigned(instruction.unsigned(text, lines), around.origin, lambda size: around.anchor.root)
    if isinstance(read, Refusal):  # what intake alone looks at: whether a key may be one, how long all is
        raise BadForm(read.details["what"])
    said = words(around.terms, read.instruction, read.texts)
    return Draft(ask.kind, id, not_after, around.anchor, text, tuple(lines), said)


def window(kind: str) -> int:
    """For how many seconds at most an instruction of this kind can be accepted."""
    return BY_KIND[kind].window


def _valid_s(ask: Ask) -> int:
    most = window(ask.kind)
    if ask.valid_s is None:
        return VALID_S[most]
    if not 1 <= ask.valid_s <= most:
        raise bad("valid_s", f"from 1 to {most} seconds for this kind")
    return ask.valid_s


def _own_fields(ask: Ask) -> Mapping[str, Any]:
    for field in FORMS[ask.kind].envelope_fields:
        if field.name in ask.fields:
            raise bad(f"fields.{field.name}", "is filled in here")
    return ask.fields


def _salted_lines(ask: Ask, salt: Callable[[int], bytes]) -> tuple[list[bytes], dict[str, Any]]:
    """The lines of legs and free texts, and what stands in the object in their place."""
    lines = _legs(ask, salt) if ask.kind in LEGS else []
    hashed: dict[str, Any] = {"legs": [len(lines), base64(salted.root(lines))]} if lines else {}
    for field, _ in FORMS[ask.kind].texts():
        if field in ask.fields:
            if type(ask.fields[field]) is not str:
                raise bad(f"fields.{field}", "a text")
            line = salted.free_text(salt(16), ask.fields[field])
            lines.append(line)
            hashed[field] = base64(salted.root([line]))
    return lines, hashed


def _legs(ask: Ask, salt: Callable[[int], bytes]) -> list[bytes]:
    legs, form = ask.fields.get("legs"), LEGS[ask.kind]
    if type(legs) is not list or not 1 <= len(legs) <= LEGS_MOST:
        raise bad("fields.legs", f"an array of 1 to {LEGS_MOST} legs")
    read = [form.read_at(leg, f"fields.legs.{n}") for n, leg in enumerate(legs)]
    return [salted.line(salt(16), form.text(leg).encode()) for leg in read]


def _text(kind: str, origin: str, own: Mapping[str, Any], envelope: Envelope) -> bytes:
    """The signed text of plain values, read strictly by the kind's own form."""
    form = FORMS[kind]
    anchor = [envelope.anchor.size, base64(envelope.anchor.root)]
    around = {"id": envelope.id.hex(), "not_after": envelope.not_after, "anchor": anchor}
    asked = form.read_at({**own, **around}, "fields")
    return instruction.text(kind, origin, form.text(asked, envelope).encode())
