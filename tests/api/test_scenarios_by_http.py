"""Every scenario through HTTP, its positions read by each holder with a token of its own."""

from pathlib import Path
from typing import Any

import pytest

from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.service.door import Accepted
from tests.api.desk import Desk
from tests.bookkeeper import Bookkeeper
from tests.memory import Rows
from tests.tables import projected
from tests.territory import TerritoryOfTests
from tests.ways import ThroughCore

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))


class ThroughHttp:
    """The API, one submission as text, several as JSON."""

    def __init__(self, url: str) -> None:
        self.desk = Desk(url)

    @property
    def territory(self) -> TerritoryOfTests:
        return self.desk.territory

    def send(self, submissions: list[bytes]) -> list[Any]:
        if len(submissions) == 1:
            response = self.desk.submit(submissions[0])
            return [outcome(response.status_code, response.json)]
        body = self.desk.submit_many({"instructions": [octets.decode() for octets in submissions]}).json
        assert body is not None
        return [outcome(one["status"], one.get("receipt") or one["problem"]) for one in body["outcomes"]]

    def position(self, account: bytes, holder: bytes) -> tuple[int, int]:
        shown = self.desk.get(f"accounts/{account.hex()}", self.desk.token(holder)).json
        assert shown is not None
        return shown["balance"], shown["available"]

    def rows(self) -> Rows:
        return projected(self.territory.store, self.territory.ledger_id)


def outcome(status: int, body: Any) -> Any:
    """An answer as the outcome that it tells."""
    if status in (200, 201):
        return (Accepted if status == 201 else Repeat)(body["entry"]["log_index"])
    assert body["status"] == status
    return Refusal(body["reason"], body["details"])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_through_http(scenario: Path, sqlite_url: str) -> None:
    text = scenario.read_text(encoding="utf-8")
    core, way = ThroughCore(), ThroughHttp(sqlite_url)
    try:
        Bookkeeper(way).run(text)
        Bookkeeper(core).run(text)
        assert way.rows() == core.rows()
    finally:
        way.desk.close()
