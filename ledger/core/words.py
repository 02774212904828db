"""The words of signed texts, events and rows: ids, keys, numbers and strings, each with its grammar.

A type here is the whole grammar of a field: `forms` derives the strict parser, the encoder and the references
from it. Ids, keys and hashes are octets in memory and in the database, hex or base64 in text (docs/formats.md).
"""

from typing import Annotated, Any, Literal, NamedTuple, NewType, TypeVar

MOST = 10**15  # the largest amount and the largest limit, in minor units: balances stay far below 2^53
SAFE = 2**53 - 1  # the largest integer that every JSON reader keeps exactly (RFC 8259 section 6)
NO_CEILING = SAFE  # how a common account writes that it has no ceiling


class Between(NamedTuple):
    """An integer from `least` to `most`, both included."""

    least: int
    most: int


class Pattern(NamedTuple):
    """A string that matches the whole regular expression, ASCII only."""

    expression: str


class Octets(NamedTuple):
    """Octets written as base64 of `prefix` and `size` octets."""

    size: int
    prefix: bytes = b""


# Ids: UUIDv7 (RFC 9562), 16 octets. All ids of one ledger are one space; the type says what the id names.
InstructionId = NewType("InstructionId", bytes)
HolderId = NewType("HolderId", bytes)
MemberId = NewType("MemberId", bytes)
AccountId = NewType("AccountId", bytes)
IDS = (InstructionId, HolderId, MemberId, AccountId)
ID = r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}"

PublicKey = Annotated[bytes, Octets(32, b"\x01")]  # Ed25519, as in a C2SP verifier key
Hash = Annotated[bytes, Octets(32)]
FreeText = Annotated[bytes, Octets(32), "free text"]  # the hash of one salted line that is kept apart and may be erased

Amount = Annotated[int, Between(1, MOST)]
Floor = Annotated[int, Between(-MOST, 0)]
Ceiling = Annotated[int, Between(0, MOST)]
AnyCeiling = Annotated[int, Between(0, SAFE)]
Time = Annotated[int, Between(0, SAFE)]  # Unix seconds
LogIndex = Annotated[int, Between(0, SAFE)]
Count = Annotated[int, Between(1, 4096)]
Place = Annotated[int, Between(0, 4095)]
Rules = Annotated[int, Between(1, 1000)]

String = Annotated[str, Pattern(r"[ !#-\[\]-~]{1,128}")]  # 0x20-0x7E without " and \
Word = Annotated[str, Pattern(r"[a-z][a-z0-9_]{0,31}")]
KindName = Annotated[str, Pattern(r"[a-z][a-z_]{0,31}")]  # of an instruction
Origin = Annotated[str, Pattern(r"(?=.{1,100}$)[a-z0-9.-]+(:[0-9]+)?/[a-z0-9][a-z0-9-]{0,62}")]
Purpose = Annotated[str, Pattern(r"[A-Z0-9]{4}")]  # ISO 20022 external purpose code
Reference = Annotated[str, Pattern(r"[ !#-\[\]-~]{1,35}")]
OnceWord = Annotated[str, Pattern(r"[ !#-\[\]-~]{1,96}")]
Lau = Annotated[str, Pattern(r"[A-Z]{2}/[A-Za-z0-9]{1,12}")]  # country and local administrative unit
Sector = Annotated[str, Pattern(r"[a-z0-9.]{1,16}/[A-Za-z0-9.]{1,16}")]
UnitCode = Annotated[str, Pattern(r"[A-Z0-9]{2,8}")]
Currency = Annotated[str, Pattern(r"[A-Z]{3}")]  # ISO 4217

AccountKind = Literal["member", "common", "reserve", "bridge"]
Status = Literal["open", "suspended", "closed"]

JSON = "json"
MAP = "map"
Json = Annotated[str, JSON]  # any value of the JSON profile, kept as its canonical text


ARRAYS: set[type] = set()  # the forms that are written as a JSON array of their fields in order
T = TypeVar("T", bound=type)


def as_array(form: T) -> T:
    """Mark a form as written as an array, not as an object."""
    ARRAYS.add(form)
    return form


class At(NamedTuple):
    """Where and when an instruction is decided: its log index, the entry's time in Unix seconds, its id."""

    log_index: int
    time: int
    id: InstructionId


@as_array
class Anchor(NamedTuple):
    """What an instruction says it was signed on top of: the root of the log's first `size` entries."""

    size: Annotated[int, Between(1, SAFE)]
    root: Hash


@as_array
class MovementId(NamedTuple):
    """A movement's name: the id of its instruction and its place among that instruction's movements."""

    id: InstructionId
    n: Place


@as_array
class Legs(NamedTuple):
    """Many things under one signature: the text signs their count and root, the things themselves come apart."""

    number: Count
    root: Hash
    items: tuple[Any, ...] = ()
