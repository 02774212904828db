"""Ledgers to measure on: a base with members, made once an engine, and fresh copies of it.

A copy draws random payments between its accounts, either as signed submissions or, where the writer alone is
measured, as instructions that count as verified already: then their signature lines are random octets of full length,
so that an entry has its true size.
"""

import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg
from sqlalchemy.engine import make_url

from ledger.client.writing import write
from ledger.core.keys import Signer
from ledger.core.machine import FORMS, Envelope, Verified
from ledger.core.transfers import Leg, Transfer, TransferMany
from ledger.core.words import AccountId, Anchor, HolderId, InstructionId, Legs
from ledger.intake.submission import Prepared
from ledger.log import instruction, keys, notes
from ledger.service.door import Accepted, Door
from ledger.store.database import Store
from tests.postgres import EmbeddedPostgres
from tests.territory import START, Clock, TerritoryOfTests

ACCOUNTS = 2_000
WIDE = '{"commercial":[-100000000,100000000]}'  # nothing that is measured here is to be refused


class Member(NamedTuple):
    """A member's account (its id is the member's own) and the seed of its key."""

    account: AccountId
    seed: bytes
    public: bytes
    line: str  # what its signature lines begin with
    key_id: bytes


class Ids:
    """UUIDv7s as a thousand clients would draw them: ten a millisecond, from a fixed seed."""

    def __init__(self, seed: int):
        self._drawn, self._random = 0, random.Random(seed)

    def __call__(self) -> InstructionId:
        self._drawn += 1
        tail = self._random.getrandbits(74)
        octets = (START * 1000 + self._drawn // 10) << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62
        return InstructionId((octets | tail & (1 << 62) - 1).to_bytes(16))


class StrictDoor(Door):
    """A door whose defects end the benchmark: batches halved and tried again are not what is measured."""

    def _isolate(self, batch: Any, checkpoints: Any, error: Exception) -> Any:
        raise error


class World:
    """An open ledger, its members, and what they are about to send. Equal seeds draw equal payments."""

    def __init__(self, url: str, origin: str, members: Sequence[Member], anchor: Anchor, seed: int = 1):
        self.url, self.origin, self.members, self.anchor = url, origin, members, anchor
        self._ids, self._random = Ids(seed), random.Random(seed)
        self.store = Store.open(url)
        self.ledger_id = self.store.head().ledger_id
        self.door = StrictDoor(self.store, self.ledger_id, Clock())

    def close(self) -> None:
        self.store.close()

    def submit(self, batch: Sequence[Prepared]) -> None:
        """Submit, and insist that all of it was logged: a refusal would cost less than what is measured."""
        outcomes, _ = self.door.submit(batch)
        assert all(type(outcome) is Accepted for outcome in outcomes), outcomes[:3]

    # --- payments

    def _envelope(self) -> Envelope:
        return Envelope(self._ids(), START + 600, self.anchor)

    def payment(self, busy: Member | None = None) -> tuple[Member, Transfer, Envelope]:
        """A random payment of up to ten units between two members, or between one of them and `busy`."""
        payer, payee = self._random.sample(self.members, 2)
        if busy is not None and busy not in (payer, payee):
            payer, payee = self._random.sample((payer, busy), 2)
        return payer, Transfer(payer.account, payee.account, self._random.randint(1, 1000)), self._envelope()

    def prepared(self, count: int, busy: Member | None = None) -> list[Prepared]:
        """Payments that count as verified; with `busy`, each is to or from that member."""
        return [self._as_verified("transfer", *self.payment(busy), None) for _ in range(count)]

    def bulk(self, legs: int) -> Prepared:
        """One payer's payments to `legs` others under one signature, counting as verified."""
        payer, _, envelope = self.payment()
        others = [member.account for member in self.members if member is not payer]
        items = tuple(Leg(payee, self._random.randint(1, 1000)) for payee in self._random.sample(others, legs))
        draft = write("transfer_many", TransferMany(payer.account, Legs(1, b"")), origin=self.origin,
                      id=envelope.id, not_after=envelope.not_after, anchor=self.anchor, legs=items)  # fmt: skip
        signed = TransferMany(payer.account, Legs(legs, b"\0" * 32, items))
        return self._as_verified("transfer_many", payer, signed, envelope, b"\n".join(draft.salted))

    def _as_verified(
        self, kind: str, payer: Member, asked: Transfer | TransferMany, envelope: Envelope, legs: bytes | None
    ) -> Prepared:
        text = instruction.text(kind, self.origin, FORMS[kind].text(asked, envelope).encode())
        note = instruction.note(text, [notes.format_line(payer.line, payer.key_id, self._random.randbytes(64))])
        verified = Verified(
            kind, asked, envelope.id, envelope.not_after, "true", hashlib.sha256(text).digest(),
            frozenset({Signer(HolderId(payer.account), payer.public)}),
        )  # fmt: skip
        return Prepared(verified, note, hashlib.sha256(note).digest(), legs, ())

    def signed(self, count: int) -> list[bytes]:
        """Payments as their payers sign and send them."""
        return [self._signed(*self.payment()) for _ in range(count)]

    def _signed(self, payer: Member, asked: Transfer, envelope: Envelope) -> bytes:
        text = instruction.text("transfer", self.origin, FORMS["transfer"].text(asked, envelope).encode())
        line = notes.format_line(payer.line, payer.key_id, keys.sign(payer.seed, text))
        return instruction.note(text, [line])


class Databases(Protocol):
    """Where databases of one engine come from."""

    name: str

    def create(self) -> str: ...

    def copy(self, url: str) -> str: ...


class SqliteDatabases:
    """Files in one folder."""

    name = "SQLite"

    def __init__(self, folder: Path):
        self._folder, self._made = folder, 0

    def create(self) -> str:
        self._made += 1
        return f"sqlite:///{self._folder / f'ledger-{self._made}.db'}"

    def copy(self, url: str) -> str:
        """A copy of a database that nobody has open."""
        made = self.create()
        shutil.copyfile(url.removeprefix("sqlite:///"), made.removeprefix("sqlite:///"))
        return made


class PostgresqlDatabases:
    """Databases of one server."""

    name = "PostgreSQL"

    def __init__(self, server: EmbeddedPostgres):
        self._server = server

    def create(self) -> str:
        return self._server.create_database()

    def copy(self, url: str) -> str:
        """A copy of a database that nobody has open."""
        made, original = (str(make_url(one).database) for one in (self.create(), url))
        with psycopg.connect(self._server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{made}"')
            connection.execute(f'CREATE DATABASE "{made}" TEMPLATE "{original}"')
        return url.replace(original, made)


class Base:
    """A ledger with its members, closed, to be copied. All of it was signed, verified and submitted."""

    def __init__(self, databases: Databases, accounts: int = ACCOUNTS):
        self.databases = databases
        self.url = databases.create()
        territory = TerritoryOfTests(self.url, WIDE)
        assert territory.anchor is not None
        self.origin, self.anchor = territory.origin, territory.anchor
        self.administrators = [Signer(holder, keys.public_of(key)) for holder, key in territory.administrators[:2]]
        ids = [id for first in range(0, accounts, 500) for id in territory.members(500, first=first)]
        self.members = tuple(member_of(self.origin, id, territory.seeds[id]) for id in ids)
        territory.close()

    @contextmanager
    def world(self, seed: int = 1) -> Iterator[World]:
        """A fresh copy, open."""
        world = World(self.databases.copy(self.url), self.origin, self.members, self.anchor, seed)
        try:
            yield world
        finally:
            world.close()


def member_of(origin: str, id: bytes, seed: bytes) -> Member:
    """A member by its id and seed, with what its signature lines need."""
    name, public = f"{origin}/{id.hex()}", keys.public_of(seed)
    return Member(AccountId(id), seed, public, name, keys.key_id(name, public))
