"""A folder with a founded ledger in it, and the command as a person would run it there."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cli.main import main
from ledger.ambient.ids import new_id
from ledger.signer.keyfile import public_keys, write_keys

ORIGIN = "ledger.example/solana"
PASSWORD = "only for tests"
DESCRIPTION = f"""
origin = "{ORIGIN}"
losses_cap = 1000000
utc_offset = 60
authority = {{ any = ["administrators", 2] }}
territory = {{ name = "Solana", places = ["ES/08215"] }}
unit = {{ code = "SOL", name = "sol", scale = 2 }}
policies = {{ limits = {{ commercial = [-500000, 500000], public = [-1000000, 10000] }} }}
"""
FACTS = ("--kind", "business", "--place", "ES/08215")


class House:
    """The folder. Keys have their files' names; `main` runs in the folder, as its tests have changed into it.
    `address` is that of its server, where there is one."""

    address = ""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "password").chmod(0o600)
        (folder / "territory.toml").write_text(DESCRIPTION)

    def key(self, name: str) -> str:
        """A key file, made cheaply; its holder."""
        holder = "operator" if name == "operator" else new_id().hex()
        write_keys(self.folder / f"{name}.key", {holder: os.urandom(32)}, PASSWORD.encode(), 2)
        return holder

    def holder(self, name: str) -> str:
        """The holder of a key file."""
        return next(iter(public_keys(self.folder / f"{name}.key")))

    def run(self, *arguments: object) -> Result:
        """Run a command."""
        return CliRunner().invoke(main, [str(one) for one in arguments], env={"COMARCA_PASSWORD_FILE": "password"})

    def good(self, *arguments: object) -> str:
        """Run a command that must go well; its stdout."""
        result = self.run(*arguments)
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.stdout

    def json(self, *arguments: object) -> Any:
        """Run a command that must go well, for programs."""
        return json.loads(self.good(*arguments, "--json"))

    def both_ways(self, *arguments: object, key: str = "anna.key") -> Any:
        """What a reading command says, which is the same on the database and through the server; its JSON, too."""
        said = [self.good(*arguments, *way) for way in ((), ("--server", self.address, "--key", key))]
        assert said[0] == said[1]
        found = [self.json(*arguments, *way) for way in ((), ("--server", self.address, "--key", key))]
        assert found[0] == found[1]
        return found[0]

    def bad(self, code: int, *arguments: object) -> str:
        """Run a command that must end with this code and one line on stderr; the line."""
        result = self.run(*arguments)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        last = result.stderr.strip().split("\n")[-1]
        assert last.startswith("Error: "), result.stderr
        assert "Traceback" not in result.output
        return last

    def found(self) -> None:
        """Found the ledger, in the two steps."""
        for name in ("anna", "berta", "carla", "clerk", "operator"):
            self.key(name)
        self.good("init", "genesis.note", "--draft", "--from", "territory.toml", *_each("--administrator", (
            "anna.key", "berta.key", "carla.key")))  # fmt: skip
        signers = ("anna.key", "berta.key", "carla.key", "clerk.key")
        self.good("sign", "genesis.note", *_each("--key", signers))
        self.good("init", "genesis.note")

    def admit(self, name: str, class_: str = "commercial") -> str:
        """Admit a member by a key of this name; its id."""
        id = self.key(name)
        self.good("member", "admit", "--class", class_, *FACTS, "--member-key", f"{name}.key", "--profile",
                  name.title(), *BOTH)  # fmt: skip
        return id


BOTH = ("--key", "anna.key", "--key", "berta.key")


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
