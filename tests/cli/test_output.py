"""What a command says cannot speak to the terminal, whoever wrote it."""

import pytest

from cli.errors import CouldNot, one_line
from cli.output import printable, say
from ledger.client.http import ServerError

HOSTILE = "paid\x1b]0;owned\x07 \x9b31m\u202e001\r\x7f"


def test_what_is_said_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE}\nsegòn – línia")
    said = capsys.readouterr().err
    assert said.split("\n")[1] == "segòn – línia"
    assert all(line.isprintable() for line in said.split("\n"))


def test_what_a_server_says_is_printable() -> None:
    with pytest.raises(CouldNot) as ended, one_line():
        raise ServerError(503, {"detail": HOSTILE})
    assert ended.value.message.isprintable() and "owned" in ended.value.message
    assert printable("a\tb\nc") == "a b c"
