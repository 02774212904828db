"""Every scenario, through the core and through SQL; and both come to the very same rows."""

from pathlib import Path

import pytest

from tests.bookkeeper import Bookkeeper, parse
from tests.ways import ThroughCore, ThroughSql

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.fixture(params=SCENARIOS, ids=lambda path: path.stem)
def scenario(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_through_the_core(scenario: str) -> None:
    way = ThroughCore()
    Bookkeeper(way).run(scenario)
    assert way.rows() == way.replayed()


def test_through_sql(scenario: str, database_url: str) -> None:
    core, way = ThroughCore(), ThroughSql(database_url)
    Bookkeeper(core).run(scenario)
    try:
        Bookkeeper(way).run(scenario)
        assert way.rows() == way.replayed() == core.rows()
    finally:
        way.territory.close()


def test_a_scenario_that_is_wrong_says_where() -> None:
    text = "member Forn, commercial\nmember Granja, commercial\n\nForn pays Granja 1.00\n    refused: credit_exceeded\n"
    with pytest.raises(AssertionError, match=r"line 4: Forn pays Granja 1\.00: refused: credit_exceeded, but Accepted"):
        Bookkeeper(ThroughCore()).run(text)
    with pytest.raises(AssertionError, match=r"line 2: Forn dances: this is no step"):
        Bookkeeper(ThroughCore()).run("member Forn, commercial\nForn dances\n")


def test_lines_nest_by_four_spaces() -> None:
    (line,) = parse("together\n    Forn pays Granja 1.00\n        refused: expired\n")
    assert [below.text for below in line.below] == ["Forn pays Granja 1.00"]
    assert line.below[0].below[0].text == "refused: expired"
