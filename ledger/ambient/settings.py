"""Settings: one frozen dataclass, from defaults, a configuration file, the environment and flags, in rising order.

The file is TOML, `comarca.toml` in the working folder unless COMARCA_CONFIG or a flag names another. The environment's
names are the settings' own in capitals after COMARCA_. `sources` remembers where each came from, so that
`comarca config` can show it. `repr` hides what is secret.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

PREFIX = "COMARCA_"
FILE = "comarca.toml"
DEFAULT = "default"
SHOWN = 40  # characters of a wrong value


class SettingsError(Exception):
    """A setting that cannot be used; the message names it, where it came from and what belongs there."""


@dataclass(frozen=True)
class Settings:
    """What the command and the server go by. Files of keys and passwords are of mode 0600.

    `url` is the database's; `server` the address of a server to ask instead of the database; `signer` the socket of a
    signer that has the operator's key instead of this process.
    """

    url: str = "sqlite:///comarca.db"
    ledger: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    operator_key: Path = Path("operator.key")
    operator_key_before: Path | None = None
    signer: Path | None = None
    clerk_key: Path = Path("clerk.key")
    keyring: Path = Path("keyring.json")
    password_file: Path | None = None
    server: str | None = None
    connections: int = 1000
    streams: int = 160
    rate: int = 50
    burst: int = 2000
    proxies: int = 0
    log: str = "warning"
    processes: int = 1
    witness_policy: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.shown().items())
        return f"Settings({shown})"

    def shown(self) -> dict[str, Any]:
        """Each setting as it may be shown: the passwords in addresses are hidden."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: hide_passwords(value) if isinstance(value, str) else value for name, value in values.items()}

    def source(self, name: str) -> str:
        """Where a setting came from: "default", "flag", a file's path or an environment variable's name."""
        return self.sources.get(name, DEFAULT)


NAMES = tuple(f.name for f in fields(Settings) if f.name != "sources")
WHOLE = {
    "port": (0, 65_535),
    "connections": (10, 10_000),
    "streams": (0, 10_000),
    "processes": (1, 100),
    "rate": (1, 1_000_000),
    "burst": (1, 1_000_000),
    "proxies": (0, 10),
}  # least and most; port 0 takes a free one
LEVELS = ("error", "warning", "info")  # of the log; at info each request has a line
PATHS = ("witness_policy", "operator_key", "operator_key_before", "signer", "clerk_key", "keyring", "password_file")


def hide_passwords(address: str) -> str:
    """An address without its password, wherever it stands: `user:password@` or `?password=`."""
    without = re.sub(r"(://[^:/?#]*):.*@", r"\1:***@", address, flags=re.DOTALL)
    return re.sub(r"([?&;][a-z_]*pass(?:word|wd)?=)[^&;#]*", r"\1***", without, flags=re.IGNORECASE)


def read_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """The settings in force; raises SettingsError. Flags that are None and variables that are empty were not given."""
    named = environment.get(variable("config"))
    path = file or Path(named or FILE)
    values = _read_file(path, must_exist=bool(file or named))
    settings = _take(Settings(), values, lambda name: str(path))
    variables = {name: text for name in NAMES if (text := environment.get(variable(name)))}
    settings = _take(settings, variables, variable)
    return _take(settings, {name: value for name, value in flags.items() if value is not None}, lambda name: "flag")


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return PREFIX + name.upper()


def _read_file(path: Path, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if must_exist:
            raise SettingsError(f"{path}: there is no such configuration file") from error
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _take(settings: Settings, values: Mapping[str, Any], source: Callable[[str], str]) -> Settings:
    changed, sources = {}, dict(settings.sources)
    for name, value in values.items():
        sources[name] = source(name)
        if name not in NAMES:
            raise SettingsError(f"{name} (from {sources[name]}): no such setting; there are {', '.join(NAMES)}")
        try:
            changed[name] = _converted(name, value)
        except ValueError as error:
            raise SettingsError(f"{name} (from {sources[name]}): {error}") from None
    return replace(settings, **changed, sources=sources)


def _converted(name: str, value: Any) -> Any:
    if name in WHOLE:
        return _whole(value, *WHOLE[name])
    if name == "log" and value not in LEVELS:
        raise ValueError(f"one of {', '.join(LEVELS)} belongs here, not {_short(value)}")
    if isinstance(value, Path) and name in PATHS:
        return value
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ValueError(f"text belongs here, not {_short(value)}")
    return Path(value) if name in PATHS else value


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"a whole number from {least} to {most} belongs here, not {_short(value)}")
    return value


def _short(value: Any) -> str:
    """A wrong value, cut, and with its passwords hidden: it may be an address in the wrong place."""
    return repr(hide_passwords(str(value))[:SHOWN])
