"""Write an instruction, have it signed as far as keys are at hand, and send it or hand it on to those who must sign."""

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.errors import CouldNot, Misused, Wrong
from cli.ledgers import LedgerInfo
from cli.output import say, utc, write_facts, write_json
from cli.parts import lacking
from cli.session import Session, Signing
from ledger.ambient.ids import new_id
from ledger.client.gathering import Gathering, of_draft
from ledger.client.http import ServerError
from ledger.client.outcomes import Outcome, Unknown
from ledger.client.writing import write
from ledger.core.keys import ALIVE
from ledger.core.words import InstructionId
from ledger.log import keys as public_keys
from ledger.log.instruction import ID
from ledger.store.errors import Unavailable

PERSON_S = 600  # how long a person's payment may be accepted
HAND_ON_S = 72_000  # how long a person's is, that a key elsewhere signs, too: less than a day, as clocks may differ
GATHER_S = 604_800  # how long administrators have to sign
# Details of refusals, as a person is shown them.
AMOUNTS = ("amount", "available", "balance", "bound", "held", "floor", "paid", "short_by")
TIMES = ("after", "due", "not_after", "time")


def parse_id(text: str, what: str) -> bytes:
    """An id that a person typed."""
    if not ID.fullmatch(text):
        raise Misused(f"{what}: an id is 32 lower-case hex digits, not {text[:40]!r}")
    return bytes.fromhex(text)


def compose(session: Session, kind: str, asked: Any, valid_s: int, texts: Mapping[str, str | None] | None = None,
            legs: Sequence[Any] = (), id: bytes | None = None) -> Gathering:  # fmt: skip
    """An unsigned instruction to the session's ledger."""
    info = session.info
    given = {field: text for field, text in (texts or {}).items() if text is not None}
    draft = write(kind, asked, origin=info.origin, id=InstructionId(id or new_id()), not_after=session.now + valid_s,
                  anchor=info.anchor.anchor, texts=given, legs=legs)  # fmt: skip
    return of_draft(draft)


def administer(session: Session, kind: str, asked: Any, key_files: Sequence[Path], out: Path | None, *,
               texts: Mapping[str, str | None] | None = None, id: bytes | None = None,
               also: Sequence[Signing] = ()) -> None:  # fmt: skip
    """Sign an administrators' instruction with the keys at hand; send it, or write it down for the others to sign."""
    gathering = compose(session, kind, asked, GATHER_S, texts, id=id)
    if session.draft is not None:
        hand_on(session, session.draft, gathering)
        return
    mine = administrators_among(session.info, session.keys(key_files), kind)
    finish(session, gathering.signed([*mine, *also]), out)


def act(session: Session, kind: str, asked: Any, signers: Sequence[Signing], out: Path | None = None) -> None:
    """Sign a holder's own instruction and send it; or write it down, where a key that must sign is elsewhere."""
    if session.draft is not None:
        hand_on(session, session.draft, compose(session, kind, asked, HAND_ON_S))
        return
    gathering = compose(session, kind, asked, PERSON_S).signed(signers)
    if lacking(session.info, gathering):
        gathering = compose(session, kind, asked, HAND_ON_S).signed(signers)
    finish(session, gathering, out)


def at_hand(session: Session, key_files: Sequence[Path], holders: Container[bytes]) -> list[Signing]:
    """The keys at hand of these holders, of each the first; none where only a draft is wanted."""
    if session.draft is not None:
        return []
    found = {key.holder: key for key in reversed(session.keys(key_files)) if key.holder in holders}
    return list(reversed(found.values()))


def administrators_among(info: LedgerInfo, keys: Sequence[Signing], kind: str) -> list[Signing]:
    """Those of these keys that are administrators', as many as this kind needs; of each holder the first."""
    found = {key.holder: key for key in reversed(keys) if key.holder in info.administrators}
    if not found:
        raise Misused("none of these keys is an administrator's")
    return list(reversed(found.values()))[: info.needed(kind)]


def finish(session: Session, gathering: Gathering, out: Path | None) -> None:
    """Send what is complete; write down what is not, and say who must still sign."""
    if lacking(session.info, gathering):
        hand_on(session, out, gathering)
        return
    show(session, send(session, gathering))


def hand_on(session: Session, out: Path | None, gathering: Gathering) -> None:
    """Write an instruction to a new file, and say who must still sign it."""
    path, missing = out or Path(f"{gathering.kind}-{id_text(gathering)}.note"), lacking(session.info, gathering)
    keep(path, gathering)
    if session.as_json:
        write_json({"id": id_text(gathering), "status": "unsigned", "file": str(path), "missing": missing})
    else:
        write_facts([("file", path), ("kind", gathering.kind), ("id", id_text(gathering))])
    say(f"Not sent yet. Still to sign: {'; '.join(missing) or 'whoever must'}.")
    say(f"Each signs with: comarca sign {path} --key FILE; then: comarca submit {path}")


def id_text(gathering: Gathering) -> str:
    """The instruction's id."""
    return str(json.loads(gathering.text.split(b"\n")[2])["id"])


def keep(path: Path, gathering: Gathering) -> None:
    """Write an instruction to a new file; one that is there is never replaced."""
    try:
        with path.open("xb") as file:
            file.write(gathering.octets)
    except FileExistsError as error:
        raise Misused(f"{path}: is there already; name another file by --out") from error


def send(session: Session, gathering: Gathering) -> Outcome:
    """Send a complete instruction. Where its outcome stays unknown, its text is kept for another try."""
    try:
        return session.send([gathering.octets])[0]
    except (Unknown, Unavailable) as error:
        path = Path(f"{gathering.kind}-{id_text(gathering)}.note")
        if not path.exists():
            keep(path, gathering)
        said = str(error).rstrip(".")
        raise CouldNot(f"{said}. Its text is kept; send the very same again: comarca submit {path}") from error


def show(session: Session, outcome: Outcome) -> None:
    """Say what became of an instruction; raises Wrong for a refusal."""
    if session.as_json:
        write_json(outcome.plain)
    elif outcome.log_index is not None:
        write_facts([("id", outcome.id), ("log index", outcome.log_index), ("outcome", outcome_word(outcome))])
    if outcome.log_index is None:
        raise Wrong(refusal_told(session, outcome))


def outcome_word(outcome: Outcome) -> str:
    """How an instruction that is in the log came there."""
    return "accepted before" if outcome.repeat else "accepted"


def refusal_told(session: Session, outcome: Outcome) -> str:
    """A refusal in one line; of a dead key also which of its holder's are live, where whoever asks may see them."""
    said = refusal_line(outcome, session.info)
    if outcome.reason != "key_dead":
        return said
    try:
        holder = session.holder(outcome.details["holder"])
    except (ServerError, Unknown):
        return said
    live = [session.info.key_id(bytes.fromhex(holder["id"]), public_keys.decode(key["public"]))
            for key in holder["keys"] if key["status"] in ALIVE]  # fmt: skip
    return f"{said} Live: {', '.join(live) or 'none'}."


def refusal_line(outcome: Outcome, info: LedgerInfo | None = None) -> str:
    """A refusal in one line, amounts in units where the ledger is known."""
    details = _with_key_id(outcome.details, info)
    figures = ", ".join(f"{name} {_figure(name, value, info)}" for name, value in details.items())
    message, what = outcome.message, f": {outcome.details.get('what')}"
    if message.endswith(what):  # it stands among the figures, too
        message = message.removesuffix(what) + "."
    said = f"refused, {outcome.reason}: {message}"
    return " ".join(part for part in (said, f"({figures})" if figures else "", outcome.remedy) if part)


def _with_key_id(details: Mapping[str, Any], info: LedgerInfo | None) -> Mapping[str, Any]:
    """The details of a refusal with the ID of a key in its place, by which `comarca key list` names it."""
    if info is None or not {"holder", "key"} <= details.keys():
        return details
    public = public_keys.decode(details["key"])
    return {**details, "key": info.key_id(bytes.fromhex(details["holder"]), public)}


def _figure(name: str, value: Any, info: LedgerInfo | None) -> str:
    """A detail of a refusal for a person."""
    if info and name in AMOUNTS:
        return info.amount(value)
    if name in TIMES and isinstance(value, int):
        return utc(value)
    return " or ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
