"""`comarca config`: what is in force and from where."""

import click

from cli.options import Command, pass_session, with_options
from cli.output import write_json, write_table
from cli.session import Session


@click.command(cls=Command)
@with_options()
@pass_session
def config(session: Session) -> None:
    """Show every setting in force and where it comes from; secrets are hidden.

    \b
    Example: comarca config
    """
    settings = session.settings
    shown = {name: (None if value is None else value if isinstance(value, int) else str(value),
                    settings.sources.get(name, "default")) for name, value in settings.shown().items()}  # fmt: skip
    if session.as_json:
        write_json({name: {"value": value, "from": source} for name, (value, source) in shown.items()})
        return
    write_table(["setting", "value", "from"], [(name, *pair) for name, pair in shown.items()])
