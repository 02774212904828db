"""What became of a submission, the same whether it went over HTTP or straight through the door."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """In the log at `log_index`, now or (`repeat`) since an earlier time; or refused, with the reason."""

    id: str
    log_index: int | None
    repeat: bool = False
    reason: str | None = None
    message: str = ""
    details: Mapping[str, Any] = {}
    remedy: str = ""

    @property
    def plain(self) -> dict[str, Any]:
        """The outcome for programs."""
        if self.log_index is not None:
            return {"id": self.id, "status": "repeated" if self.repeat else "accepted", "log_index": self.log_index}
        return {"id": self.id, "status": "refused", "reason": self.reason, "message": self.message,
                "details": dict(self.details), "remedy": self.remedy}  # fmt: skip


def refused(id: str, problem: Mapping[str, Any], status: int = 0) -> Outcome:
    """The outcome that a problem (docs/api.md) tells; `status` stands for its reason where it has none."""
    reason = str(problem.get("reason") or f"http_{status}")
    return Outcome(id, None, False, reason, str(problem.get("detail", "")), problem.get("details", {}),
                   str(problem.get("remedy", "")))  # fmt: skip


class Unknown(Exception):
    """What became of a submission is not known: ask for its outcome, or send the very same text again: `octets`, where
    it is one that this program signed."""

    def __init__(self, message: str, octets: bytes = b""):
        super().__init__(message)
        self.octets = octets


def id_of(octets: bytes) -> str:
    """The id in a submission's text, or "" where it has none: whoever decides then says what is wrong with it."""
    lines = octets.split(b"\n", 3)
    try:
        id = json.loads(lines[2])["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return id if isinstance(id, str) else ""
