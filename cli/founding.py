"""Found a ledger: the genesis from a description, all keys of a pilot, the genesis logged in a database."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cli.acting import GATHER_S
from cli.errors import CouldNot, Misused
from cli.keys import OPERATOR, make_key
from cli.session import Session
from ledger.ambient.ids import new_id
from ledger.client.gathering import Gathering, of_draft, parse
from ledger.client.keyring import Keyring, holder_of
from ledger.client.outcomes import Outcome, id_of
from ledger.client.writing import write
from ledger.core import machine
from ledger.core.forms import Form
from ledger.core.ledgers import COMMON, LedgerOpened, genesis
from ledger.core.refusals import Refusal, Refused
from ledger.core.state import NotLoaded, State
from ledger.core.words import At, InstructionId
from ledger.intake.submission import Prepared, verify
from ledger.log import keys
from ledger.signer.keyfile import public_keys, read_key, replace_file
from ledger.signer.signer import Signer, SignerRefused, SignsCheckpoints
from ledger.store.database import Store
from ledger.store.errors import StoreError

Decided = TypeVar("Decided")
GENESIS: Form[LedgerOpened] = Form(LedgerOpened)
PILOT_ADMINISTRATORS, PILOT_QUORUM = 3, 2
DEFAULTS: dict[str, Any] = {"backing": "none", "rules": 1, "utc_offset": 0, "common": list(COMMON), "policies": {}}


def read_description(path: Path) -> dict[str, Any]:
    """The description in a TOML or JSON file; raises Misused."""
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misused(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise Misused(f"{path}: a description is a table of the fields of a genesis")
    return found


def public_of_file(path: Path) -> tuple[str, str]:
    """Name and encoded public key of the one key in a file."""
    found = public_keys(path)
    if len(found) != 1:
        raise Misused(f"{path}: holds {len(found)} keys, where one belongs")
    ((name, public),) = found.items()
    return name, keys.encode(public)


def holder_of_file(path: Path) -> dict[str, str]:
    """A holder and its key, as a genesis names them."""
    name, public = public_of_file(path)
    holder = holder_of(name)
    if holder is None:
        raise Misused(f"{path}: the key {name!r} is not named by a holder's id; make one by `comarca key new`")
    return {"holder": holder.hex(), "key": public}


def genesis_of(description: Mapping[str, Any]) -> LedgerOpened:
    """The genesis that a description comes to: what may be left out filled in, ids drawn for common accounts that are
    only named; raises BadForm."""
    plain = DEFAULTS | dict(description)
    if isinstance(plain["common"], list):
        plain["common"] = {word: new_id().hex() for word in plain["common"]}
    return GENESIS.read_at(plain)


def draft_genesis(form: LedgerOpened, now: int) -> Gathering:
    """The genesis as a text to be signed."""
    draft = write(
        "genesis", form, origin=form.origin, id=InstructionId(new_id()), not_after=now + GATHER_S, anchor=None
    )
    return of_draft(draft)


def refusal_of_draft(form: LedgerOpened, gathering: Gathering, now: int) -> Outcome | None:
    """What a draft would be refused for, whoever signs it: better said before they do."""
    at = At(0, now, InstructionId(bytes.fromhex(id_of(gathering.octets))))
    try:
        _on_nothing(lambda state: genesis(state, form, at, frozenset()))
    except Refused as error:
        return _refused(gathering, error.refusal)
    return None


# --- a pilot


class Pilot:
    """A ledger for trying out, all its keys made here. Each step is on the disk before the next, and is taken up again
    where a kill ended it."""

    def __init__(self, session: Session):
        self._session = session
        self._keyring_path = session.settings.keyring
        self.genesis_file = self._keyring_path.with_name("genesis.note")

    def found(self, description: Mapping[str, Any]) -> Outcome:
        """Make what is missing and log the genesis."""
        if not self.genesis_file.exists():
            self._write_genesis(description)
        outcome = log_genesis(self._session, parse(self.genesis_file.read_bytes()))
        if outcome.reason == "expired":  # a founding broken off a week ago
            self._write_genesis(description)
            outcome = log_genesis(self._session, parse(self.genesis_file.read_bytes()))
        return outcome

    def _write_genesis(self, description: Mapping[str, Any]) -> None:
        settings = self._session.settings
        self._session.one_password(self._keyring_path, settings.clerk_key, settings.operator_key)
        keyring = Keyring(self._keyring_path, self._session.password(self._keyring_path, new=True))
        if not keyring.holders:
            keyring.add({new_id(): os.urandom(32) for _ in range(PILOT_ADMINISTRATORS)})
        for path, name in ((settings.clerk_key, new_id().hex()), (settings.operator_key, OPERATOR)):
            if not path.exists():
                make_key(path, self._session.password(path, new=True), name)
        clerk_name, clerk_seed = read_key(settings.clerk_key, self._session.password(settings.clerk_key))
        administrators = keyring.of(keyring.holders)
        clerk = holder_of(clerk_name)
        if clerk is None:
            raise Misused(f"{settings.clerk_key}: not a clerk's key, which is named by its holder's id")
        named = [{"holder": holder.hex(), "key": keys.encode(keys.public_of(seed))} for holder, seed in administrators]
        form = genesis_of({
            **description, "pilot": True, "administrators": named, "clerk": holder_of_file(settings.clerk_key),
            "operator": public_of_file(settings.operator_key)[1],
            "authority": {"any": ["administrators", PILOT_QUORUM]},
        })  # fmt: skip
        signed = draft_genesis(form, self._session.now).signed([*administrators, (clerk, clerk_seed)])
        replace_file(self.genesis_file, signed.octets)


# --- logging


def log_genesis(session: Session, gathering: Gathering) -> Outcome:
    """Log a signed genesis in the session's database, which is made where it is missing; a genesis that is refused
    makes none. Raises CouldNot, StoreError, SignerRefused."""
    prepared = verify(gathering.octets, gathering.origin, lambda holder, id: None, lambda size: None)
    if isinstance(prepared, Refusal):
        return _refused(gathering, prepared)
    if prepared.instruction.kind != "genesis":
        raise Misused(f"a genesis begins a ledger, and this is of the kind {prepared.instruction.kind}")
    if not _is_founded(session.settings.url, gathering.origin):
        decided = _decided(prepared, session.now)
        if isinstance(decided, Refusal):
            return _refused(gathering, decided)
    signer = session.signer(gathering.origin)
    if prepared.instruction.asked.operator not in signer.keys:
        where = session.settings.signer or session.settings.operator_key
        raise CouldNot(f"{where}: this is not the operator's key that the genesis names")
    _make_room(session.settings.url, gathering.origin, signer)
    return session.send([gathering.octets])[0]


def _refused(gathering: Gathering, refusal: Refusal) -> Outcome:
    return Outcome(
        id_of(gathering.octets), None, False, refusal.reason, refusal.message, refusal.details, refusal.remedy
    )


def _is_founded(url: str, origin: str) -> bool:
    """Whether a ledger of this origin has its genesis there."""
    try:
        store = Store.open(url)
    except StoreError:  # none yet; what else is wrong is said when it is to be made
        return False
    try:
        return any(head.origin == origin and head.size for head in store.heads())
    finally:
        store.close()


def _decided(prepared: Prepared, now: int) -> machine.Outcome:
    instruction = prepared.instruction
    return _on_nothing(lambda state: machine.decide(state, instruction, At(0, now, instruction.id)))


def _on_nothing(decide: Callable[[State], Decided]) -> Decided:
    """What a decision comes to where no row is."""
    state = State(machine.NOUNS)
    while True:
        try:
            return decide(state)
        except NotLoaded as missing:
            state.fill(missing.noun, {missing.key: None})


def _make_room(url: str, origin: str, signer: SignsCheckpoints) -> None:
    """The signer's state where the key is here, the database, the ledger's head in it: each made unless it is there."""
    if not _is_founded(url, origin):
        if isinstance(signer, Signer) and not signer.path.exists():
            Signer.create_state(signer.path)
        if signer.latest() is not None:
            raise SignerRefused("this operator's key has signed a log already, and the database has none: bring the "
                                "database back, or begin with a new key")  # fmt: skip
    store = Store.create(url)
    try:
        if all(head.origin != origin for head in store.heads()):
            store.add_ledger(origin)
    finally:
        store.close()


def describe_options(given: Mapping[str, Any], administrators: Sequence[Path], clerk: Path,
                     operator: Path) -> dict[str, Any]:  # fmt: skip
    """The part of a description that stands in options and key files."""
    description = {name: value for name, value in given.items() if value is not None}
    if administrators:
        description["administrators"] = [holder_of_file(path) for path in administrators]
    if clerk.exists():
        description.setdefault("clerk", holder_of_file(clerk))
    if operator.exists():
        description.setdefault("operator", public_of_file(operator)[1])
    return description
