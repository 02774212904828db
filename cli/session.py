"""What a command works with: its settings, its passwords and keys, and the way to the ledger.

Reading goes to the server that --server names, else to the database. Writing goes through that server, or through the
one that holds the lock of the SQLite file, or else straight through the door in this process.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from cli.direct import Direct
from cli.errors import CouldNot, Misused
from cli.ledgers import LedgerInfo, of_described
from ledger.ambient.settings import Settings, read_settings
from ledger.client.books import parameters
from ledger.client.http import Client, ServerError
from ledger.client.keyring import holder_of
from ledger.client.outcomes import Outcome, id_of, refused
from ledger.client.writing import Seed
from ledger.core.changes import FACTS, POLICY
from ledger.core.words import HolderId
from ledger.service.books import Plain
from ledger.signer.keyfile import WrongPassword, read_key, read_keys, read_password
from ledger.signer.remote import RemoteSigner
from ledger.signer.signer import Signer, SignerRefused, SignsCheckpoints
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.listings import MemberFilter
from ledger.store.lockfile import Held, server_of
from ledger.store.movements import Filter


class Signing(NamedTuple):
    """A holder and the seed of its key."""

    holder: HolderId
    seed: Seed


class Session:
    """A context manager: what it opened is closed with it."""

    def __init__(self, settings: Settings, who: str = "command", as_json: bool = False, clock_is_right: bool = False,
                 draft: Path | None = None):  # fmt: skip
        self.settings, self.as_json, self.clock_is_right = settings, as_json, clock_is_right
        self.draft = draft  # where to write the text, unsigned, instead of signing and sending it
        self.who = who
        self._passwords: dict[Path, bytes] = {}
        self._direct: Direct | None = None
        self._client: Client | None = None
        self._info: LedgerInfo | None = None

    @classmethod
    def of_flags(cls, given: Mapping[str, Any], who: str) -> "Session":
        """The session of a command line; `who` is the command's name. Raises SettingsError."""
        flags = {name: given.get(name) for name in ("url", "ledger", "server", "password_file", "host", "port",
                                                    "processes", "connections", "keyring", "operator_key",
                                                    "witness_policy")}  # fmt: skip
        settings = read_settings(flags, file=given.get("config"))
        return cls(settings, who, bool(given.get("json")), bool(given.get("clock_is_right")),
                   given.get("draft"))  # fmt: skip

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what waits, let everything go."""
        if self._client is not None:
            self._client.close()
        if self._direct is not None:
            self._direct.close()
        self._client = self._direct = None

    # --- passwords and keys

    def password(self, path: Path, new: bool = False) -> bytes:
        """The password of a key file: from the password file, or asked for. `new`: asked for twice."""
        if self.settings.password_file is not None:
            return read_password(self.settings.password_file)
        if path not in self._passwords:
            if not sys.stdin.isatty():
                raise Misused(f"{path}: its password is needed: name a file of mode 0600 that holds it by "
                              "--password-file or COMARCA_PASSWORD_FILE")  # fmt: skip
            text = click.prompt(f"Password of {path}", hide_input=True, confirmation_prompt=new, err=True)
            self._passwords[path] = str(text).encode()
        return self._passwords[path]

    def one_password(self, *paths: Path) -> None:
        """These new files have one password, asked for once."""
        if self.settings.password_file is None:
            self._passwords |= dict.fromkeys(paths, self.password(paths[0], new=not paths[0].exists()))

    def keys(self, files: Sequence[Path]) -> list[Signing]:
        """Every holder's key in these files, or in the keyring where none is named; of one holder there may be several,
        in the order they are named."""
        if not files and not self.settings.keyring.exists():
            raise Misused(f"no key to sign with: name a file by --key (there is no keyring {self.settings.keyring})")
        found: dict[Signing, None] = {}
        for path in files or (self.settings.keyring,):
            for name, seed in self._read_keys(path).items():
                holder = holder_of(name)
                if holder is None:
                    raise Misused(f"{path}: the key {name!r} is not named by its holder's id; is it the operator's?")
                found[Signing(holder, seed)] = None
        return list(found)

    def _read_keys(self, path: Path) -> dict[str, bytes]:
        """The seeds in a file; of a wrong password it says where that came from, as each key may have its own."""
        try:
            return read_keys(path, self.password(path))
        except WrongPassword as error:
            if self.settings.password_file is None:
                raise
            raise WrongPassword(
                f"{error}. All keys of a command are opened with the password in {self.settings.password_file}; "
                "without --password-file and COMARCA_PASSWORD_FILE each one's is asked for, at a terminal"
            ) from error

    def signer(self, origin: str) -> SignsCheckpoints:
        """Who signs this ledger's checkpoints: the process at the socket that the settings name, else this one."""
        if self.settings.signer is not None:
            return RemoteSigner(self.settings.signer, origin)
        return self.signer_here(origin)

    def signer_here(self, origin: str) -> Signer:
        """The operator's key, with the one before it if that signs too, and their one state beside the first."""
        key, before = self.settings.operator_key, self.settings.operator_key_before
        state = key.with_suffix(".state")
        if before is not None and (other := before.with_suffix(".state")) != state and other.exists():
            if state.exists():
                raise SignerRefused(f"{other}: a second state beside {state}. A ledger's signer has one: keep that in "
                                    "which more was signed, and move the other out of the way")  # fmt: skip
            raise SignerRefused(f"{other}: is the state of the key before; the new key goes on from it: stop all that "
                                f"signs, then mv {other} {state}")  # fmt: skip
        files = [key] if before is None else [key, before]
        return Signer([read_key(path, self.password(path))[1] for path in files], origin, state)

    # --- the ways

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())

    def database(self) -> Direct:
        """The ledger in the database; raises Misused where a server was named."""
        if self.settings.server is not None:
            raise Misused("this works on the database alone: leave --server out and name it by --url")
        return self._database()

    def _database(self) -> Direct:
        if self._direct is None:
            self._direct = Direct(self.settings.url, self.settings.ledger)
        return self._direct

    @property
    def server(self) -> Client | None:
        """The server to work through, or None where this process has the database to itself."""
        if self._client is None:
            address = self.settings.server or self._server_of_file()
            try:
                self._client = Client(address, self.settings.ledger) if address else None
            except ValueError as error:
                raise Misused(str(error)) from error
        return self._client

    @property
    def named_server(self) -> Client | None:
        """The server that --server names, or None where the database is read."""
        return self.server if self.settings.server is not None else None

    def _server_of_file(self) -> str | None:
        file = sqlite_file(parse_url(self.settings.url))
        return server_of(file) if file is not None else None

    @property
    def info(self) -> LedgerInfo:
        """The ledger, as it stood when this session first asked."""
        if self._info is None:
            self._info = self.look()
        return self._info

    def look(self) -> LedgerInfo:
        """The ledger as it stands."""
        if self.settings.server is not None:
            return of_described(self._remote().describe())
        return self._database().describe()

    def _remote(self) -> Client:
        server = self.server
        if server is None:
            raise CouldNot("no server")
        return server

    def log_in(self, key_files: Sequence[Path]) -> None:
        """Over HTTP, read as the first of these keys' holders; on the database nobody asks."""
        if self.settings.server is not None:
            self.log_in_as(self.keys(key_files)[0])

    def log_in_as(self, signer: Signing) -> None:
        """As `log_in`, as one holder. Raises ServerError: of a key that counts no more."""
        if self.settings.server is not None:
            self._remote().log_in(signer.holder, signer.seed, self.now)

    def account(self, id: str) -> dict[str, Any]:
        """An account's position, as the API shows it."""
        if self.settings.server is not None:
            return self._remote().account(id)
        found = self._database().account(id)
        if found is None:
            raise ServerError(404, {"detail": f"There is no account {id}."})
        return found

    def holder(self, id: str) -> dict[str, Any]:
        """What the ledger knows of a holder, as the API shows it. Over HTTP to itself and administrators alone."""
        if self.settings.server is not None:
            return self._remote().holder(id)
        found = self._database().holder(id)
        if found is None:
            raise ServerError(404, {"detail": f"There is no holder {id}."})
        return found

    def movements(self, id: str, wanted: Filter, limit: int) -> Iterator[Plain]:
        """At most `limit` movements of an account, newest first."""
        if self.settings.server is not None:
            return self._remote().movements(id, limit, **parameters(wanted._asdict()))
        return self._database().movements(id, wanted, limit)

    def all_movements(self, wanted: Filter, limit: int) -> Iterator[Plain]:
        """At most `limit` movements of the ledger, newest first."""
        if self.settings.server is not None:
            return self._remote().items("movements", parameters(wanted._asdict()), limit)
        return self._database().all_movements(wanted, limit)

    def total_movements(self, wanted: Filter, by: Sequence[str]) -> Plain:
        """What movements come to."""
        if self.settings.server is not None:
            query = parameters(wanted._asdict()) | ({"by": ",".join(by)} if by else {})
            return self._remote().read("movements/totals", query)
        return self._database().total_movements(wanted, by)

    def members(self, wanted: MemberFilter) -> Iterator[Plain]:
        """The members that are wanted, in the order of admission, with their accounts."""
        if self.settings.server is not None:
            return self._remote().items("members", parameters(wanted._asdict()))
        return self._database().members(wanted)

    def holders(self) -> Iterator[Plain]:
        """The registered holders, in the order of registration."""
        if self.settings.server is not None:
            return self._remote().items("holders", {})
        return self._database().holders()

    def total_accounts(self) -> Plain:
        """What all balances come to."""
        if self.settings.server is not None:
            return self._remote().read("accounts/totals", {})
        return self._database().total_accounts()

    def changes(self, what: str, subject: bytes | None, limit: int) -> Iterator[Plain]:
        """At most `limit` changes of an account's limits or status, a member's facts, or policies, newest first."""
        if self.settings.server is None:
            return self._database().changes(what, subject, limit)
        if what == POLICY:
            return self._remote().items("policies", {"feature": subject.decode()} if subject else {}, limit)
        named = subject.hex() if subject else ""
        return self._remote().items(
            f"members/{named}/facts" if what == FACTS else f"accounts/{named}/{what}", {}, limit
        )

    def checkpoint(self) -> bytes:
        """The checkpoint that is published: the latest, or with a policy the latest that enough witnesses cosigned."""
        if self.settings.server is not None:
            return self._remote().checkpoint()
        return self._database().published(self.settings.witness_policy)

    def entry(self, log_index: int) -> dict[str, Any]:
        """An entry's public lines and proof."""
        if self.settings.server is not None:
            return self._remote().entry(log_index)
        found = self._database().entry(log_index)
        if found is None:
            raise ServerError(404, {"detail": f"The signed log has no entry {log_index}."})
        return found

    # --- before signing

    def preview(self, octets: bytes, asking: Signing) -> dict[str, Any] | Outcome:
        """What a text without signature lines would come to for this holder, as the API says it; or its refusal."""
        if self.settings.server is None:
            return self._database().preview(octets, asking.holder, self.now)
        self.log_in_as(asking)
        try:
            return self._remote().preview(octets)
        except ServerError as error:
            if error.status not in (400, 409, 422):
                raise
            return refused(id_of(octets), error.body)

    # --- writing

    def send(self, submissions: Sequence[bytes]) -> list[Outcome]:
        """Submit, in order; each one's outcome. Raises Unknown or Unavailable where there is none (yet)."""
        server = self._writing_server()
        return server.submit_many(submissions) if server is not None else self._database().send(submissions)

    def _writing_server(self) -> Client | None:
        """The server to write through; None once this process has everything to write by itself."""
        if self.server is None:
            try:
                database = self._database()
                database.open_writer(self.signer(database.head.origin), self.clock_is_right, self.who)
            except Held as held:
                if held.address is None:
                    raise
                self._client = Client(held.address, self.settings.ledger)
        return self.server

    def receipt(self, id: str, signer: Signing) -> dict[str, Any] | None:
        """The receipt of a logged instruction for one of its parties, None for anyone else."""
        server = self.server
        if server is not None:
            server.log_in(signer.holder, signer.seed, self.now)
            return server.receipt(id)
        log_index = self._database().index_of(id)
        return None if log_index is None else self._database().receipt(log_index, signer.holder)
