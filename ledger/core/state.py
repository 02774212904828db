"""State: the rows of the nouns, as far as they are loaded, and what a batch has changed of them.

A row is an immutable tuple; `evolve` puts rows, after it has read all that it reads, so that it can be tried again
where a row was missing. Three answers to `get`: the row; None, which says that it does not
exist; NotLoaded, which the caller answers by loading the row and deciding again, as decide is pure.
"""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar

R = TypeVar("R", bound=tuple[Any, ...])

# made(Row, (...)) is Row(...) without the call of a Python function: for what is made once an instruction and oftener.
made = tuple.__new__


class Noun(Generic[R]):
    """A kind of row: a NamedTuple whose first `keys` fields name it. Its table is derived from this alone.

    `checks` are SQL conditions over columns; `indexes` tuples of column names. A `read_only` noun is a view on
    another table (`table`) that evolve never puts.
    """

    def __init__(
        self,
        row: type[R],
        keys: int,
        checks: tuple[str, ...] = (),
        indexes: tuple[tuple[str, ...], ...] = (),
        table: str | None = None,
    ):
        self.row = row
        self.keys = keys
        self.checks = checks
        self.indexes = indexes
        self.read_only = table is not None
        self.name = table or snake(row.__name__)
        # What names a row: its first field alone, or a tuple of the first `keys`.
        self.key: Callable[[R], Any] = itemgetter(0) if keys == 1 else itemgetter(slice(keys))

    def __repr__(self) -> str:
        return f"<noun {self.name}>"


def snake(name: str) -> str:
    """`MemberAdmitted` as `member_admitted`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class NotLoaded(Exception):
    """The row of `noun` under `key` was needed and is not in this state."""

    def __init__(self, noun: Noun[Any], key: Any):
        super().__init__(noun.name, key)
        self.noun = noun
        self.key = key


class State:
    """Loaded rows and, of those that changed, what stood before (None for a row that is new)."""

    __slots__ = ("before", "rows")

    def __init__(self, nouns: tuple[Noun[Any], ...]):
        self.rows: dict[Noun[Any], dict[Any, Any]] = {noun: {} for noun in nouns}
        self.before: dict[Noun[Any], dict[Any, Any]] = {noun: {} for noun in nouns}

    def get(self, noun: Noun[R], key: Any) -> R | None:
        """The row, or None where it does not exist; raises NotLoaded."""
        try:
            row: R | None = self.rows[noun][key]
        except KeyError:
            raise NotLoaded(noun, key) from None
        return row

    def row(self, noun: Noun[R], key: Any) -> R:
        """A row that must exist, as evolve meets it: its absence is a defect or a damaged log, not a refusal."""
        row: R | None = self.rows[noun].get(key) or self.get(noun, key)
        if row is None:
            raise LookupError(f"no {noun.name} {key!r}")
        return row

    def put(self, noun: Noun[R], row: R) -> None:
        """Set a row. One that was never loaded is taken for new: a doubled key then fails in the database."""
        key = row[0] if noun.keys == 1 else row[: noun.keys]
        rows = self.rows[noun]
        before = self.before[noun]
        if key not in before:
            before[key] = rows.get(key)
        rows[key] = row

    @property
    def held(self) -> int:
        """How many rows it holds, the missing ones among them that are known to be missing."""
        return sum(map(len, self.rows.values()))

    def forget(self, noun: Noun[Any]) -> None:
        """Let go of a noun's rows that have not changed."""
        self.rows[noun] = {key: self.rows[noun][key] for key in self.before[noun]}

    def fill(self, noun: Noun[R], rows: Mapping[Any, R | None]) -> None:
        """Add loaded rows; what the state already holds, perhaps changed, stands."""
        known = self.rows[noun]
        for key, row in rows.items():
            known.setdefault(key, row)
