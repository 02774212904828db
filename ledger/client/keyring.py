"""A keyring: many keys in one encrypted file, each named by its holder's id, with a label before it where it has one.

{"0192f3a87c0b7e1a9d2c4b5a69788796": seed, "06 CARE LIMITED/0192f3a87c0b7e1a9d2c4b5a69788797": seed}
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ledger.client.writing import Seed
from ledger.core.words import HolderId
from ledger.log.instruction import ID
from ledger.signer.keyfile import add_keys, read_keys


def holder_of(name: str) -> HolderId | None:
    """The holder that a key's name says: an id, alone or behind an origin or label; None where it says none."""
    return HolderId(bytes.fromhex(name[-32:])) if ID.fullmatch(name[-32:]) else None


class Keyring:
    """The keys in the file at `path`, which need not be there yet. Raises KeyFileError."""

    def __init__(self, path: Path, password: bytes):
        self.path, self._password = path, password
        self._keys: dict[str, Seed] = read_keys(path, password) if path.exists() else {}
        self._index()

    def _index(self) -> None:
        self._names = {holder: name for name in self._keys if (holder := holder_of(name)) is not None}
        self._labels = {name[:-33]: holder for holder, name in self._names.items() if name[:-33]}

    def __contains__(self, holder: bytes) -> bool:
        return holder in self._names

    @property
    def holders(self) -> list[HolderId]:
        """Whose keys are here, in the order they came."""
        return list(self._names)

    def labelled(self, label: str) -> HolderId | None:
        """The holder whose key has this label."""
        return self._labels.get(label)

    def seed(self, holder: bytes) -> Seed:
        """The holder's seed; raises KeyError."""
        return self._keys[self._names[HolderId(holder)]]

    def of(self, holders: Iterable[bytes]) -> list[tuple[HolderId, Seed]]:
        """Those of these holders whose keys are here."""
        return [(HolderId(holder), self.seed(holder)) for holder in holders if holder in self]

    def add(self, seeds: Mapping[bytes, Seed], labels: Mapping[bytes, str] | None = None) -> None:
        """Keep more keys, on disk before this returns; a holder that is here keeps its key."""
        said = labels or {}
        fresh = {(said[holder] + "/" if holder in said else "") + holder.hex(): seed
                 for holder, seed in seeds.items() if holder not in self}  # fmt: skip
        if fresh:
            add_keys(self.path, fresh, self._password)  # beside those that another process has added meanwhile
            self._keys |= fresh
            self._index()
