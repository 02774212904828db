"""Forms: a NamedTuple's typed fields are the grammar of a signed object or event; all else is derived from them.

From the types come the strict parser (`Form.read`), the encoder (`Form.text`, one compiled f-string, whose output
is RFC 8785 canonical JSON), and the fields that refer to rows (`Form.references`). A field named `class_` is
written `class`; an optional field (`T | None = None`) has one way to say its default: absence.
"""

import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from ledger.core import words

DEPTH = 8  # how deep a signed object may nest, the outermost object being 1
LINE = 4071  # octets of JSON in a salted line of 4,096: 24 of base64 and a space come before it
NAME = re.compile(r"[a-z][a-z0-9_]*")
STRING = re.compile(r"[ !#-\[\]-~]{1,128}")
ID = re.compile(words.ID)

F = TypeVar("F", bound=tuple[Any, ...])
Read = Callable[[Any, str], Any]


class BadForm(ValueError):
    """What was given is not of its form; the message names the field and what is expected there."""


def bad(path: str, expected: str) -> BadForm:
    """The error for the field at `path`."""
    return BadForm(f"{path or 'the object'}: {expected}")


def base64(octets: bytes) -> str:
    """RFC 4648 section 4, padded."""
    return binascii.b2a_base64(octets, newline=False).decode()


class Codec(NamedTuple):
    """How one type is read from plain JSON values, and written: `expression` holds V where the value's name goes,
    inside an f-string, so it has no quotes within its braces (Python 3.11 has none to spare). `tokens` match what is
    written, a group for each value in it, where that can be told so; `of_tokens` makes the value of the groups, and is
    None where the one group is the value: then nothing matches but what `read` takes."""

    read: Read
    expression: str
    helpers: dict[str, Any]
    tokens: str = ""
    of_tokens: Callable[..., Any] | None = tuple

    def taken(self, name: str, groups: range) -> tuple[str, dict[str, Any]]:
        """The expression over the groups `g` of a match that makes the value, and what it calls, under this name."""
        if self.of_tokens is None:
            return f"g[{groups.start}]", {}
        return f"{name}({', '.join(f'g[{n}]' for n in groups)})", {name: self.of_tokens}


# Of strings in canonical text: what stands between the quotes is the value itself.
WRITTEN, NUMBER = '"([ !#-\\[\\]-~]*)"', "(0|-?[1-9][0-9]{0,15})"


def plain_of(text: str) -> Any:
    """The JSON value of a text; raises BadForm where it is none. What the canonical form forbids is found by
    comparing the re-encoding, so NaN, floats and repeated names need no words here."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadForm("not a JSON text") from error


def canonical(value: Any) -> str:
    """The canonical text (RFC 8785) of a value of the profile."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def check_profile(value: Any, path: str, depth: int) -> None:
    """Raise BadForm unless the value is of the JSON profile: no null, no floats, plain names, shallow."""
    if depth > DEPTH:
        raise bad(path, f"nested deeper than {DEPTH}")
    if type(value) is dict:
        for name, item in value.items():
            if not NAME.fullmatch(name):
                raise bad(path, f"a name is [a-z][a-z0-9_]*, not {name[:40]!r}")
            check_profile(item, f"{path}.{name}", depth + (type(item) in (dict, list)))
    elif type(value) is list:
        for item in value:
            check_profile(item, path, depth + (type(item) in (dict, list)))
    elif type(value) is str:
        if not STRING.fullmatch(value):
            raise bad(path, 'a string is 1 to 128 characters of ASCII without " and \\')
    elif type(value) is int:
        if abs(value) > words.SAFE:
            raise bad(path, "an integer within 2^53-1")
    elif type(value) is not bool:
        raise bad(path, "an object, array, string, integer, true or false")


def _read_id(value: Any, path: str) -> bytes:
    if type(value) is not str or not ID.fullmatch(value):
        raise bad(path, "an id is a UUIDv7 as 32 lower-case hex digits")
    return bytes.fromhex(value)


def _read_bool(value: Any, path: str) -> bool:
    if type(value) is not bool:
        raise bad(path, "true or false")
    return value


def _integer(least: int, most: int) -> Read:
    def read(value: Any, path: str) -> int:
        if type(value) is not int or not least <= value <= most:
            raise bad(path, f"an integer from {least} to {most}")
        return value

    return read


def _written_integer(least: int, most: int) -> Callable[[str], int]:
    def read(written: str) -> int:
        value = int(written)
        if not least <= value <= most:
            raise bad("", f"an integer from {least} to {most}")
        return value

    return read


def _string(expression: str) -> Read:
    matches = re.compile(expression, re.ASCII).fullmatch

    def read(value: Any, path: str) -> str:
        if type(value) is not str or not matches(value):
            raise bad(path, f"a string like {expression}")
        return value

    return read


def _octets(size: int, prefix: bytes) -> Read:
    length = 4 * ((size + len(prefix) + 2) // 3)

    def read(value: Any, path: str) -> bytes:
        if type(value) is str and len(value) == length and value.isascii():
            try:
                octets = binascii.a2b_base64(value)
            except binascii.Error:
                octets = b""
            # The re-encoding finds junk and non-zero tail bits, which a2b_base64 lets pass.
            if len(octets) == size + len(prefix) and octets.startswith(prefix) and base64(octets) == value:
                return octets[len(prefix) :]
        raise bad(path, f"base64 of {size + len(prefix)} octets{' of type 0x01 (Ed25519)' if prefix else ''}")

    return read


def _choice(choices: tuple[str, ...]) -> Read:
    def read(value: Any, path: str) -> str:
        if type(value) is not str or value not in choices:
            raise bad(path, "one of " + ", ".join(choices))
        return value

    return read


def _read_json(value: Any, path: str) -> str:
    # Depth is that of the outermost object; bodies stand at the second level of their text (the third in a genesis).
    check_profile(value, path, 2 + path.count(".") if type(value) in (dict, list) else 1)
    return canonical(value)


def _codec(hint: Any) -> Codec:
    """The codec of one type of `words`, of a Literal, a list, a map or another form."""
    if hint in words.IDS:
        return Codec(_read_id, '"{V.hex()}"', {}, f'"({ID.pattern})"', bytes.fromhex)
    if hint is bool:
        lower = {"lower": lambda flag: "true" if flag else "false"}
        return Codec(_read_bool, "{lower(V)}", lower, "(true|false)", "true".__eq__)
    if get_origin(hint) is Literal:
        return Codec(_choice(get_args(hint)), '"{V}"', {}, f'"({"|".join(map(re.escape, get_args(hint)))})"', None)
    if get_origin(hint) is Annotated:
        return _annotated(*get_args(hint)[:2])
    if get_origin(hint) is tuple:
        return _list(get_args(hint)[0])
    return _nested(hint)


def _annotated(base: Any, mark: Any) -> Codec:
    if isinstance(mark, words.Between):
        return Codec(_integer(*mark), "{V}", {}, NUMBER, _written_integer(*mark))
    if isinstance(mark, words.Pattern):
        return _pattern_codec(mark.expression)
    if isinstance(mark, words.Octets):
        return _octets_codec(mark)
    if mark == words.JSON:
        return Codec(_read_json, "{V}", {})
    if mark == words.MAP:
        return _map(*get_args(get_args(base)[0]))
    return _codec(base)  # a mark of another kind, such as the form of legs, belongs to whoever reads it


def _pattern_codec(expression: str) -> Codec:
    read = _string(expression)
    if "(" in expression:  # a group of its own, or a look ahead, which may not stand inside another expression
        return _string_codec(read, '"{V}"', {})
    return Codec(read, '"{V}"', {}, f'"({expression})"', None)


def _octets_codec(mark: words.Octets) -> Codec:
    if not mark.prefix:
        return Codec(_octets(*mark), '"{base64(V)}"', {}, f'"({_base64_of(mark.size)})"', binascii.a2b_base64)
    return _string_codec(_octets(*mark), '"{key_text(V)}"', {"key_text": lambda octets: base64(mark.prefix + octets)})


def _base64_of(size: int) -> str:
    """What matches base64 of so many octets, in its one form: the bits of the last character that are left are zero."""
    any_, (whole, rest) = "[A-Za-z0-9+/]", divmod(size, 3)
    return f"{any_}{{{4 * whole}}}" + ("", f"{any_}[AQgw]==", f"{any_}{{2}}[AEIMQUYcgkosw048]=")[rest]


def _string_codec(read: Read, expression: str, helpers: dict[str, Any]) -> Codec:
    return Codec(read, expression, helpers, WRITTEN, lambda written: read(written, ""))


def _list(item: Any) -> Codec:
    codec = _codec(item)
    write = _writer(codec)

    def read(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not list:
            raise bad(path, "an array")
        return tuple(codec.read(one, f"{path}.{n}") for n, one in enumerate(value))

    name = f"list_{id(write):x}"
    return Codec(read, f"[{{{name}(V)}}]", {name: lambda values: ",".join(map(write, values))})


def _map(key: Any, item: Any) -> Codec:
    keys, items = _codec(key), _codec(item)
    write = _writer(items)

    def read(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not dict:
            raise bad(path, "an object")
        return tuple((keys.read(k, path), items.read(value[k], f"{path}.{k}")) for k in sorted(value))

    def joined(pairs: tuple[Any, ...]) -> str:
        return ",".join(f'"{k}":{write(v)}' for k, v in pairs)

    name = f"map_{id(joined):x}"
    return Codec(read, f"{{{{{{{name}(V)}}}}}}", {name: joined})


def _nested(hint: Any) -> Codec:
    form = Form(hint)
    name = f"form_{id(form):x}"
    return Codec(form.read_at, f"{{{name}(V)}}", {name: form.text}, *form.tokens())


def _writer(codec: Codec) -> Callable[[Any], str]:
    return _function("o", [], codec.expression.replace("V", "o"), codec.helpers)


def _function(arguments: str, lines: list[str], template: str, helpers: Mapping[str, Any]) -> Callable[..., str]:
    """A function from its text: what namedtuple itself does, for the same reason, speed."""
    body = "".join(f"    {line}\n" for line in [*lines, f"return f'{template}'"])
    names: dict[str, Any] = {"base64": base64, **helpers}
    exec(f"def text({arguments}):\n{body}", names)  # the text is made of field names of our own types alone
    function: Callable[..., str] = names["text"]
    return function


def _lambda(arguments: str, expression: str, helpers: Mapping[str, Any]) -> Callable[..., Any]:
    """The same for an expression over the groups `g` of a match."""
    function: Callable[..., Any] = eval(f"lambda {arguments}: ({expression})", dict(helpers))
    return function


def _places(tokens: list[str]) -> list[range]:
    """Which groups of a match belong to each of these expressions in a row."""
    ends = list(accumulate(re.compile(one).groups for one in tokens))
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class Field(NamedTuple):
    """A field of a form: its written name, its type without the `| None`, whether it may be absent, its codec."""

    name: str
    hint: Any
    optional: bool
    codec: Codec


class Piece(NamedTuple):
    """One name of a written object: where its value stands and the expression that writes it."""

    name: str
    place: str
    expression: str
    optional: bool
    tokens: str

    def template(self, before: str, after: str) -> str:
        """This piece of the f-string, with its comma."""
        return f'{before}"{self.name}":{self.expression.replace("V", self.place)}{after}'

    def pattern(self, before: str, after: str) -> str:
        """This piece of the expression that matches what is written, with its comma."""
        piece = f'{before}"{self.name}":{self.tokens}{after}'
        return f"(?:{piece})?" if self.optional else piece


class Taken(NamedTuple):
    """An expression that matches what a form writes, and of its groups `g` the fields of the form, the envelope, and
    what these two call."""

    expression: str
    form: str
    envelope: str
    helpers: dict[str, Any]


def fields_of(form: type) -> list[Field]:
    """The fields of a NamedTuple in their order; an array (words.ARRAYS) has no field that stands apart."""
    fields = []
    for name, hint in get_type_hints(form, include_extras=True).items():
        if name == "items" and form in words.ARRAYS:
            continue
        optional = get_origin(hint) is UnionType or NoneType in get_args(hint)
        bare = next(h for h in get_args(hint) if h is not NoneType) if optional else hint
        fields.append(Field(name.rstrip("_"), bare, optional, _codec(bare)))
    return fields


class Form(Generic[F]):
    """A NamedTuple compiled: `read` for its strict parser, `text` for its canonical JSON.

    `constants` are further names with fixed strings (an event's own name); `envelope` is a second NamedTuple whose
    fields stand in the same object (what every instruction carries beside its own).
    """

    def __init__(self, form: type[F], constants: Mapping[str, str] | None = None, envelope: type | None = None):
        self.form = form
        self.fields = fields_of(form)
        self.envelope = envelope
        self.envelope_fields = fields_of(envelope) if envelope else []
        self.constants = dict(constants or {})
        self.is_array = form in words.ARRAYS
        self._readers, self._envelope_readers = _readers(self.fields), _readers(self.envelope_fields)
        self._flaw: Callable[[F], str | None] | None = getattr(form, "flaw", None)  # what no field's type can say
        self._texts = sorted((f.name, n) for n, f in enumerate(self.fields) if f.hint == words.FreeText)
        self.text: Callable[..., str] = self._array_writer() if self.is_array else self._object_writer()
        self._matches, self._of_groups = self._text_reader()

    def read_at(self, plain: Any, path: str = "") -> F:
        """The form from a plain JSON value; raises BadForm. The value's names must be exactly the form's."""
        return self._read_array(plain, path) if self.is_array else self._read_object(plain, path)[0]

    def read(self, octets: bytes | str) -> tuple[F, Any]:
        """The form and its envelope from one canonical JSON text; raises BadForm on anything else."""
        text = octets if isinstance(octets, str) else ascii_of(octets)
        return self.read_written(text) or self.read_plain(plain_of(text), text)

    def read_written(self, text: str) -> tuple[F, Any] | None:
        """What `read` makes of a text that matches to the octet what this form writes, in half the time; else None, and
        `read` says why. Each value is read as strictly as it is there."""
        matched = self._matches(text) if self._matches else None
        if matched is None:
            return None
        try:
            form, envelope = self._of_groups(matched.groups())
        except BadForm:
            return None
        return None if self._flaw and self._flaw(form) else (form, envelope)

    def read_plain(self, plain: Any, text: str) -> tuple[F, Any]:
        """As `read`, where the text has been parsed already."""
        form, envelope = self._read_object(plain, "")
        written = self.text(form, envelope) if self.envelope else self.text(form)
        if written != text:
            raise BadForm("the object is not its own canonical form (RFC 8785): names sorted, no space, no repeats")
        return form, envelope

    def _read_object(self, plain: Any, path: str) -> tuple[F, Any]:
        if type(plain) is not dict:
            raise bad(path, "an object")
        prefix = path + "." if path else ""
        own = _values(plain, self._readers, prefix)
        around = _values(plain, self._envelope_readers, prefix)
        for name, value in self.constants.items():
            if plain.get(name) != value:
                raise bad(prefix + name, f'"{value}"')
        known = len(own) - own.count(None) + len(around) - around.count(None) + len(self.constants)
        if known != len(plain):
            raise bad(path, "unknown field " + repr(self._unknown(plain))[:60])
        form = self.form(*own)
        if self._flaw and (why := self._flaw(form)):
            raise bad(path, why)
        return form, (self.envelope(*around) if self.envelope else None)

    def _unknown(self, plain: dict[str, Any]) -> str:
        names = {field.name for field in self.fields + self.envelope_fields} | set(self.constants)
        return next(iter(sorted(set(plain) - names)), "")

    def _read_array(self, plain: Any, path: str) -> F:
        if type(plain) is not list or len(plain) != len(self.fields):
            raise bad(path, f"an array of {len(self.fields)}: " + ", ".join(field.name for field in self.fields))
        return self.form(*[read(v, f"{path}.{name}") for (name, _, read), v in zip(self._readers, plain, strict=True)])

    def _array_writer(self) -> Callable[..., str]:
        parts = [field.codec.expression.replace("V", f"o[{n}]") for n, field in enumerate(self.fields)]
        return _function("o", [], "[" + ",".join(parts) + "]", self._helpers())

    def tokens(self) -> tuple[str, Callable[..., Any]]:
        """What matches this form inside another, if all its values can be matched, and makes it of the groups."""
        if self.is_array:
            return self._array_tokens()
        taken = self._taken()
        if taken is None or self._flaw is not None:
            return "", tuple
        # The whole is a group too, the first, so that it can be told whether the form is there at all.
        return f"({taken.expression})", _lambda("text, *g", f"made(form, ({taken.form},))", taken.helpers)

    def _array_tokens(self) -> tuple[str, Callable[..., Any]]:
        codecs = [field.codec for field in self.fields]
        if not all(codec.tokens for codec in codecs):
            return "", tuple
        helpers: dict[str, Any] = {"form": self.form}
        values = []
        for n, (codec, groups) in enumerate(zip(codecs, _places([codec.tokens for codec in codecs]), strict=True)):
            value, called = codec.taken(f"take_{n}", groups)
            values.append(value)
            helpers |= called
        of_tokens = _lambda("*g", f"form({', '.join(values)})", helpers)
        return r"\[" + ",".join(codec.tokens for codec in codecs) + r"\]", of_tokens

    def _text_reader(self) -> tuple[Callable[[str], re.Match[str] | None] | None, Callable[[Any], tuple[F, Any]]]:
        """An expression that matches what this form writes, and what makes the form and its envelope of its groups."""
        taken = None if self.is_array else self._taken()
        if taken is None:
            return None, lambda groups: (self.form(), None)
        of_groups = _lambda("g", f"made(form, ({taken.form},)), {taken.envelope}", taken.helpers)
        return re.compile(taken.expression).fullmatch, of_groups

    def _taken(self) -> Taken | None:
        """How an object of this form is matched and made, if all its values can be matched."""
        pieces, first = self._pieces()
        fields = {f"o[{n}]": field for n, field in enumerate(self.fields)}
        fields |= {f"e[{n}]": field for n, field in enumerate(self.envelope_fields)}
        helpers: dict[str, Any] = {"form": self.form, "envelope": self.envelope, "made": tuple.__new__}
        if not all(piece.tokens for piece in pieces):
            return None
        made = dict.fromkeys(fields, "")
        for piece, part in zip(pieces, _places([piece.tokens for piece in pieces]), strict=True):
            if piece.place:
                value, called = fields[piece.place].codec.taken(f"take_{part.start}", part)
                helpers |= called
                absent = f"None if g[{part.start}] is None else " if piece.optional and called else ""
                made[piece.place] = absent + value
        own, around = (", ".join(made[place] for place in made if place[0] == side) for side in "oe")
        envelope = f"made(envelope, ({around},))" if self.envelope else "None"
        expression = "".join(p.pattern("," * (n > first), "," * (n < first)) for n, p in enumerate(pieces))
        return Taken(r"\{" + expression + r"\}", own, envelope, helpers)

    def _pieces(self) -> tuple[list[Piece], int]:
        """The names of the written object in order, and the first that is always there, on which commas lean."""
        pieces = [Piece(f.name, f"o[{n}]", f.codec.expression, f.optional, f.codec.tokens)
                  for n, f in enumerate(self.fields)]  # fmt: skip
        pieces += [Piece(f.name, f"e[{n}]", f.codec.expression, f.optional, f.codec.tokens)
                   for n, f in enumerate(self.envelope_fields)]  # fmt: skip
        pieces += [Piece(name, "", f'"{value}"', False, f'"{value}"') for name, value in self.constants.items()]
        pieces.sort()
        return pieces, next((n for n, piece in enumerate(pieces) if not piece.optional), 0)

    def _object_writer(self) -> Callable[..., str]:
        """One f-string with the names in order."""
        pieces, first = self._pieces()
        lines, template = [], ""
        for n, piece in enumerate(pieces):
            part = piece.template(before="," * (n > first), after="," * (n < first))
            if piece.optional:
                lines.append(f"p{n} = '' if {piece.place} is None else f'{part}'")
                part = f"{{p{n}}}"
            template += part
        arguments = "o, e" if self.envelope else "o"
        return _function(arguments, lines, "{{" + template + "}}", self._helpers())

    def _helpers(self) -> dict[str, Any]:
        return {k: v for field in self.fields + self.envelope_fields for k, v in field.codec.helpers.items()}

    def texts(self) -> list[tuple[str, int]]:
        """Name and place of each field that is the hash of a free text, in the order their lines are sent."""
        return self._texts

    def references(self) -> Iterator[tuple[int, Any]]:
        """Place and type of each field that is an id or a public key: what a footprint is made of."""
        for n, field in enumerate(self.fields):
            if field.hint in words.IDS or field.hint == words.PublicKey:
                yield n, field.hint


def ascii_of(octets: bytes) -> str:
    try:
        return octets.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadForm("the object holds octets that are not ASCII") from error


def _readers(fields: list[Field]) -> list[tuple[str, bool, Read]]:
    return [(name, optional, codec.read) for name, _, optional, codec in fields]


def _values(plain: dict[str, Any], readers: list[tuple[str, bool, Read]], prefix: str) -> list[Any]:
    values = []
    for name, optional, read in readers:
        if name in plain:
            values.append(read(plain[name], prefix + name if prefix else name))
        elif optional:
            values.append(None)
        else:
            raise bad(prefix + name, "is missing")
    return values
