"""A keyring: many keys in one encrypted file, each under the id of its holder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ledger.client.writing import Seed
from ledger.core.words import HolderId
from ledger.log.instruction import ID
from ledger.signer.keyfile import read_keys, write_keys


def holder_of(name: str) -> HolderId | None:
    """The holder that a key's name says: an id, alone or behind an origin; None where it says none."""
    return HolderId(bytes.fromhex(name[-32:])) if ID.fullmatch(name[-32:]) else None


class Keyring:
    """The keys in the file at `path`, which need not be there yet. Raises KeyFileError."""

    def __init__(self, path: Path, password: bytes):
        self.path, self._password = path, password
        self._seeds: dict[str, Seed] = read_keys(path, password) if path.exists() else {}

    def __contains__(self, holder: bytes) -> bool:
        return holder.hex() in self._seeds

    def seed(self, holder: bytes) -> Seed:
        """The holder's seed; raises KeyError."""
        return self._seeds[holder.hex()]

    def of(self, holders: Iterable[bytes]) -> list[tuple[HolderId, Seed]]:
        """Those of these holders whose keys are here."""
        return [(HolderId(holder), self.seed(holder)) for holder in holders if holder in self]

    def add(self, seeds: Mapping[bytes, Seed]) -> None:
        """Keep more keys, on disk before this returns; a holder that is here keeps its key."""
        fresh = {holder.hex(): seed for holder, seed in seeds.items() if holder not in self}
        if fresh:
            self._seeds |= fresh
            write_keys(self.path, self._seeds, self._password)

    @property
    def holders(self) -> list[HolderId]:
        """Whose keys are here, in the order they came."""
        return [HolderId(bytes.fromhex(name)) for name in self._seeds if ID.fullmatch(name)]
