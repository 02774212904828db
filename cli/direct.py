"""Straight to the database: read it, and write through the door in this process, with the signer in it."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cli.ledgers import LedgerInfo, of_info
from ledger.ambient.clock import ClockGuard, moment
from ledger.client.outcomes import Outcome, id_of
from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.core.words import HolderId
from ledger.intake.submission import Prepared
from ledger.log import checkpoint, entry, proof
from ledger.sequencer.sequencer import Sequencer
from ledger.service import books
from ledger.service.books import Plain
from ledger.service.door import Defect, Door
from ledger.service.door import Outcome as Decided
from ledger.service.histories import list_changes
from ledger.service.own_data import granted, holder_facts
from ledger.service.preview import Asking, Previewed, plain, preview
from ledger.service.receipts import receipt_of
from ledger.service.signing import signing
from ledger.service.witnessed import newest, published, read_policy
from ledger.signer.signer import SignsCheckpoints
from ledger.store import logins, personal, queries
from ledger.store.database import Store
from ledger.store.engine import parse_url, sqlite_file
from ledger.store.errors import StoreError
from ledger.store.listings import MemberFilter
from ledger.store.lockfile import LockFile
from ledger.store.movements import Filter
from ledger.store.queries import Place

PAGE = 500
DEFECT = "This program failed at the instruction, and wrote nothing of it."


class Direct:
    """One ledger of a database."""

    def __init__(self, url: str, name: str | None):
        self.store = Store.open(url)
        try:
            self.head = self.store.head(name)
        except BaseException:
            self.store.close()
            raise
        self.ledger_id = self.head.ledger_id
        self._writer: Writer | None = None

    def close(self) -> None:
        """Commit and sign what waits, give everything back."""
        if self._writer is not None:
            self._writer.close()
        self.store.close()

    # --- writing

    def open_writer(self, signer: SignsCheckpoints, clock_is_right: bool, who: str) -> None:
        """Take the lock for a command, get the signer ready. Raises Held, SignerRefused, StoreError."""
        if self._writer is None:
            self._writer = Writer(self, signer, clock_is_right, who)

    def send(self, submissions: Sequence[bytes]) -> list[Outcome]:
        """Verify and submit, in order; each one's outcome. Raises Unavailable where it is unknown."""
        if self._writer is None:
            raise LookupError("open_writer comes first")
        return self._writer.send(submissions)

    # --- before signing

    def preview(self, octets: bytes, holder: HolderId, now: int) -> dict[str, Any] | Outcome:
        """What a text without signature lines would come to for this holder, as the API says it; or its refusal."""
        door = Door(self.store, self.ledger_id, time.time)
        asking = Asking(holder, holder in logins.administrators(self.store, self.ledger_id), now)
        found = preview(door, octets, asking)
        refusal = found.outcome if isinstance(found, Previewed) else found
        if isinstance(refusal, Refusal):
            return _outcome(id_of(octets), refusal)
        assert isinstance(found, Previewed)
        info = queries.info(self.store, self.ledger_id)
        assert info is not None
        said = plain(info.ledger, found)
        return {**said, "time": moment(said["time"]) if said["time"] else None}

    # --- reading

    def describe(self) -> LedgerInfo:
        """The ledger; raises StoreError before its genesis."""
        found = queries.info(self.store, self.ledger_id)
        if found is None:
            raise StoreError(
                f"{self.store}: the genesis of {self.head.name} is not logged yet; `comarca init` does that"
            )
        return of_info(found)

    def account(self, id: str) -> dict[str, Any] | None:
        """An account's position, as the API shows it; None where there is none."""
        found = queries.account(self.store, self.ledger_id, bytes.fromhex(id), None)
        return books.position(found) if found else None

    def holder(self, id: str) -> dict[str, Any] | None:
        """What the ledger knows of a holder, as the API shows it; None where there is none."""
        found = personal.holder(self.store, self.ledger_id, bytes.fromhex(id))
        if found is None:
            return None
        return {**holder_facts(found), "grants": granted(self.store, self.ledger_id, found.id)}

    def movements(self, id: str, wanted: Filter, limit: int) -> Iterator[Plain]:
        """At most `limit` movements of an account, newest first, as the API shows them."""
        account = bytes.fromhex(id)
        return _items(lambda place, n: books.history(self.store, self.ledger_id, account, wanted, place, n), limit)

    def all_movements(self, wanted: Filter, limit: int) -> Iterator[Plain]:
        """At most `limit` movements of the ledger, newest first, as the API shows them."""
        return _items(lambda place, n: books.list_movements(self.store, self.ledger_id, wanted, place, n), limit)

    def total_movements(self, wanted: Filter, by: Collection[str]) -> Plain:
        """What movements come to, as the API shows it."""
        return books.total_movements(self.store, self.ledger_id, wanted, by)

    def changes(self, what: str, subject: bytes | None, limit: int) -> Iterator[Plain]:
        """At most `limit` changes of what histories tell of, newest first, as the API shows them."""
        store, ledger_id = self.store, self.ledger_id
        return _items(lambda place, n: list_changes(store, ledger_id, what, subject, place, n), limit)

    def members(self, wanted: MemberFilter) -> Iterator[Plain]:
        """Every member that is wanted, in the order of admission, with its accounts, as the API shows them."""
        return _items(lambda place, n: books.list_members(self.store, self.ledger_id, wanted, place, n), None)

    def holders(self) -> Iterator[Plain]:
        """Every registered holder in the order of registration, as the API shows it."""
        return _items(lambda place, n: books.list_holders(self.store, self.ledger_id, place, n), None)

    def total_accounts(self) -> Plain:
        """What all balances come to, as the API shows it."""
        return books.total_accounts(self.store, self.ledger_id)

    def checkpoint(self) -> bytes:
        """The latest signed checkpoint; raises Unavailable before the first."""
        return self._newest()[1]

    def _newest(self) -> tuple[int, bytes]:
        return newest(self.store, self.ledger_id, self._writer.sequencer.latest if self._writer else None)

    def published(self, policy: Path | None) -> bytes:
        """The checkpoint that a server with this policy publishes; raises PolicyError, Unavailable."""
        asked = read_policy(policy, self.head.origin) if policy is not None else None
        return published(self.store, self.ledger_id, asked, self._newest(), time.time())[1]

    def entry(self, log_index: int) -> dict[str, Any] | None:
        """An entry's public lines and proof, as the API shows them; None beyond the latest checkpoint."""
        note = self.checkpoint()
        found = queries.public_entry(self.store, self.ledger_id, log_index, checkpoint.parse(note).size)
        if found is None:
            return None
        text = entry.encode(found.time, found.note_hash, found.events_root)
        return {"log_index": log_index, "entry": text.decode(),
                "proof": proof.format(log_index, list(found.path), note).decode()}  # fmt: skip

    def index_of(self, id: str) -> int | None:
        """The log index of an instruction."""
        return queries.index_of(self.store, self.ledger_id, bytes.fromhex(id))

    def receipt(self, log_index: int, holder: bytes) -> dict[str, Any] | None:
        """The receipt of an entry for one of its parties; None for anyone else."""
        return receipt_of(self.store, self.ledger_id, log_index, holder, self.checkpoint())


class Writer:
    """What writing takes: the lock of a SQLite file, the door, the sequencer with the signer behind it."""

    def __init__(self, direct: Direct, signer: SignsCheckpoints, clock_is_right: bool, who: str):
        self._stack = ExitStack()
        file = sqlite_file(parse_url(direct.store.url.render_as_string(hide_password=False)))
        with ExitStack() as stack:
            if file is not None:
                stack.enter_context(LockFile(file, who))
            if stale := queries.stale_projections(direct.store):
                raise StoreError(f"{direct.store}: the tables of {', '.join(stale)} were made by another release; "
                                 "run `comarca rebuild`")  # fmt: skip
            guard = ClockGuard(time.time, clock_is_right=clock_is_right)
            self._door = Door(direct.store, direct.ledger_id, time.time, guard.trouble)
            sign = signing(signer, direct.store, direct.ledger_id)
            self.sequencer = stack.enter_context(Sequencer(self._door, sign))
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Commit and sign what waits, let others have the lock."""
        self._stack.close()

    def send(self, submissions: Sequence[bytes]) -> list[Outcome]:
        """Each one's outcome."""
        verified = [self._door.verify(octets) for octets in submissions]
        futures = iter(self.sequencer.put([item for item in verified if isinstance(item, Prepared)]))
        decided: list[Decided] = [
            next(futures).result().outcome if isinstance(item, Prepared) else item for item in verified
        ]
        return [_outcome(id_of(octets), one) for octets, one in zip(submissions, decided, strict=True)]


def _outcome(id: str, decided: Decided) -> Outcome:
    if isinstance(decided, Refusal):
        return Outcome(id, None, False, decided.reason, decided.message, decided.details, decided.remedy)
    if isinstance(decided, Defect):
        return Outcome(id, None, False, "defect", DEFECT, {"what": decided.what}, "Tell those who make it.")
    return Outcome(id, decided.log_index, isinstance(decided, Repeat))


def _items(page: Callable[[Place | None, int], books.Page], limit: int | None) -> Iterator[Plain]:
    """What a list has, a page at a time; at most `limit`, or all."""
    place: Place | None = None
    while limit is None or limit > 0:
        items, place = page(place, PAGE if limit is None else min(limit, PAGE))
        yield from items
        limit = None if limit is None else limit - len(items)
        if place is None:
            return
