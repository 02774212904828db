"""The one table of reasons and statuses is complete, and every row of it is fit to be read."""

from pathlib import Path

from ledger.api import reasons
from ledger.core import refusals
from tests.api.desk import Desk

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"


def test_the_page_of_refusals_says_what_the_table_says() -> None:
    rows = [f"| `{reason.name}` | {reason.check} | {reason.message} | {reason.remedy} |" for reason in refusals.REASONS]
    assert [line for line in PAGE.read_text().splitlines() if line.startswith("| `")] == rows


def test_no_name_is_given_twice() -> None:
    own = [reason.name for reason in reasons.OF_HTTP]
    assert len(set(own)) == len(own)
    assert not set(own) & set(reasons.STATUSES)


def test_only_a_defect_is_a_500() -> None:
    assert [reason.name for reason in reasons.REASONS.values() if reason.status == 500] == ["defect"]


def test_every_reason_has_its_place_on_the_page_that_its_type_names(desk: Desk) -> None:
    page = desk.get("/docs/reasons").text
    for name, reason in reasons.REASONS.items():
        assert f'<dt id="{name}">{name} ({reason.status})</dt>' in page
