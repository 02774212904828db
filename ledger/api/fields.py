"""Fields of marshmallow for the values of this API: ids, octets, times, whole numbers; strict where they come in."""

import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from ledger.ambient.clock import moment, seconds_of
from ledger.core.words import ID

WHOLE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


class Said(fields.Field[Any]):
    """A field that is a string in JSON; `said` is what OpenAPI has of it beside that."""

    said: Mapping[str, str] = {}

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **more: Any):
        super().__init__(metadata={**self.said, **(metadata or {})}, **more)


class Id(Said):
    """An id: 16 octets, written as 32 lower-case hex digits, both ways."""

    said = {"pattern": f"^{ID}$"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> bytes:
        if not isinstance(value, str) or not re.fullmatch(ID, value):
            raise ValidationError("an id, of 32 hex digits")
        return bytes.fromhex(value)

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else value.hex()


class Matching(Said):
    """A string that matches the whole regular expression, ASCII only; `what` says it to a person."""

    def __init__(self, expression: str, what: str, **more: Any):
        super().__init__(metadata={"pattern": f"^(?:{expression})$"}, **more)
        self._expression, self._what = re.compile(expression, re.ASCII), what

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        if not isinstance(value, str) or not self._expression.fullmatch(value):
            raise ValidationError(self._what)
        return value


class Some(Said):
    """Some of these words in a query, each once, with commas between."""

    def __init__(self, words: Iterable[str], description: str, **more: Any):
        self._words = tuple(words)
        super().__init__(metadata={"description": description}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> list[str]:
        found = value.split(",") if isinstance(value, str) else [""]
        if not set(found) <= set(self._words) or len(set(found)) != len(found):
            raise ValidationError(f"some of {', '.join(self._words)}, with commas between")
        return found


class Octets(Said):
    """Octets, out as base64 (RFC 4648 section 4)."""

    said = {"contentEncoding": "base64"}

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else binascii.b2a_base64(value, newline=False).decode()


class Time(Said):
    """Unix seconds, written as RFC 3339 in UTC with a Z and whole seconds, both ways."""

    said = {"format": "date-time", "pattern": f"^{MOMENT.pattern}$"}

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else moment(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> int:
        said = "a time in UTC like 2026-11-25T08:00:00Z"
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            raise ValidationError(said)
        try:
            return seconds_of(value)
        except ValueError as error:
            raise ValidationError(said) from error


class Whole(fields.Integer):
    """A whole number in a query: plain digits alone, where int() would take 1_0 and Arabic ones."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> int:
        if not isinstance(value, str) or not WHOLE.fullmatch(value):
            raise ValidationError("a whole number in plain digits")
        return int(value)


class Truth(fields.Boolean):
    """Yes or no in a query: `true` or `false`, where a form would take a dozen words."""

    truthy = {"true"}
    falsy = {"false"}
