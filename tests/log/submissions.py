"""An instruction, its parts in any order, and how a refusal is asked for: what the tests of submissions share."""

from collections.abc import Callable, Sequence

import pytest

from ledger.log import instruction, keys, notes, salted
from ledger.log.instruction import Submission
from ledger.log.malformed import Malformed

ORIGIN = "ledger.example/solana"
HOLDER = "01a1ee5661e87aeb9d0e896041ed7786"
OBJECT = b'{"amount":3430,"id":"01a1ee5661e87aeb9d0e896041ed7787"}'
TEXT = instruction.text("transfer", ORIGIN, OBJECT)
SEED = bytes(range(32))


def line_of(name: str = f"{ORIGIN}/{HOLDER}", text: bytes = TEXT, seed: bytes = SEED) -> str:
    """A signature line over a text."""
    return notes.format_line(name, keys.key_id(name, keys.public_of(seed)), keys.sign(seed, text))


def lines_of(count: int) -> list[str]:
    """Signature lines of this many holders."""
    return [line_of(f"{ORIGIN}/{HOLDER[:-4]}{n:04x}", seed=bytes([n]) * 32) for n in range(count)]


def note_of(lines: Sequence[str], text: bytes = TEXT) -> bytes:
    """A note with its lines in the order given, right or wrong."""
    return text + b"\n" + "".join(line + "\n" for line in lines).encode()


NOTE = note_of([line_of()])
SALTED = (salted.line(bytes(16), b'{"n":1}'), salted.free_text(bytes(16), "Pa i formatge, «5 kg»"))
SUBMISSION = instruction.submission(NOTE, SALTED)
LOGIN_TEXT = instruction.login_text(ORIGIN, b'{"nonce":"a"}')
LOGIN = note_of([line_of(text=LOGIN_TEXT)], LOGIN_TEXT)


def refused(octets: bytes, parse: Callable[[bytes], Submission] = instruction.parse) -> str:
    """The message of the refusal, which is short whatever was sent."""
    with pytest.raises(Malformed) as error:
        parse(octets)
    message = str(error.value)
    assert 0 < len(message) < 200
    return message
