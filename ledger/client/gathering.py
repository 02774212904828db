"""Gather signatures: an instruction's text on its way from one signer to the next, as a file.

    text LF [signature-lines] [LF salted-lines]

It is a submission (docs/formats.md) whose signature lines may still be missing; with all of them it is one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ledger.client.writing import Draft, Seed, signature_line
from ledger.core.machine import BY_KIND, FORMS
from ledger.core.words import HolderId, InstructionId
from ledger.log import instruction, keys, notes
from ledger.log.malformed import Malformed


class Gathering(NamedTuple):
    """A text, the signature lines that it has so far, and its salted lines."""

    text: bytes
    lines: tuple[str, ...]
    salted: tuple[bytes, ...]

    @property
    def octets(self) -> bytes:
        """The file: a submission, once a line is there."""
        if self.lines:
            return instruction.submission(instruction.note(self.text, self.lines), self.salted)
        return self.text + (b"\n" + b"\n".join(self.salted) + b"\n" if self.salted else b"")

    @property
    def kind(self) -> str:
        """The kind of instruction."""
        return self.text.split(b"\n", 1)[0].decode().rpartition(" ")[2]

    @property
    def origin(self) -> str:
        """The ledger that it is for."""
        return self.text.split(b"\n", 2)[1].decode()

    @property
    def holders(self) -> frozenset[bytes]:
        """The holders whose lines are there. Whether the signatures count is for whoever verifies."""
        return frozenset(bytes.fromhex(notes.parse_line(line).name[-32:]) for line in self.lines)

    def has_line_of(self, holder: bytes, public: bytes | None = None, but: bytes | None = None) -> bool:
        """Whether a line of this holder is there: by this key, or by any `but` one."""
        name = f"{self.origin}/{holder.hex()}"
        ids = {parsed.key_id for line in self.lines if (parsed := notes.parse_line(line)).name == name}
        wanted = ids - {keys.key_id(name, but)} if but else ids
        return bool(wanted) if public is None else keys.key_id(name, public) in ids

    def read(self) -> tuple[Any, Any]:
        """What is asked, and its envelope; raises Malformed for an unknown kind and BadForm for another form."""
        if self.kind not in FORMS:
            raise Malformed(f"unknown kind {self.kind!r}")
        return FORMS[self.kind].read(self.text.split(b"\n")[2])

    def signed(self, signers: Iterable[tuple[HolderId, Seed]]) -> "Gathering":
        """With the lines of these holders; a line that is there already stands."""
        fresh = [signature_line(self.text, holder, seed) for holder, seed in signers]
        return self._replace(lines=_distinct([*self.lines, *fresh]))

    def registers(self) -> dict[bytes, HolderId]:
        """The holders whose keys this text makes live, by their public keys: each signs with its own."""
        asked, envelope = self.read()
        new = BY_KIND[self.kind].registers(asked, InstructionId(envelope.id))
        return {signer.public: signer.holder for signer in new}


def of_draft(draft: Draft) -> Gathering:
    """A text that nobody has signed yet."""
    return Gathering(draft.text, (), draft.salted)


def parse(octets: bytes) -> Gathering:
    """The gathering in a file; raises Malformed."""
    notes.check_octets(octets)
    parts = octets.split(b"\n\n")
    signed = len(parts) > 1 and parts[1].startswith("— ".encode())
    if not octets.endswith(b"\n") or not octets.startswith(instruction.INSTRUCTION.encode() + b" "):
        raise Malformed("not an instruction: it begins with comarca/instruction@v1 and a kind, and ends with LF")
    if signed:
        sent = instruction.parse(octets)
        lines = sent.note[len(sent.text) + 1 : -1].decode().split("\n")
        return Gathering(sent.text, tuple(lines), sent.salted)
    return _unsigned(parts)


def _unsigned(parts: list[bytes]) -> Gathering:
    if len(parts) > 2:
        raise Malformed("an unsigned instruction is a text, and salted lines after an empty line")
    text = parts[0] if len(parts) == 1 else parts[0] + b"\n"
    if text.count(b"\n") != 3 or not text.isascii():
        raise Malformed("the text is three lines of ASCII: context and kind, origin, object")
    instruction.check_origin(text.split(b"\n")[1].decode())
    return Gathering(text, (), tuple(parts[1][:-1].split(b"\n")) if len(parts) == 2 else ())


def merge(papers: Sequence[Gathering]) -> Gathering:
    """One text with the lines of all; raises Malformed where they are not copies of one text."""
    first = papers[0]
    if any((other.text, other.salted) != (first.text, first.salted) for other in papers):
        raise Malformed("the files are not copies of one instruction")
    return first._replace(lines=_distinct(line for paper in papers for line in paper.lines))


def _distinct(lines: Iterable[str]) -> tuple[str, ...]:
    """One line a key, the first that was there: not every signer signs twice alike."""
    kept: dict[tuple[str, bytes], str] = {}
    for line in lines:
        parsed = notes.parse_line(line)
        kept.setdefault((parsed.name, parsed.key_id), line)
    return tuple(sorted(kept.values(), key=str.encode))
