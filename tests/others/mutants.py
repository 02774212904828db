"""Receipts that are spoiled by chance: the same ones in every run, as the chance is drawn from a number.

A mutant is a receipt that says something else than a true one does. So these are none, and are left out:

- another spelling of the same JSON value;
- a receipt with salted lines left out (that is what they are for), if it is otherwise as it was;
- another `count` beside an event line: nothing hashes how many lines an entry has; the number says only which way a
  path goes. (Of legs, the signed text says how many there are.) Where the path goes another way, every verifier refuses
  it anyway.
"""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

Place = tuple[str | int, ...]
LISTS_OF_LINES = ("legs", "texts", "events")
JUNK: tuple[Any, ...] = (None, True, False, -1, 0, 1, 0.5, 2**53, "", "x", [], {}, [[]], ["x"], {"line": ""})


class Mutant(NamedTuple):
    """What was done to which true receipt, and the octets that came of it."""

    how: str
    of: int
    octets: bytes


class Mutants:
    """Makes mutants of true receipts, `each` of every receipt by every way; parts come from those of other ledgers as
    well."""

    def __init__(self, true: list[bytes], each: int, foreign: list[bytes], number: int = 20_251_125):
        self.chance = Random(number)
        self.true = [json.loads(octets) for octets in true]
        self.sources = [*self.true, *(json.loads(octets) for octets in foreign)]
        self.octets, self.each = true, each
        self.alike: dict[str, list[Any]] = {}
        for value in self.true:
            self.alike.setdefault(without_lines(value), []).append(value)

    def __iter__(self) -> Iterator[Mutant]:
        ways: list[tuple[str, Callable[[int], bytes | None]]] = [
            *((f"octets: {how}", self._in_octets(spoil)) for how, spoil in SPOILS.items()),
            *((f"text: {how}", self._in_text(spoil)) for how, spoil in SPOILS.items()),
            *((f"lines: {how}", self._in_lines(spoil)) for how, spoil in MOVES.items()),
            *((f"list: {how}", self._in_list(spoil)) for how, spoil in MOVES.items()),
            ("number", self._number), ("value", self._value), ("name gone", self._name_gone),
            ("values change places", self._change_places),
            ("part of another receipt", self._splice), ("parts of another receipt", self._splice_many),
            ("lists of two receipts", self._join), ("text of another receipt", self._other_text),
        ]  # fmt: skip
        for of in range(len(self.true)):
            for how, make in ways:
                for _ in range(self.each):
                    octets = make(of)
                    if octets is not None and not self.says_the_same(octets):
                        yield Mutant(how, of, octets)

    def says_the_same(self, octets: bytes) -> bool:
        """Whether these octets say what a true receipt says, or a part of it."""
        try:
            value = json.loads(octets)
            if repeated_names(octets):
                return False
            same = self.alike.get(without_lines(value), [])
        except (ValueError, TypeError, RecursionError, AttributeError, KeyError):
            return False
        return any(is_part(value, true) for true in same)

    # --- in the octets, and in the texts inside

    def _in_octets(self, spoil: "Spoil") -> Callable[[int], bytes]:
        return lambda of: bytes(spoil(list(self.octets[of]), self.chance, lambda octet: octet ^ 1 << self.bit()))

    def _in_text(self, spoil: "Spoil") -> Callable[[int], bytes | None]:
        def change(text: str) -> str:
            def flip(one: str) -> str:
                return chr(ord(one) ^ 1 << self.bit())

            return "".join(spoil(list(text), self.chance, flip))

        return self._at(lambda value: isinstance(value, str) and value != "", change)

    def _in_lines(self, spoil: "Spoil") -> Callable[[int], bytes | None]:
        def change(text: str) -> str:
            return "".join(spoil(text.splitlines(keepends=True), self.chance, str.swapcase))

        return self._at(lambda value: isinstance(value, str) and value.count("\n") > 1, change)

    def _other_text(self, of: int) -> bytes | None:
        """A text in the place of another, from a true receipt."""

        def is_text(value: Any) -> bool:
            return isinstance(value, str)

        other = self.chance.choice(self.sources)
        return self._at(is_text, lambda _: at(other, self.chance.choice(places(other, is_text))))(of)

    def bit(self) -> int:
        """The place of a bit in an octet of ASCII."""
        return self.chance.randrange(7)

    # --- in the structure

    def _in_list(self, spoil: "Spoil") -> Callable[[int], bytes | None]:
        def flip(item: Any) -> Any:
            return item.swapcase() if isinstance(item, str) else [item]

        return self._at(lambda value: isinstance(value, list) and value, lambda items: spoil(items, self.chance, flip))

    def _number(self, of: int) -> bytes | None:
        steps = (1, -1, 2, -2, 8, 256, 2**32, -(2**31))
        return self._at(lambda value: type(value) is int, lambda number: number + self.chance.choice(steps))(of)

    def _value(self, of: int) -> bytes | None:
        return self._at(lambda value: True, lambda _: self.chance.choice(JUNK))(of)

    def _name_gone(self, of: int) -> bytes | None:
        def change(record: dict[str, Any]) -> dict[str, Any]:
            gone = self.chance.choice(sorted(record))
            return {name: value for name, value in record.items() if name != gone}

        return self._at(lambda value: isinstance(value, dict) and value, change)(of)

    def _change_places(self, of: int) -> bytes:
        value = copy.deepcopy(self.true[of])
        one, other = self.chance.choices(places(value, lambda _: True)[1:], k=2)
        if one == other[: len(one)] or other == one[: len(other)]:
            return written(put(value, one, None))
        first, second = at(value, one), at(value, other)
        return written(put(put(value, one, second), other, first))

    # --- parts of two true receipts

    def _splice(self, of: int) -> bytes:
        """The same place of another receipt, as far down as both have it."""
        other = self.chance.choice(self.sources)
        where = [place for place in places(self.true[of], lambda _: True)[1:] if has(other, place)]
        place = self.chance.choice(where)
        return written(put(copy.deepcopy(self.true[of]), place, at(other, place)))

    def _splice_many(self, of: int) -> bytes:
        other = self.chance.choice(self.sources)
        taken = self.chance.sample(sorted(other), self.chance.randint(2, 5))
        return written({**self.true[of], **{name: other[name] for name in taken}})

    def _join(self, of: int) -> bytes:
        other, name = self.chance.choice(self.sources), self.chance.choice(["keys", *LISTS_OF_LINES])
        return written({**self.true[of], name: [*self.true[of][name], *other[name]]})

    def _at(self, fits: Callable[[Any], Any], change: Callable[[Any], Any]) -> Callable[[int], bytes | None]:
        """Changes one place of a receipt, of those that fit."""

        def make(of: int) -> bytes | None:
            found = places(self.true[of], fits)
            if not found:
                return None
            place = self.chance.choice(found)
            return written(put(copy.deepcopy(self.true[of]), place, change(at(self.true[of], place))))

        return make


# --- what is done to a row of octets, characters, lines or items

Spoil = Callable[[list[Any], Random, Callable[[Any], Any]], list[Any]]


def flip(row: list[Any], chance: Random, change: Callable[[Any], Any]) -> list[Any]:
    """One of the row is changed."""
    n = chance.randrange(len(row))
    return [*row[:n], change(row[n]), *row[n + 1 :]]


def delete(row: list[Any], chance: Random, _: Callable[[Any], Any]) -> list[Any]:
    """One of the row is left out."""
    n = chance.randrange(len(row))
    return row[:n] + row[n + 1 :]


def double(row: list[Any], chance: Random, _: Callable[[Any], Any]) -> list[Any]:
    """One of the row stands there twice."""
    n = chance.randrange(len(row))
    return row[: n + 1] + row[n:]


def swap(row: list[Any], chance: Random, _: Callable[[Any], Any]) -> list[Any]:
    """Two of the row change places."""
    one, other = chance.randrange(len(row)), chance.randrange(len(row))
    row = list(row)
    row[one], row[other] = row[other], row[one]
    return row


def move(row: list[Any], chance: Random, _: Callable[[Any], Any]) -> list[Any]:
    """The row is cut in two, and its end stands first."""
    n = chance.randrange(len(row))
    return row[n:] + row[:n]


def cut(row: list[Any], chance: Random, _: Callable[[Any], Any]) -> list[Any]:
    """The row ends early."""
    return row[: chance.randrange(len(row))]


SPOILS: dict[str, Spoil] = {"flip": flip, "delete": delete, "double": double, "swap": swap}
MOVES: dict[str, Spoil] = {**SPOILS, "move": move, "cut": cut}


# --- JSON values, by place


def places(value: Any, fits: Callable[[Any], Any], here: Place = ()) -> list[Place]:
    """The places, from the outermost in, of all values that fit."""
    found = [here] if fits(value) else []
    if isinstance(value, dict):
        for name in value:
            found += places(value[name], fits, (*here, name))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            found += places(item, fits, (*here, n))
    return found


def at(value: Any, place: Place) -> Any:
    """The value at a place."""
    for step in place:
        value = value[step]
    return value


def has(value: Any, place: Place) -> bool:
    """Whether there is such a place."""
    try:
        at(value, place)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def put(value: Any, place: Place, new: Any) -> Any:
    """The value with another at a place."""
    if not place:
        return new
    at(value, place[:-1])[place[-1]] = new
    return value


def written(value: Any) -> bytes:
    """A value as a file. Lone surrogates stay as they are: no JSON reader of ours may take them."""
    return json.dumps(value).encode()


# --- what a receipt says


def meaning(value: Any) -> str:
    """One spelling of a JSON value: true is not 1, and 1.0 is not 1."""
    return json.dumps(value, sort_keys=True)


def without_lines(value: Any) -> str:
    """The meaning of a receipt but for the lines that it may leave out, and counts beside event lines."""
    kept = {name: part for name, part in value.items() if name not in LISTS_OF_LINES}
    kept["keys"] = [_without_count(key, "event") for key in kept["keys"]]
    return meaning(kept)


def _without_count(key: dict[str, Any], name: str) -> dict[str, Any]:
    return {**key, name: _any_count(key[name])} if name in key else key


def _any_count(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "count": type(line.get("count")).__name__}


def is_part(value: dict[str, Any], true: dict[str, Any]) -> bool:
    """Whether a receipt shows no other lines than a true one, and in the same order; both say the same otherwise."""
    for name in LISTS_OF_LINES:
        plain = _any_count if name == "events" else dict
        if not isinstance(value.get(name), list) or not all(isinstance(line, dict) for line in value[name]):
            return False
        rest = iter([meaning(plain(line)) for line in true[name]])
        if not all(meaning(plain(line)) in rest for line in value[name]):
            return False
    return True


def repeated_names(octets: bytes) -> list[list[str]]:
    """The names of each object that has one twice, as they stand."""
    found: list[list[str]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.append(names)
        return dict(pairs)

    json.loads(octets, object_pairs_hook=keep)
    return found
