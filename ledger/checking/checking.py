"""Check an exported log without a database, without the server's code, and in memory that does not grow with the log.

Every bundle is read in turn: entries whose times never run backwards, their hashes those of the tile, the tiles those
of the tiles above, all of them the root that the operator has signed. The first octet that is wrong is named with its
file.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ledger.checking.files import CHECKPOINT, GENESIS, NOTE_MOST, Instructions, Site, WrongFile, parsed
from ledger.checking.instructions import Against, Operator, operator_of_genesis
from ledger.checking.tree import Tree
from ledger.log import checkpoint, entry, merkle, tiles
from ledger.log.checkpoint import Checkpoint
from ledger.log.malformed import Malformed

OLDER_CHANGED = "; if another key was the operator's then, name its verifier key as well (--older-key)"
CHANGED = ", the one that the genesis names; if it was changed since, name the new one by its verifier key"
Progress = Callable[[int], None]  # how many more entries are checked


class Trust(NamedTuple):
    """What makes a log the one that is meant: the operator's key, or the identity, or both; the origin if it is known.
    With the identity alone, the genesis and what changed the operator since say which key signs. `older_key` is the
    operator's of an older checkpoint, where that is another one."""

    key: bytes | None = None
    identity: bytes | None = None
    origin: str | None = None
    older_key: bytes | None = None


class Checked(NamedTuple):
    """A log that is right: `beyond` files that its checkpoint does not cover yet, `texts` entries with free texts."""

    origin: str
    size: int
    root: bytes
    identity: bytes
    time: int
    note: bytes
    beyond: int
    instructions: bool
    texts: int


def check(
    folder: Path, trust: Trust, private: Path | None = None, older: bytes | None = None,
    progress: Progress = lambda more: None,
) -> Checked:  # fmt: skip
    """Check the log in a folder; with `private`, the instructions exported beside it; with `older`, that it goes on
    from a checkpoint that was kept. Raises WrongFile; ValueError where `trust` names nothing."""
    if trust.key is None and trust.identity is None:
        raise ValueError("the operator's key or the ledger's identity says whose log it should be")
    return _Check(Site(folder), trust, private, older).run(progress)


class _Check:
    def __init__(self, site: Site, trust: Trust, private: Path | None, older: bytes | None):
        self._site, self._trust = site, trust
        self._note = site.read(CHECKPOINT, NOTE_MOST)
        self._signed = self._parsed(self._note, CHECKPOINT)
        self._older = self._parsed(older, "the older checkpoint") if older is not None else None
        self._older_note = older
        self._genesis = site.read_if_there(GENESIS, NOTE_MOST)
        self._operator = Operator(self._first_operator())
        if trust.key is not None or private is None:  # nothing that comes later can name another key
            self._check_signatures()
        self._tree = Tree(site, self._signed.size, self._signed.root)
        self._identity, self._time = b"", 0
        self._against = self._compared(private)

    def run(self, progress: Progress) -> Checked:
        size = self._signed.size
        for number in range(-(-size // tiles.WIDTH)):
            width = tiles.width_at(None, number, size)
            self._bundle(number, width)
            progress(width)
        self._tree.end()
        self._check_signatures()
        beyond = self._check_files()
        if self._against is not None:
            self._against.end()
        texts = self._against.texts if self._against is not None else 0
        return Checked(self._signed.origin, size, self._signed.root, self._identity, self._time, self._note, beyond,
                       self._against is not None, texts)  # fmt: skip

    # --- who signs

    def _parsed(self, note: bytes, name: str) -> Checkpoint:
        try:
            signed = checkpoint.parse(note)
        except Malformed as error:
            raise WrongFile(name, str(error)) from error
        if self._trust.origin not in (None, signed.origin):
            raise WrongFile(name, f"is of {signed.origin[:100]}, not of {self._trust.origin}")
        return signed

    def _first_operator(self) -> bytes:
        if self._trust.key is not None:
            return self._trust.key
        if self._genesis is None:
            raise WrongFile(GENESIS, "is missing, so nothing says whose key signs; name it by its verifier key")
        try:
            return operator_of_genesis(self._genesis, self._signed.origin)
        except Malformed as error:
            raise WrongFile(GENESIS, str(error)) from error

    def _check_signatures(self) -> None:
        hint = "" if self._trust.key is not None else CHANGED
        self._check_signature(CHECKPOINT, self._note, self._operator.at(self._signed.size), hint)
        if self._older is not None and self._older_note is not None:
            key = self._trust.older_key or self._operator.at(self._older.size)
            hint = "" if self._trust.older_key is not None else OLDER_CHANGED
            self._check_signature("the older checkpoint", self._older_note, key, hint)
        if self._older is not None and self._older.size > self._signed.size:
            raise WrongFile(CHECKPOINT, f"is of {self._signed.size} entries, fewer than the {self._older.size} of the "
                                        "older one: the log shrank")  # fmt: skip

    def _check_signature(self, name: str, note: bytes, key: bytes, hint: str) -> None:
        try:
            checkpoint.verify(note, self._signed.origin, key)
        except Malformed as error:
            raise WrongFile(name, f"{error}{hint}") from error

    # --- what is signed

    def _compared(self, private: Path | None) -> Against | None:
        if private is None:
            return None
        folder = Instructions(private, self._signed.origin)
        # A key that was named by whoever asks stands, whatever the entries name.
        operator = Operator(self._trust.key) if self._trust.key is not None else self._operator
        return Against(folder, self._signed.origin, self._signed.size, operator)

    def _bundle(self, number: int, width: int) -> None:
        octets = self._site.bundle(number, width)
        entries = [parsed(one, number, width, n) for n, one in enumerate(octets, number * tiles.WIDTH)]
        leaves = [entry.leaf_hash(one) for one in octets]
        if number == 0:
            self._check_first(leaves[0], entries[0], width)
        before = self._tree.frontier
        self._tree.add(number, leaves)
        for log_index, found in enumerate(entries, number * tiles.WIDTH):
            self._check_time(found, log_index, number, width)
            if self._against is not None:
                self._against.compare(found)
        self._check_older(before, leaves)

    def _check_first(self, leaf: bytes, first: entry.Entry, width: int) -> None:
        self._identity = leaf
        if self._trust.identity not in (None, leaf):
            raise WrongFile(tiles.tile_path(None, 0, width), "entry 0 is not the one whose hash is the identity")
        if self._genesis is not None and hashlib.sha256(self._genesis).digest() != first.instruction:
            raise WrongFile(GENESIS, "is not the note of entry 0")

    def _check_time(self, found: entry.Entry, log_index: int, number: int, width: int) -> None:
        if found.time < self._time:
            name = tiles.tile_path(None, number, width)
            raise WrongFile(name, f"entry {log_index}: its time lies before that of the entry before it")
        self._time = found.time

    def _check_older(self, before: merkle.Frontier, leaves: list[bytes]) -> None:
        """Compare the root at the older size, once its last leaf is there."""
        older = self._older
        if older is None or not before.size < older.size <= before.size + len(leaves):
            return
        if before.extend(leaves[: older.size - before.size]).root() != older.root:
            raise WrongFile(CHECKPOINT, f"does not go on from the older one of {older.size} entries: these are two "
                                        "logs. Keep both, and show them to the ledger's auditor")  # fmt: skip

    # --- what else lies there

    def _check_files(self) -> int:
        """Compare narrower parts of tiles with the tiles; the number of files that the checkpoint does not cover."""
        beyond = 0
        for name, path in self._site.tile_files():
            if path is None:
                raise WrongFile(name, "is the file of no tile")
            width = tiles.width_at(path.level, path.number, self._signed.size)
            if path.width > width:
                beyond += 1
            elif path.width < width:
                self._check_part(name, path, width)
        return beyond

    def _check_part(self, name: str, path: tiles.TilePath, width: int) -> None:
        if path.level is None:
            same = self._site.bundle(path.number, path.width) == self._site.bundle(path.number, width)[: path.width]
        else:
            part = self._site.tile(path.level, path.number, path.width)
            same = self._site.tile(path.level, path.number, width).startswith(part)
        if not same:
            raise WrongFile(name, "is not the beginning of the tile that it is a part of")
