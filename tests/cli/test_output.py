"""What a person sees at a terminal, and what goes into a pipe."""

import sys

import pytest

from cli import output

ID, KEY = "0192f3a87c0b7e1a9d2c4b5a69788796", "Ae1J0sUFhGPKjmub2cNKhWbZCsgyEWYeB7x2/VRXp8H0"


def test_nothing_to_be_copied_is_broken_on_a_narrow_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.write_table(["name", "holder", "public key"], [("A name of several words", ID, KEY)])
    shown = capsys.readouterr().out
    assert ID in shown and KEY in shown and "several" in shown


def test_into_a_pipe_a_row_is_one_line_whatever_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_table(["name", "on"], [("a\tb\nc\x1b[31m\u2028d", True), (None, False)])
    assert capsys.readouterr().out == "name\ton\na b c [31m d\tyes\n\tno\n"


def test_what_is_said_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("hello")
    with output.progress("Paying", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "hello\n")
