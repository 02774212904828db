"""The marks: what the ledger is to reach, each read off one line of the table."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from benchmarks.rounds import Line


class Mark(NamedTuple):
    """A mark, the line that it is read off (`what` whole, `on` by its beginning), and how.

    "ratio": the floor's time by ours, at least `bound`; "times": ours by the floor's, at most; "figure": the figure in
    the line's own unit, at most.
    """

    says: str
    what: str
    on: str
    read: Literal["ratio", "times", "figure"]
    bound: float

    def of(self, line: Line) -> float | None:
        """What the line comes to, read as the mark asks for."""
        if self.read == "figure":
            return line.figure
        ratio = line.ratio
        return ratio if ratio is None or self.read == "ratio" else 1 / ratio

    def reached(self, found: float) -> bool:
        """Whether this is enough."""
        return found >= self.bound if self.read == "ratio" else found <= self.bound


class Judged(NamedTuple):
    """A mark, the line that it was read off, and what that came to; None where it was not measured."""

    mark: Mark
    line: Line | None
    found: float | None

    def verdict(self) -> str:
        """One word or two."""
        return "not measured" if self.found is None else "yes" if self.mark.reached(self.found) else "no"


MARKS = (
    Mark("one signed transfer a request, 64 clients: 0.5 of the trivial route", "HTTP, 64 clients", "SQLite",
         "ratio", 0.5),
    Mark("there p99 is at most five times p50", "HTTP, 64 clients, p99", "SQLite", "times", 5),
    Mark("hundreds in one request: 0.4 of bare verification on all cores", "HTTP, 500 in one request", "SQLite",
         "ratio", 0.4),
    Mark("one signature over a thousand transfers: 20 times one by one", "HTTP, one signature over 1000 transfers",
         "SQLite", "ratio", 20),
    Mark("one account in every transfer costs at most 1.1 of random pairs, by HTTP",
         "HTTP, 64 clients, one account in all", "SQLite", "times", 1.1),
    *(Mark(f"the same at the door, {on}", "submit, batches of 1000, one account in all", on, "times", 1.1)
      for on in ("SQLite", "PostgreSQL")),
    *(Mark(f"two processes on one ledger: 1.5 times one, {on}", "HTTP, 64 clients, two processes", f"{on}, 1 ledger,",
           "ratio", 1.5) for on in ("SQLite", "PostgreSQL")),
    *(Mark(f"{what} at 10 million entries: within 1.5 of 10 thousand", f"HTTP, {what}", "SQLite, 10,000,000 entries",
           "times", 1.5) for what in ("balance", "newest page of a history", "page deep in a history")),
    *(Mark(f"`submit` in thousands, {on}: 0.42 of its floor", "submit, batches of 1000", on, "ratio", 0.42)
      for on in ("SQLite", "PostgreSQL")),
    Mark("the same: at most 0.7 of one verification", "submit, batches of 1000, an entry", "SQLite", "times", 0.7),
    Mark("a leg of a bulk of 1000: at most 0.32 of one verification", "submit, one bulk of 1000 legs, a leg", "SQLite",
         "times", 0.32),
    Mark("octets to committed, no HTTP: 0.45 of bare verification on the same cores",
         "octets to committed, one signature each", "SQLite", "ratio", 0.45),
    Mark("publishing tiles adds at most a tenth to a batch", "submit with tiles, batches of 1000", "SQLite",
         "times", 1.1),
    Mark("a large ledger opens in under a second (ms)", "open a ledger", "SQLite", "figure", 1000),
    Mark("and costs at most 1.5 times as much a batch as an empty one", "submit, batches of 1000, large", "SQLite",
         "times", 1.5),
    Mark("audit: 0.55 of bare verification on all cores", "audit", "SQLite", "ratio", 0.55),
    Mark("replay without signatures: 30,000 entries a second (µs an entry)", "rebuild, CPU", "no signatures",
         "figure", 33.4),
)  # fmt: skip


def judge(lines: Iterable[Line], marks: Sequence[Mark] = MARKS) -> list[Judged]:
    """Each mark beside the line that it is read off."""
    measured = list(lines)
    judged = []
    for mark in marks:
        line = next((line for line in measured if line.what == mark.what and line.on.startswith(mark.on)), None)
        judged.append(Judged(mark, line, None if line is None else mark.of(line)))
    return judged
