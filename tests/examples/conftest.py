"""The fixture of the examples' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.programs import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """A folder, a ledger and the examples."""
    programs = Programs(tmp_path)
    yield programs
    programs.street.close()
