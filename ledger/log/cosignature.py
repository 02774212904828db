"""Cosignatures (C2SP `tlog-cosignature`, Ed25519): a witness says what it saw of a log, and when.

What is signed is the text of a checkpoint below two lines more; the line stands among the checkpoint's signatures:

    cosignature/v1
    time 1795000256
    ledger.example/solana
    12
    Q1P6NUjVzV8EctB+fjRWDDThFByBWfmeLhfcHzr3S80=

    — witness.example/w1 base64(key ID || time, 8 octets big-endian || 64 octets of Ed25519)

The key's type is 0x04: by its ID no other signature of the same key can be taken for one.
"""

from collections.abc import Iterable

from ledger.log import keys, notes
from ledger.log.keys import COSIGNER
from ledger.log.malformed import Malformed
from ledger.log.notes import SignatureLine

LENGTH = 72  # octets of time and signature
TIME_MOST = 2**63 - 1


def message(text: bytes, time: int) -> bytes:
    """What is signed over a checkpoint's text at a time in Unix seconds."""
    return f"cosignature/v1\ntime {time}\n".encode() + text


def make(seed: bytes, name: str, text: bytes, time: int) -> str:
    """The line of a witness of this name on a checkpoint's text, without its line end. `time` in Unix seconds."""
    if not 0 <= time <= TIME_MOST:
        raise ValueError(f"not a time: {time}")
    key_id = keys.key_id(name, keys.public_of(seed), COSIGNER)
    return notes.format_line(name, key_id, time.to_bytes(8) + keys.sign(seed, message(text, time)))


def verify(line: SignatureLine, name: str, public: bytes, text: bytes) -> int:
    """The time, in Unix seconds, at which this witness signed the text; raises Malformed where the line is not that."""
    if not is_of(line, name, public):
        raise Malformed(f"a signature line of {line.name[:100]!r}, where one of {name!r} and its key belongs")
    time = int.from_bytes(line.signature[:8])
    if len(line.signature) != LENGTH or time > TIME_MOST:
        raise Malformed(f"a cosignature is a time and a signature, {LENGTH} octets")
    if not keys.verify(public, line.signature[8:], message(text, time)):
        raise Malformed(f"the cosignature is not one of {name!r} on this checkpoint")
    return time


def find(lines: Iterable[SignatureLine], name: str, public: bytes, text: bytes) -> int | None:
    """When this witness signed the text last, by these lines, or None if none is its. A line under its name and key ID
    that does not verify is no accident: raises Malformed."""
    times = [verify(line, name, public, text) for line in lines if is_of(line, name, public)]
    return max(times, default=None)


def is_of(line: SignatureLine, name: str, public: bytes) -> bool:
    """Whether a line says that it is this witness's."""
    return line.name == name and line.key_id == keys.key_id(name, public, COSIGNER)
