"""The ways into a ledger that a scenario is run through."""

from typing import Any

from tests.bookkeeper import find_account, position_of
from tests.memory import MemoryDoor, Rows, replay, rows_of_state
from tests.tables import entries, projected
from tests.territory import TerritoryOfTests


class TerritoryInMemory(TerritoryOfTests):
    """The same territory over a door without a database."""

    def open(self, url: str) -> None:
        self.memory = MemoryDoor(self.origin, self.clock)
        self.door = self.memory  # type: ignore[assignment]  # it has what a territory asks of a door

    def close(self) -> None:
        """Nothing is open."""


class ThroughCore:
    """Decide and evolve over rows in memory."""

    def __init__(self) -> None:
        self.territory = TerritoryInMemory("")

    def send(self, submissions: list[bytes]) -> list[Any]:
        return self.territory.send(*submissions)

    def position(self, account: bytes, holder: bytes) -> tuple[int, int]:
        return position_of(find_account(self.rows(), account))

    def rows(self) -> Rows:
        return self.territory.memory.rows()

    def replayed(self) -> Rows:
        """What the log's events alone make."""
        return rows_of_state(replay(self.territory.memory.entries))


class ThroughSql:
    """The door, over a database."""

    def __init__(self, url: str) -> None:
        self.territory = TerritoryOfTests(url)

    def send(self, submissions: list[bytes]) -> list[Any]:
        return self.territory.send(*submissions)

    def position(self, account: bytes, holder: bytes) -> tuple[int, int]:
        return position_of(find_account(self.rows(), account))

    def rows(self) -> Rows:
        return projected(self.territory.store, self.territory.ledger_id)

    def replayed(self) -> Rows:
        """What the log's events alone make."""
        return rows_of_state(replay(entries(self.territory.store, self.territory.ledger_id)))
