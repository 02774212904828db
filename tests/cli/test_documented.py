"""Every command is documented: in docs/command.md, with a help, with an example that can be typed as it stands."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.main import main
from tests.cli.house import House

PAGE = Path(__file__).parents[2] / "docs" / "command.md"


def commands(group: click.Group = main, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Each verb by its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


NAMED = dict(commands())


def examples(command: click.Command) -> list[str]:
    """The command lines of a command's example."""
    _, found, text = (command.help or "").partition("Example: ")
    assert found, command.name
    lines = text.replace("\\\n", " ").split("\n")
    return [line[line.index("comarca ") :] for line in lines if "comarca " in line]


def test_the_page_has_every_command_and_no_other() -> None:
    rows = [row.split("|")[1] for row in PAGE.read_text().split("\n") if row.startswith("| `")]
    named = {part.strip().strip("`") for row in rows for part in row.split(",")}
    bare = {" ".join(word for word in name.split() if word.islower() and word[0] != "-") for name in named}
    assert bare == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_every_option_has_a_help(name: str) -> None:
    command = NAMED[name]
    assert command.help and command.help.strip()
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


@pytest.mark.parametrize("name", [name for name in NAMED if name != "demo"])
def test_an_example_can_be_typed_as_it_stands(empty: House, name: str) -> None:
    """In an empty folder each fails for want of a ledger or of files, none for being mistyped."""
    for line in examples(NAMED[name]):
        words = shlex.split(line.partition(" > ")[0])[1:]
        said = empty.run(*words)
        assert said.exit_code in (0, 1, 2, 3) and not isinstance(said.exception, ValueError), line
        for mistake in (
            "No such option",
            "No such command",
            "Missing ",
            "unexpected extra",
            "is not one of",
            "is not a valid",
        ):
            assert mistake not in said.stderr, (line, said.stderr)
