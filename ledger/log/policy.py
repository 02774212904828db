"""Policies (C2SP `tlog-policy`): whose checkpoint counts, and how many witnesses must have cosigned it.

    # lines of comment, and empty ones, say nothing
    log ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop
    witness north witness.example/w1+5150dc95+BGEKUx01V22AYpidD8YBNNAn+y504VVMkHIQ5tuhnUyk https://witness.example
    witness south ...
    group both all north south
    quorum both

Names are octets and mean nothing outside of the text. A group or the quorum names what stands above it. Keys are of
Ed25519 alone: type 0x01 of logs, 0x04 of witnesses; a text with another key is refused, not read in part.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from ledger.log import checkpoint, cosignature, keys
from ledger.log.checkpoint import Checkpoint
from ledger.log.keys import COSIGNER, ED25519
from ledger.log.malformed import Malformed

MOST = 100_000  # octets: some hundred lines
LEAST = re.compile(rb"[1-9][0-9]{0,5}")
SPACE = b" \t"
NONE = b"none"
ALLOWED = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])  # octets of a line


class Log(NamedTuple):
    """A log whose checkpoints count. The URL is empty where none is said."""

    origin: str
    public: bytes
    url: str


class Witness(NamedTuple):
    """A witness: its name in the policy, its key's name, its key, and where to ask it (empty where none is said)."""

    name: str
    key_name: str
    public: bytes
    url: str


class Group(NamedTuple):
    """Counts as having witnessed where at least so many members have."""

    name: bytes
    least: int
    members: tuple[bytes, ...]


class Verified(NamedTuple):
    """A checkpoint that meets a policy, and when which of its witnesses signed it (Unix seconds, by their names)."""

    checkpoint: Checkpoint
    cosigned: dict[str, int]


class Policy(NamedTuple):
    """What a text says. `quorum` is the name of a witness or group, or `none`."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses, by their names, are a quorum."""
        met = {_octets(name) for name in cosigned} | {NONE}
        for group in self.groups:  # members stand above their groups
            if sum(member in met for member in group.members) >= group.least:
                met.add(group.name)
        return self.quorum in met

    def cosigned(self, signed: Checkpoint) -> dict[str, int]:
        """When which witnesses, by their names, cosigned a checkpoint; raises Malformed on a forged line."""
        times = {
            witness.name: cosignature.find(signed.signatures, witness.key_name, witness.public, signed.text)
            for witness in self.witnesses
        }
        return {name: time for name, time in times.items() if time is not None}


def parse(octets: bytes) -> Policy:
    """The policy that a text says; raises Malformed, which names the line."""
    if len(octets) > MOST or not octets.endswith(b"\n"):
        raise Malformed(f"a policy is at most {MOST} octets of lines, each with its line end, the last one too")
    reading = _Reading()
    for number, line in enumerate(octets.split(b"\n")[:-1], 1):
        try:
            reading.read(line)
        except Malformed as error:
            raise Malformed(f"line {number} of the policy: {error}") from error
    return reading.end()


def verify(policy: Policy, note: bytes) -> Verified:
    """The checkpoint, if a log of the policy signed it and a quorum of its witnesses cosigned it; raises Malformed. Any
    origin counts, signed by whom it may be, where the policy names no log: then the caller must know the log."""
    signed = checkpoint.parse(note)
    if policy.logs:
        _check_log(policy, note, signed)
    cosigned = policy.cosigned(signed)
    if not policy.is_met(cosigned):
        by = f"by {', '.join(cosigned)} alone" if cosigned else "by none of the policy's witnesses"
        raise Malformed(f"the checkpoint of {signed.size} entries is cosigned {by}, which does not meet "
                        f"the quorum {_text(policy.quorum)}")  # fmt: skip
    return Verified(signed, cosigned)


def _check_log(policy: Policy, note: bytes, signed: Checkpoint) -> None:
    trouble = Malformed(f"a checkpoint of {signed.origin[:100]!r}, which is no log of the policy")
    for log in policy.logs:
        if log.origin == signed.origin:
            try:
                checkpoint.verify(note, log.origin, log.public)
                return
            except Malformed as error:
                trouble = Malformed(f"{error} that the policy names; a former or new key has a log line of its own")
    raise trouble


class _Reading:
    """A policy as it stands after the lines read so far."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: bytes | None = None
        self._defined: set[bytes] = set()
        self._members: set[bytes] = set()  # of any group: each name adds to one alone

    def read(self, line: bytes) -> None:
        if line.translate(None, ALLOWED):
            raise Malformed("a control character; lines end with LF alone")
        word, *rest = re.split(rb"[ \t]+", line.strip(SPACE))
        if not word or word.startswith(b"#"):
            return
        says = {b"log": self._log, b"witness": self._witness, b"group": self._group, b"quorum": self._quorum_is}
        if word not in says:
            raise Malformed(f"begins with {_text(word[:20])!r}, where log, witness, group or quorum belongs")
        says[word](rest)

    def end(self) -> Policy:
        if self._quorum is None:
            raise Malformed("the policy has no quorum line; `quorum none` asks for no witness")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _log(self, words: list[bytes]) -> None:
        if not 1 <= len(words) <= 2:
            raise Malformed("log VERIFIERKEY [URL]")
        origin, public = _key(words[0], ED25519)
        if any(log.public == public for log in self._logs):
            raise Malformed("the key of a log that is there already")
        self._logs.append(Log(origin, public, _text(b"".join(words[1:]))))

    def _witness(self, words: list[bytes]) -> None:
        if not 2 <= len(words) <= 3:
            raise Malformed("witness NAME VERIFIERKEY [URL]")
        key_name, public = _key(words[1], COSIGNER)
        if any(witness.public == public for witness in self._witnesses):
            raise Malformed("the key of a witness that is there already")
        self._define(words[0])
        self._witnesses.append(Witness(_text(words[0]), key_name, public, _text(b"".join(words[2:]))))

    def _group(self, words: list[bytes]) -> None:
        if len(words) < 3:
            raise Malformed("group NAME all|any|NUMBER MEMBER...")
        name, least, *members = words
        for member in members:
            self._take(member)
        self._define(name)
        self._groups.append(Group(name, _least(least, len(members)), tuple(members)))

    def _quorum_is(self, words: list[bytes]) -> None:
        if len(words) != 1:
            raise Malformed("quorum NAME")
        if self._quorum is not None:
            raise Malformed("a second quorum line")
        if words[0] not in self._defined | {NONE}:
            raise Malformed(f"no witness or group {_text(words[0])!r} stands above")
        self._quorum = words[0]

    def _define(self, name: bytes) -> None:
        if name in self._defined | {NONE}:
            raise Malformed(f"the name {_text(name)!r} is taken")
        self._defined.add(name)

    def _take(self, member: bytes) -> None:
        if member not in self._defined:
            raise Malformed(f"no witness or group {_text(member)!r} stands above")
        if member in self._members:
            raise Malformed(f"{_text(member)!r} is in a group already, and would count twice")
        self._members.add(member)


def _least(word: bytes, members: int) -> int:
    if word in (b"all", b"any"):
        return members if word == b"all" else 1
    if not LEAST.fullmatch(word) or int(word) > members:
        raise Malformed(f"all, any, or a number from 1 to the {members} members belongs before them")
    return int(word)


def _key(word: bytes, type_: bytes) -> tuple[str, bytes]:
    try:
        name, public = keys.parse_vkey(word.decode(), type_)
    except UnicodeDecodeError as error:
        raise Malformed("a verifier key is not UTF-8") from error
    if not keys.registrable(public):
        raise Malformed("the verifier key's octets are no key that could sign safely")
    return name, public


def _text(octets: bytes) -> str:
    """Octets as a string that stands for them alone."""
    return octets.decode(errors="surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
