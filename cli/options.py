"""The options that every command takes, before or after its name, and the session that they make."""

from collections.abc import Callable
from contextlib import closing
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.errors import one_line
from cli.session import Session
from ledger.ambient.settings import SettingsError, read_settings
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.errors import StoreError, Unavailable

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)
READABLE = click.Path(path_type=Path, dir_okay=False, exists=True, readable=True, allow_dash=True)


class Command(click.Command):
    """A command whose errors are one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        with one_line():
            return super().invoke(ctx)


class Group(click.Group):
    """A noun, whose verbs are commands of ours."""

    command_class = Command
    group_class = type


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Keep a given value for the session; what stands nearer to the verb wins."""
    given: dict[str, Any] = ctx.find_root().meta.setdefault("comarca", {})
    if value is not None and value is not False and parameter.name:
        given[parameter.name] = value
    return value


def kept_option(*names: str, **more: Any) -> Callable[[F], F]:
    """An option whose value goes to the session's settings."""
    return click.option(*names, expose_value=False, callback=_keep, **more)


def _ledgers(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For a shell that completes: the ledgers in the SQLite file that is named; none where that cannot be read."""
    given = ctx.find_root().meta.get("comarca", {})
    try:
        url = read_settings({"url": given.get("url")}, file=given.get("config")).url
        if sqlite_file(parse_url(url)) is None:  # a server may keep the shell waiting
            return []
        with closing(Store.open(url)) as store:
            return [head.name for head in store.heads() if head.name.startswith(incomplete)]
    except (SettingsError, StoreError, Unavailable):
        return []


COMMON = (
    kept_option("--json", "json", is_flag=True, help="JSON on stdout, for programs."),
    kept_option("--config", type=FILE, help="Configuration file (TOML); comarca.toml where there is one."),
    kept_option("--url", metavar="URL", help="Database: sqlite:///FILE or postgresql://USER@HOST/DATABASE."),
    kept_option("--ledger", metavar="NAME", help="Which ledger, where there are several.", shell_complete=_ledgers),
    kept_option("--server", metavar="URL", help="Work through this server, not on the database."),
    kept_option("--password-file", type=FILE, help="File (mode 0600) with the password of the keys."),
)
WRITES = (
    kept_option("--clock-is-right", is_flag=True, help="Write although the last entry is over 7 days old."),
)  # fmt: skip
SIGNS = (
    click.option("--key", "key_files", type=FILE, multiple=True, metavar="FILE",
                 help="Key file to sign with; several times for several signers."),
)  # fmt: skip
GATHERS = (
    click.option("--out", type=FILE, help="Where to put the text if signatures are missing."),
    kept_option("--draft", type=FILE, help="Write the text there, signed by nobody yet, and send nothing."),
)  # fmt: skip


def with_options(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[F], F]:
    """Add the common options and these groups to a command."""

    def decorate(function: F) -> F:
        for option in reversed([one for group in (*groups, COMMON) for one in group]):
            function = option(function)
        return function

    return decorate


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command its session, open until it ends."""

    @click.pass_context
    def run(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        session = ctx.with_resource(Session.of_flags(ctx.meta.get("comarca", {}), ctx.command_path.partition(" ")[2]))
        return ctx.invoke(function, session, *args, **kwargs)

    return update_wrapper(run, function)
