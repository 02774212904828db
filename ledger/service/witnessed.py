"""The checkpoint that is published: the latest that enough witnesses have cosigned, with their lines.

Readers with a policy can use no other, and under load the newest is never cosigned yet: what is signed every few
milliseconds is cosigned every second. Where an entry has waited for longer than STALE_S, the newest is published after
all, with the lines it has, so that monitors and exports without a policy go on. Receipts are under the newest anyway.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ledger.log import checkpoint, notes, policy
from ledger.log.checkpoint import LINES_MOST, Checkpoint
from ledger.log.malformed import Malformed
from ledger.log.policy import Policy, Witness
from ledger.store import cosignatures, queries
from ledger.store.cosignatures import Kept
from ledger.store.database import Store
from ledger.store.errors import Unavailable

STALE_S = 3600  # seconds that an entry waits for a quorum
COSIGNERS_MOST = LINES_MOST - 1  # the operator's line is the first


class PolicyError(Exception):
    """The policy cannot be collected by; the message names its file and says what to do."""


class Met(NamedTuple):
    """A checkpoint that meets the policy: its size, and the note with the lines."""

    size: int
    note: bytes


def read_policy(file: Path, origin: str) -> Policy:
    """The policy in a file, by which this ledger's operator asks witnesses; raises PolicyError."""
    try:
        found = policy.parse(file.read_bytes())
    except (OSError, Malformed) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise PolicyError(f"{file}: {said}") from error
    if found.logs and origin not in {log.origin for log in found.logs}:
        raise PolicyError(
            f"{file}: names other logs, and not {origin}; add its log line (`comarca log size` has the key)"
        )
    for witness in found.witnesses:
        try:
            address_of(witness)
        except ValueError as error:
            raise PolicyError(f"{file}: {error}") from error
    if not any(witness.url for witness in found.witnesses):
        raise PolicyError(f"{file}: no witness has an address behind its key, so none can be asked")
    if len(found.witnesses) > COSIGNERS_MOST:
        raise PolicyError(f"{file}: {len(found.witnesses)} witnesses, and a checkpoint has room for {COSIGNERS_MOST}")
    return found


def address_of(witness: Witness) -> SplitResult | None:
    """Where a witness is asked, or None where the policy does not say; raises ValueError."""
    if not witness.url:
        return None
    parts = urlsplit(witness.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"not an address to ask: {witness.url!r}; for example https://witness.example")
    _ = parts.port  # raises on what is none
    return parts


def newest(store: Store, ledger_id: int, signed: bytes | None) -> tuple[int, bytes]:
    """Size and note of the newest checkpoint, the one that was signed here last or another process's in the database;
    raises Unavailable before the first."""
    known = [queries.latest_checkpoint(store, ledger_id)]
    if signed is not None:
        known.append((checkpoint.parse(signed).size, signed))
    found = [one for one in known if one is not None]
    if not found:
        raise Unavailable("no checkpoint is signed yet")
    return max(found, key=lambda one: one[0])


def published(
    store: Store, ledger_id: int, asked: Policy | None, latest: tuple[int, bytes], now: float
) -> tuple[int, bytes]:
    """Size and note of the checkpoint to publish, given the newest. Raises Unavailable."""
    if asked is None:
        return latest
    met = latest_met(store, ledger_id, asked)
    if met is not None and not _is_stale(store, ledger_id, met.size, latest[0], now):
        return met
    lines = [one for one in cosignatures.kept(store, ledger_id) if one.size == latest[0]]
    return latest[0], with_lines(latest[1], lines, asked)


def _is_stale(store: Store, ledger_id: int, size: int, newest: int, now: float) -> bool:
    """Whether the first entry beyond this size has waited for too long to be published."""
    beyond = queries.public_lines(store, ledger_id, size, min(size + 1, newest))
    return bool(beyond) and now - beyond[0].time > STALE_S


def latest_met(store: Store, ledger_id: int, asked: Policy) -> Met | None:
    """The largest checkpoint that enough of the policy's witnesses have cosigned; raises Unavailable."""
    for size, found in groupby(cosignatures.kept(store, ledger_id), attrgetter("size")):
        lines = list(found)
        note = queries.checkpoint_of(store, ledger_id, size)
        if note is None:
            continue
        whole = with_lines(note, lines, asked)
        if asked.is_met(asked.cosigned(checkpoint.parse(whole))):
            return Met(size, whole)
    return None


def with_lines(note: bytes, lines: Iterable[Kept], asked: Policy) -> bytes:
    """A checkpoint with the cosignatures of the policy's witnesses behind the operator's line, those that verify: one
    that does not would spoil the checkpoint."""
    signed = checkpoint.parse(note)
    good = [line.line + b"\n" for line in lines if _counts(line, signed, asked)]
    return note + b"".join(good[: LINES_MOST - len(signed.signatures)])


def _counts(line: Kept, signed: Checkpoint, asked: Policy) -> bool:
    try:
        return bool(asked.cosigned(signed._replace(signatures=(notes.parse_line(line.line.decode()),))))
    except (Malformed, UnicodeDecodeError):
        return False
