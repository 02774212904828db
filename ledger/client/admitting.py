"""Members by their names in a file: each name becomes a member with a key made for the purpose.

What a name became stands in the keyring, where it is the label of the member's key; a name never stands in signed
text. In this order, so that a kill at any moment loses nothing and admits nobody twice: name, id and key into the
keyring, the signed admission into a journal beside it, the admission to the ledger, its outcome into the journal.
Without the journal an admission is signed anew, under the same id: the ledger then says that the id is in use, and so
that all is done.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.ambient.ids import new_id
from ledger.client.journal import Journal, JournalError
from ledger.client.keyring import Keyring
from ledger.client.outcomes import Outcome
from ledger.client.writing import Seed, write
from ledger.core.members import Admit, Facts
from ledger.core.words import Anchor, HolderId, InstructionId
from ledger.log import base64s, keys

WEEK = 604_800  # seconds that an admission may be accepted
BATCH = 1000

Send = Callable[[Sequence[bytes]], list[Outcome]]
Signers = Sequence[tuple[HolderId, Seed]]
Progress = Callable[[int], None]  # how many more are done


class Ledger(NamedTuple):
    """The ledger that an import is for: its origin, and its identity, to which everything is anchored."""

    origin: str
    identity: bytes

    @property
    def anchor(self) -> Anchor:
        """What instructions are signed on top of."""
        return Anchor(1, self.identity)

    @property
    def header(self) -> dict[str, str]:
        """What a journal says of it."""
        return {"origin": self.origin, "identity": base64s.encode(self.identity)}


class Entrant(NamedTuple):
    """As what a name is admitted: a class of the statutes, and facts."""

    class_: str
    facts: Facts


class NotAdmitted(Exception):
    """The ledger refused an admission; nothing was paid to or by this name."""

    def __init__(self, name: str, outcome: Outcome):
        super().__init__(f"{name}: not admitted: {outcome.reason}. {outcome.message} {outcome.remedy}")
        self.name, self.outcome = name, outcome


class Members:
    """The members that the names of files became, in one ledger. A context manager; call `close`."""

    def __init__(self, keyring: Keyring, ledger: Ledger):
        self.keyring, self.ledger = keyring, ledger
        self._journal = Journal(beside(keyring.path, "members"), {"members": 1, **ledger.header})
        self._texts: dict[str, str] = {}
        self._admitted: set[str] = set()
        for record in self._journal.records[1:]:
            self._take(record)

    def _take(self, record: Mapping[str, Any]) -> None:
        if "text" in record:
            self._texts[record["id"]] = record["text"]
        elif "void" in record:
            self._texts.pop(record["void"], None)
        elif "admitted" in record:
            self._admitted.update(record["admitted"])
        else:  # to go on without knowing it could admit and pay somebody twice
            self.close()
            raise JournalError(f"{self._journal.path}: written by another release of this program; "
                               "go on with that one, or begin a new ledger in another folder")  # fmt: skip

    def id_of(self, name: str) -> HolderId:
        """The member, and its first account, that a name became; raises LookupError."""
        found = self.keyring.labelled(name)
        if found is None:
            raise LookupError(name)
        return found

    def _id(self, name: str) -> str:
        return self.id_of(name).hex()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of these names that are not admitted yet, each once, in their order."""
        ids = {name: self.keyring.labelled(name) for name in names}
        return [name for name, id in ids.items() if id is None or id.hex() not in self._admitted]

    def admit(self, entrants: Mapping[str, Entrant], administrators: Signers, send: Send, now: Callable[[], float],
              progress: Progress = lambda done: None) -> int:  # fmt: skip
        """Admit names; how many. Raises NotAdmitted, and Unknown from `send`: then call again."""
        names = self.missing(entrants)
        self._name(names)
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            self._admit({name: entrants[name] for name in part}, administrators, send, now)
            progress(len(part))
        return len(names)

    def _name(self, names: Sequence[str]) -> None:
        labels: dict[bytes, str] = {new_id(): name for name in names if self.keyring.labelled(name) is None}
        self.keyring.add({id: os.urandom(32) for id in labels}, labels)

    def _admit(self, entrants: Mapping[str, Entrant], administrators: Signers, send: Send,
               now: Callable[[], float]) -> None:  # fmt: skip
        not_after = int(now()) + WEEK
        fresh = {name: entrant for name, entrant in entrants.items() if self._id(name) not in self._texts}
        self._record([self._admission(name, entrant, administrators, not_after) for name, entrant in fresh.items()])
        outcomes = dict(zip(entrants, send([self._texts[self._id(name)].encode() for name in entrants]), strict=True))
        there = [one.id for one in outcomes.values() if one.log_index is not None or one.reason == "id_used"]
        self._record([{"admitted": there}])
        refused = {name: outcome for name, outcome in outcomes.items() if outcome.id not in self._admitted}
        # A refused text is written anew under the same id, which is still free; so only one of them can be logged.
        self._record([{"void": self._id(name)} for name in refused])
        expired = {name: entrants[name] for name, outcome in refused.items() if outcome.reason == "expired"}
        for name, outcome in refused.items():
            if name not in expired:
                raise NotAdmitted(name, outcome)
        if expired:
            self._admit(expired, administrators, send, now)

    def _admission(self, name: str, entrant: Entrant, administrators: Signers, not_after: int) -> dict[str, str]:
        id = self.id_of(name)
        seed = self.keyring.seed(id)
        asked = Admit(entrant.class_, entrant.facts, keys.public_of(seed))
        draft = write("admit", asked, origin=self.ledger.origin, id=InstructionId(id), not_after=not_after,
                      anchor=self.ledger.anchor, texts={"profile": name})  # fmt: skip
        return {"id": id.hex(), "text": draft.signed([*administrators, (id, seed)]).decode()}

    def _record(self, records: Sequence[Mapping[str, Any]]) -> None:
        if records:
            self._journal.append(records)
            self._journal.sync()
            for record in records:
                self._take(record)

    def close(self) -> None:
        """Let others have the journal."""
        self._journal.close()

    def __enter__(self) -> "Members":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def beside(keyring: Path, what: str) -> Path:
    """A file beside the keyring: `keyring.json` has `keyring.members`."""
    return keyring.with_suffix(f".{what}")
