"""A body that is an object of one field, an array of strings, read without building anything else.

`json.loads` builds all that a text holds before anybody can look: 32 MiB of `[],[],[]...` become a gigabyte.
"""

import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the library's own, in C where there is C

SPACE = re.compile(r"[ \t\n\r]*")


class NotStrings(ValueError):
    """The text is not of this form; the message says where it ceases to be."""


def read(text: str, field: str, most: int) -> list[str]:
    """The strings of `{"field": ["...", ...]}`, at most so many; raises NotStrings."""
    reader = _Reader(text)
    reader.take("{")
    if reader.string() != field:
        raise NotStrings(f'an object with the one field "{field}"')
    reader.take(":")
    reader.take("[")
    found = _items(reader, most)
    reader.take("}")
    if reader.next():
        raise NotStrings("more than one JSON value")
    return found


def _items(reader: "_Reader", most: int) -> list[str]:
    found: list[str] = []
    if reader.next() == "]":
        reader.take("]")
        return found
    while True:
        if len(found) == most:
            raise NotStrings(f"more than {most} strings")
        found.append(reader.string())
        if reader.next() == "]":
            reader.take("]")
            return found
        reader.take(",")


class _Reader:
    """A place in a text, moved on by what is taken."""

    def __init__(self, text: str):
        self._text, self._at = text, 0

    def next(self) -> str:
        """The next character that is no space; nothing at the end."""
        space = SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def take(self, mark: str) -> None:
        """Move on by this character; raises NotStrings where another stands."""
        if self.next() != mark:
            raise NotStrings(f"{mark} is missing at character {self._at}")
        self._at += 1

    def string(self) -> str:
        """Move on by a string; raises NotStrings where there is none."""
        self.take('"')
        try:
            found, self._at = scanstring(self._text, self._at)
        except ValueError as error:
            raise NotStrings(str(error)) from error
        return str(found)
