"""Verify one submission: its form (check 1), each signature line (check 2), what the log says to its anchor."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ledger.core.forms import BadForm
from ledger.core.keys import Signer
from ledger.core.machine import BY_KIND, FORMS, LEGS, Verified
from ledger.core.refusals import Refusal
from ledger.core.words import Anchor, HolderId
from ledger.log import instruction, keys, salted
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine

KeyOf = Callable[[HolderId, bytes], bytes | None]  # holder, key ID (4 octets) -> public key, live or not
RootAt = Callable[[int], bytes | None]  # log size -> root, or None where the log is shorter
Answer = Literal["true", "ahead", "wrong"]


class Prepared(NamedTuple):
    """A verified instruction and the octets that an entry keeps. `texts`: field and salted line of each free text."""

    instruction: Verified
    note: bytes
    note_hash: bytes
    legs: bytes | None
    texts: tuple[tuple[str, bytes], ...]


class Stored(NamedTuple):
    """What the octets that an entry keeps come to. The instruction has its anchor (a genesis has none) as true: whether
    it is so is left to those who have the log."""

    instruction: Verified
    anchor: Anchor | None
    note: bytes
    legs: bytes | None


class Unsigned(NamedTuple):
    """An instruction that nobody has signed yet, and the keys of holders that it registers."""

    instruction: Verified
    registers: frozenset[Signer]
    texts: tuple[tuple[str, bytes], ...]


def read_unsigned(octets: bytes, origin: str, root_at: RootAt) -> Unsigned | Refusal:
    """The instruction in a submission without its signature lines, or why it is none (check 1); raises Signed."""
    try:
        sent = instruction.parse_unsigned(octets)
        asked, envelope, _, texts, new = _read(sent, origin)
    except instruction.Signed:
        raise
    except (Malformed, BadForm) as error:
        return Refusal("malformed", {"what": str(error)})
    verified = _verified(sent, asked, envelope, _answer_anchor(envelope, root_at), frozenset())
    return Unsigned(verified, frozenset(new), texts)


def verify(octets: bytes, origin: str, key_of: KeyOf, root_at: RootAt) -> Prepared | Refusal:
    """The instruction in a submission to the ledger of this origin, or why it is none (checks 1 and 2).

    An anchor that is ahead or wrong is noted, not refused: the checks 3 to 5 come before it.
    """
    found = _verify(octets, origin, key_of)
    if isinstance(found, Refusal):
        return found
    sent, asked, envelope, legs, texts, signers = found
    verified = _verified(sent, asked, envelope, _answer_anchor(envelope, root_at), signers)
    return Prepared(verified, sent.note, hashlib.sha256(sent.note).digest(), legs, texts)


def verify_stored(octets: bytes, origin: str, key_of: KeyOf) -> Stored | Refusal:
    """The same as an entry keeps it: with its legs and without its free texts, which anyone may have lost."""
    found = _verify(octets, origin, key_of, without_texts=True)
    if isinstance(found, Refusal):
        return found
    sent, asked, envelope, legs, _, signers = found
    verified = _verified(sent, asked, envelope, "true", signers)
    return Stored(verified, getattr(envelope, "anchor", None), sent.note, legs)


def _verify(octets: bytes, origin: str, key_of: KeyOf, without_texts: bool = False) -> tuple[Any, ...] | Refusal:
    """The parts of a submission, its form, envelope, legs and free texts, and who signed it."""
    try:
        sent = instruction.parse(octets)
        asked, envelope, legs, texts, new = _read(sent, origin, without_texts)
    except (Malformed, BadForm) as error:
        return Refusal("malformed", {"what": str(error)})
    signers = _verify_signatures(sent, new, key_of)
    return signers if isinstance(signers, Refusal) else (sent, asked, envelope, legs, texts, signers)


def _read(sent: instruction.Submission, origin: str, without_texts: bool = False) -> tuple[Any, ...]:
    """What check 1 asks of the object, the salted lines and the keys: the form, its envelope, legs, free texts, and
    the keys of holders that the text registers."""
    asked, envelope = _read_object(sent, origin)
    asked, legs, texts = _read_salted(sent, asked, without_texts)
    new = BY_KIND[sent.kind].registers(asked, envelope.id)
    _check_keys(BY_KIND[sent.kind].publics(asked))
    return asked, envelope, legs, texts, new


def _verified(
    sent: instruction.Submission, asked: Any, envelope: Any, anchor: Answer, signers: frozenset[Signer]
) -> Verified:
    text_hash = hashlib.sha256(sent.text).digest()
    return Verified(sent.kind, asked, envelope.id, envelope.not_after, anchor, text_hash, signers)


def _read_object(sent: instruction.Submission, origin: str) -> tuple[Any, Any]:
    if sent.kind not in FORMS:
        raise Malformed(f"unknown kind {sent.kind!r}")
    if sent.origin != origin:
        raise Malformed(f"the origin is {sent.origin!r}, and this ledger's is {origin!r}")
    asked, envelope = FORMS[sent.kind].read(sent.object)
    if sent.kind == "genesis" and asked.origin != origin:
        raise Malformed("origin: the object and the line above it name two")
    return asked, envelope


def _read_salted(
    sent: instruction.Submission, asked: Any, without_texts: bool
) -> tuple[Any, bytes | None, tuple[tuple[str, bytes], ...]]:
    """The legs put into the form, and the free texts by field; the lines must be exactly those that the text names."""
    texts_of = () if without_texts else FORMS[sent.kind].texts()
    fields = [(name, asked[place]) for name, place in texts_of if asked[place] is not None]
    count = asked.legs.number if sent.kind in LEGS else 0
    if len(sent.salted) != count + len(fields):
        raise Malformed(f"salted lines: {count + len(fields)} are named by the text, {len(sent.salted)} came with it")
    legs, lines = sent.salted[:count], sent.salted[count:]
    texts = tuple(_read_text(name, root, line) for (name, root), line in zip(fields, lines, strict=True))
    if not count:
        return asked, None, texts
    return asked._replace(legs=_read_legs(sent.kind, asked.legs, legs)), b"\n".join(legs), texts


def _read_text(name: str, root: bytes, line: bytes) -> tuple[str, bytes]:
    salted.parse_free_text(line)
    if salted.root([line]) != root:
        raise Malformed(f"{name}: the free text's line does not match its hash")
    return name, line


def _read_legs(kind: str, signed: Any, lines: Sequence[bytes]) -> Any:
    if salted.root(lines) != signed.root:
        raise Malformed("legs: the salted lines do not match their root")
    read = LEGS[kind].read
    return signed._replace(items=tuple(read(salted.split(line)[1])[0] for line in lines))


def _check_keys(publics: Sequence[bytes]) -> None:
    for public in publics:
        if not keys.registrable(public):
            raise Malformed("key: not a point that an Ed25519 key may be (docs/formats.md, Ed25519)")


def _verify_signatures(
    sent: instruction.Submission, new: frozenset[Signer], key_of: KeyOf
) -> frozenset[Signer] | Refusal:
    signers = []
    for line in sent.signatures:
        holder = HolderId(bytes.fromhex(line.name[-32:]))
        public = (_key_of_text(line, holder, new) if new else None) or key_of(holder, line.key_id)
        if public is None or not keys.verify(public, line.signature, sent.text):
            return Refusal("signature_invalid", {"name": line.name})
        signers.append(Signer(holder, public))
    return frozenset(signers)


def _key_of_text(line: SignatureLine, holder: HolderId, new: frozenset[Signer]) -> bytes | None:
    """The key that the text itself registers for this holder, if its ID is the line's."""
    for signer in new:
        if signer.holder == holder and keys.key_id(line.name, signer.public) == line.key_id:
            return signer.public
    return None


def _answer_anchor(envelope: Any, root_at: RootAt) -> Answer:
    anchor = getattr(envelope, "anchor", None)
    if anchor is None:
        return "true"
    root = root_at(anchor.size)
    return "ahead" if root is None else "true" if root == anchor.root else "wrong"
