"""Write an instruction's text and sign it: the inverse of intake.

draft = write("transfer", Transfer(payer, payee, 3430), origin=..., anchor=..., id=..., not_after=...,
              texts={"memo": "rent of May"}, salt=os.urandom)
octets = draft.signed([(holder, seed)])
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.core.machine import FORMS, LEGS, Envelope, GenesisEnvelope
from ledger.core.words import Anchor, HolderId, InstructionId, Legs
from ledger.log import instruction, keys, notes, salted

Seed = bytes  # the 32 octets that an Ed25519 key pair is made from (RFC 8032 section 5.1.5)


class Draft(NamedTuple):
    """An unsigned text and the salted lines that go with it."""

    id: InstructionId
    text: bytes
    salted: tuple[bytes, ...]

    def signed(self, signers: Iterable[tuple[HolderId, Seed]]) -> bytes:
        """The submission, signed by these holders."""
        lines = [signature_line(self.text, holder, seed) for holder, seed in signers]
        return instruction.submission(instruction.note(self.text, lines), self.salted)


def signature_line(text: bytes, holder: HolderId, seed: Seed) -> str:
    """The line of one holder under a text."""
    origin = text.split(b"\n", 2)[1].decode()
    name = f"{origin}/{holder.hex()}"
    public = keys.public_of(seed)
    return notes.format_line(name, keys.key_id(name, public), keys.sign(seed, text))


def write(
    kind: str,
    asked: Any,
    *,
    origin: str,
    id: InstructionId,
    not_after: int,
    anchor: Anchor | None,
    texts: Mapping[str, str] | None = None,
    legs: Sequence[Any] = (),
    salt: Callable[[int], bytes] = os.urandom,
) -> Draft:
    """The text of an instruction. `texts` are its free texts by field, `legs` the things it acts on; their hashes
    take the place of what `asked` has there. `anchor` is None for a genesis alone. Raises KeyError for an unknown
    kind or field."""
    lines = [salted.line(salt(16), LEGS[kind].text(leg).encode()) for leg in legs]
    if lines:
        asked = asked._replace(legs=Legs(len(lines), salted.root(lines)))
    for field in sorted(texts or {}):
        line = salted.free_text(salt(16), (texts or {})[field])
        asked = asked._replace(**{field: salted.root([line])})
        lines.append(line)
    envelope = Envelope(id, not_after, anchor) if anchor else GenesisEnvelope(id, not_after)
    text = instruction.text(kind, origin, FORMS[kind].text(asked, envelope).encode())
    return Draft(id, text, tuple(lines))
