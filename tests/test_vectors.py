"""Every file of published data is read by a test, and its README says where it comes from."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
VECTORS = TESTS / "vectors"
FILES = sorted(path.relative_to(VECTORS) for path in VECTORS.rglob("*") if path.is_file() and path.name != "README.md")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py"))
README = (VECTORS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_it_is_read_and_its_origin_is_told(path: Path) -> None:
    assert path.name in SOURCES
    assert f"`{path}`" in README or f"`{path.parent}/`" in README
