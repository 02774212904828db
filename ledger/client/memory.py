"""A holder's own memory of a ledger: the last checkpoint that it has proved, in a small file, and evidence beside it.

    {"comarca_memory": 1, "origin", "identity", "size", "root", "checkpoint"}

The file is replaced whole or not at all. It begins with what the statutes print: the log of one entry, whose root is
the identity. Several threads and processes may share it.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ledger.client.admitting import Ledger
from ledger.core.words import Anchor
from ledger.log import base64s
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import create_file, replace_file

VERSION = 1


class MemoryFileError(Exception):
    """The file cannot be used; the message names it and says what to do."""


class Seen(NamedTuple):
    """A log as it was once shown and proved: size, root, signed checkpoint (empty where it is the identity)."""

    size: int
    root: bytes
    checkpoint: bytes

    @property
    def anchor(self) -> Anchor:
        """What instructions are signed on top of."""
        return Anchor(self.size, self.root)


class Memory:
    """The memory at `path`, which need not be there yet. Raises MemoryFileError where it is none of this ledger's."""

    def __init__(self, path: Path, ledger: Ledger):
        self.path, self.ledger = path, ledger
        self.read()

    def read(self) -> Seen:
        """What was proved last."""
        try:
            octets = self.path.read_bytes()
        except FileNotFoundError:
            return Seen(1, self.ledger.identity, b"")
        except OSError as error:
            raise MemoryFileError(f"{self.path}: {error.strerror}") from error
        return self._parse(octets)

    def _parse(self, octets: bytes) -> Seen:
        try:
            found = json.loads(octets)
            if found["comarca_memory"] != VERSION:
                raise MemoryFileError(f"{self.path}: a memory of another version of this program")
            if {name: found[name] for name in self.ledger.header} != self.ledger.header:
                raise MemoryFileError(
                    f"{self.path}: the memory of another ledger, {found['origin']}; name another file"
                )
            return Seen(int(found["size"]), base64s.decode(found["root"], 32), str(found["checkpoint"]).encode())
        except (ValueError, KeyError, TypeError, Malformed) as error:
            raise MemoryFileError(f"{self.path}: damaged, or not a memory of checkpoints; bring it back from a copy, "
                                  "or remove it to begin again from the identity") from error  # fmt: skip

    def swap(self, old: Seen, new: Seen) -> bool:
        """Remember `new` in the place of `old`; False, and nothing is changed, where something else stands by now."""
        try:
            with self._locked():
                if self.read() != old:
                    return False
                replace_file(self.path, self._octets(new))
        except OSError as error:
            raise MemoryFileError(f"{self.path}: cannot be written: {error.strerror}") from error
        return True

    def _octets(self, seen: Seen) -> bytes:
        known = {"size": seen.size, "root": base64s.encode(seen.root), "checkpoint": seen.checkpoint.decode()}
        return json.dumps({"comarca_memory": VERSION, **self.ledger.header, **known}, indent=1).encode() + b"\n"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(
            self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def keep_evidence(self, evidence: Mapping[str, Any]) -> Path:
        """Write evidence to a file of its own beside the memory, never over another; raises OSError."""
        octets = json.dumps({"comarca_evidence": VERSION, **self.ledger.header, **evidence}, indent=1).encode() + b"\n"
        path = self.path.with_name(f"{self.path.stem}.evidence-{hashlib.sha256(octets).hexdigest()[:16]}.json")
        if not path.exists():
            create_file(path, octets)
        return path
