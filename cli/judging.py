"""`--policy FILE`: a checkpoint judged by its witnesses, as whoever verifies chooses them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from cli.errors import Misused, Wrong
from cli.options import READABLE
from cli.output import printable, utc
from ledger.log import policy
from ledger.log.malformed import Malformed
from ledger.log.policy import Policy, Verified

by_policy = click.option("--policy", "policy_file", type=READABLE, metavar="FILE",
                         help="Policy (C2SP tlog-policy) whose witnesses must have cosigned.")  # fmt: skip

YEAR_10000 = 253_402_300_800  # Unix seconds; a witness may say any time


def read_policy(file: Path) -> Policy:
    """The policy in a file; raises Misused."""
    try:
        return policy.parse(file.read_bytes())
    except Malformed as error:
        raise Misused(f"{file}: {error}") from error


def judge(asked: Policy, note: bytes, where: str) -> Verified:
    """The checkpoint, which meets the policy; raises Wrong."""
    try:
        return policy.verify(asked, note)
    except Malformed as error:
        raise Wrong(f"{where}: not verified: {printable(str(error))}") from error


def cosigners(policy_file: Path | None, note: bytes, where: str) -> dict[str, int] | None:
    """When which witnesses of a policy cosigned a checkpoint, which must meet it; None where there is no policy."""
    return shown_names(judge(read_policy(policy_file), note, where)) if policy_file is not None else None


def shown_names(verified: Verified) -> dict[str, int]:
    """When which witnesses cosigned, by names that can be written: in a policy any octets are one."""
    return {name.encode(errors="replace").decode(): time for name, time in verified.cosigned.items()}


def cosigned_facts(cosigned: Mapping[str, int] | None) -> Iterator[tuple[str, object]]:
    """The cosignatures for a person."""
    for name, time in (cosigned or {}).items():
        yield "cosigned by", f"{printable(name)}, {utc(time) if time < YEAR_10000 else time}"
