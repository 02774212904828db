"""The one table of reasons and statuses is complete, and every row of it is fit to be read."""

from ledger.api import reasons
from ledger.core import refusals
from tests.api.desk import Desk


def test_every_refusal_of_the_core_has_a_status() -> None:
    assert sorted(reasons.STATUSES) == sorted(reason.name for reason in refusals.REASONS)


def test_statuses_follow_the_checks() -> None:
    for reason in refusals.REASONS:
        expected = {1: 400, 3: 409}.get(reason.check, 422)
        assert reasons.STATUSES[reason.name] == expected, reason.name


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
