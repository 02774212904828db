"""Amounts as people write them, and as the ledger counts them: decimals of a unit, and whole minor units.

`12.30` at scale 2 is 1230. Digits are moved, nothing is calculated, so nothing is rounded; a float never touches an
amount.
"""

import re

AMOUNT = re.compile(r"([+-]?)([0-9]{1,19})(?:\.([0-9]{1,19}))?", re.ASCII)


class BadAmount(ValueError):
    """Not an amount; the message says why."""


def minor_units(text: str, scale: int) -> int:
    """The minor units of a decimal with at most `scale` decimals; may be negative or zero. Raises BadAmount."""
    found = AMOUNT.fullmatch(text)
    if found is None:
        raise BadAmount(f"not an amount: {text[:40]!r} (digits, with a point before the decimals, no separators)")
    sign, whole, decimals = found[1], found[2], found[3] or ""
    if len(decimals) > scale:
        raise BadAmount(f"{text[:40]!r} has more than {scale} decimals")
    number = int(whole + decimals.ljust(scale, "0"))
    return -number if sign == "-" else number


def decimal_text(minor: int, scale: int) -> str:
    """Minor units as a decimal with exactly `scale` decimals."""
    digits = str(abs(minor)).rjust(scale + 1, "0")
    whole, decimals = (digits[:-scale], digits[-scale:]) if scale else (digits, "")
    return f"{'-' if minor < 0 else ''}{whole}{'.' if scale else ''}{decimals}"
