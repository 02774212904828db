"""The published vectors that the tests of formats read, from tests/vectors (its README says where they come from)."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    """The JSON file of this name."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def hashes(texts: list[str] | None) -> list[bytes]:
    """The octets of a list of base64; none for no list."""
    return [b64decode(text) for text in texts or []]
