"""`comarca completion`: the script by which a shell completes nouns, verbs, options and what these take."""

import click
from click.shell_completion import get_completion_class

from cli.options import Command

SHELLS = ("bash", "fish", "zsh")
VARIABLE = "_COMARCA_COMPLETE"  # by which the script asks the program, as click has it


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and their words when the tab key is pressed.

    \b
    Example: comarca completion bash > ~/.local/share/bash-completion/completions/comarca
             comarca completion zsh > ~/.zfunc/_comarca
             comarca completion fish > ~/.config/fish/completions/comarca.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    root = ctx.find_root()
    click.echo(made(root.command, {}, "comarca", VARIABLE).source())
