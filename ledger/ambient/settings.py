"""Settings: one frozen dataclass, from defaults, a configuration file, the environment and flags, in rising order.

`sources` remembers where each came from, so that `comarca config` can show it. `repr` hides what is secret.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

PREFIX = "COMARCA_"
FILE = "comarca.toml"


class SettingsError(Exception):
    """A setting that cannot be used; the message names it, where it came from and what to do."""


@dataclass(frozen=True)
class Settings:
    """What the command and the server go by. Paths are of files of mode 0600 where they hold keys or passwords."""

    url: str = "sqlite:///comarca.db"
    ledger: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    operator_key: Path = Path("operator.key")
    clerk_key: Path = Path("clerk.key")
    keyring: Path = Path("keyring.json")
    password_file: Path | None = None
    server: str | None = None
    threads: int = 16
    processes: int = 1
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.shown().items())
        return f"Settings({shown})"

    def shown(self) -> dict[str, Any]:
        """Each setting as it may be shown: a URL's password is hidden."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sources"}
        return values | {"url": re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", self.url)}


def read_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """The settings in force; raises SettingsError. Flags that are None were not given."""
    settings = Settings()
    path = file or Path(environment.get(PREFIX + "CONFIG", FILE))
    if file is not None and not path.exists():
        raise SettingsError(f"{path}: there is no such configuration file")
    if path.exists():
        settings = _take(settings, _read_file(path), str(path))
    names = [f.name for f in fields(Settings) if PREFIX + f.name.upper() in environment]
    named = {name: environment[PREFIX + name.upper()] for name in names}
    settings = _take(settings, named, "environment")
    return _take(settings, {name: value for name, value in flags.items() if value is not None}, "flag")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _take(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    known = {f.name: f.type for f in fields(Settings) if f.name != "sources"}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"{name} (from {source}): no such setting; there are {', '.join(known)}")
        changed = _converted(name, value, str(known[name]), source)
        settings = replace(settings, **{name: changed}, sources={**settings.sources, name: source})
    return settings


def _converted(name: str, value: Any, kind: str, source: str) -> Any:
    if "Path" in kind:
        return Path(value)
    if kind != "int":
        return str(value)
    if isinstance(value, int) or re.fullmatch(r"[0-9]{1,9}", str(value), re.ASCII):
        return int(value)
    raise SettingsError(f"{name} (from {source}): a whole number, not {str(value)[:40]!r}")
