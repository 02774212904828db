"""Entry bundles: encoded and read back, a published one, and what is cut short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import bundles
from ledger.log.malformed import Malformed


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_read_back(entries: list[bytes]) -> None:
    assert bundles.split(bundles.encode(entries)) == entries


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), st.data())
def test_a_bundle_that_ends_early_is_refused_or_has_whole_entries_alone(
    entries: list[bytes], data: st.DataObject
) -> None:
    octets = bundles.encode(entries)
    cut = octets[: data.draw(st.integers(0, len(octets) - 1))]
    try:
        found = bundles.split(cut)
    except Malformed as error:
        assert "ends within its entry" in str(error)
    else:
        assert found == entries[: len(found)] and bundles.encode(found) == cut


def test_an_entry_that_no_length_can_say() -> None:
    assert bundles.split(bundles.encode([bytes(65_535)])) == [bytes(65_535)]
    with pytest.raises(OverflowError):
        bundles.encode([bytes(65_536)])
