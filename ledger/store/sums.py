"""Sums that are exact however large: SQLite adds in 64 bits and fails beyond, so they are taken in two parts."""

from typing import Any

from sqlalchemy import ColumnElement, func

PART = 10**9


def sum_of(amount: ColumnElement[int]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The two columns of a sum. Both databases divide towards zero, and the rest has the sign of the whole."""
    return func.coalesce(func.sum(amount // PART), 0), func.coalesce(func.sum(amount % PART), 0)


def whole(high: Any, low: Any) -> int:
    """The sum of which these are the two parts."""
    return int(high) * PART + int(low)
