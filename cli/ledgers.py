"""What a command needs to know of a ledger, read from the database or from a server."""

import json
from calendar import timegm
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from cli.output import utc
from ledger.client.admitting import Ledger
from ledger.core.machine import BY_KIND, MONTH
from ledger.files.amounts import decimal_text, minor_units
from ledger.log import base64s, keys
from ledger.store.queries import Info

OFFICES = ("administrators", "operator", "clerk")


class LedgerInfo(NamedTuple):
    """What anyone may know of a ledger. `policies`: feature to {body, since}; `time`: of the last entry, RFC 3339;
    `utc_offset` in minutes; `since`: the log index at which each of OFFICES was last filled."""

    name: str
    origin: str
    identity: bytes
    size: int
    time: str
    unit: str
    scale: int
    currency: str | None
    administrators: tuple[bytes, ...]
    authority: Mapping[str, Any]
    policies: Mapping[str, Mapping[str, Any]]
    verifier_keys: tuple[str, ...]
    utc_offset: int
    clerk: bytes
    since: Mapping[str, int]

    @property
    def anchor(self) -> Ledger:
        """Origin and identity, to which instructions are anchored."""
        return Ledger(self.origin, self.identity)

    def needed(self, kind: str) -> int:
        """How many administrators sign this kind; 0 where it is none of theirs."""
        if kind == "genesis" or BY_KIND[kind].window != MONTH:
            return 0
        return int(self.authority.get(kind, self.authority["any"])[1])

    def key_id(self, holder: bytes, public: bytes) -> str:
        """A key's ID as its signature lines have it (C2SP signed-note), in hex."""
        return keys.key_id(f"{self.origin}/{holder.hex()}", public).hex()

    def day(self, day: date) -> int:
        """When a day begins on this ledger's calendar, in Unix seconds."""
        return timegm(day.timetuple()) - 60 * self.utc_offset

    def minor(self, text: str) -> int:
        """Minor units of an amount of this ledger's unit; raises BadAmount."""
        return minor_units(text, self.scale)

    def decimal(self, minor: int) -> str:
        """An amount of this ledger's unit, without its code."""
        return decimal_text(minor, self.scale)

    def amount(self, minor: int) -> str:
        """An amount with the code of the unit, thousands apart."""
        whole, point, decimals = decimal_text(abs(minor), self.scale).partition(".")
        return f"{'-' if minor < 0 else ''}{int(whole):,}{point}{decimals} {self.unit}"


def of_info(info: Info) -> LedgerInfo:
    """From the database."""
    head, ledger = info.head, info.ledger
    policies = {one.feature: {"body": json.loads(one.body), "since": one.since} for one in info.policies}
    parity = json.loads(ledger.parity) if ledger.parity else None
    return LedgerInfo(
        head.name, head.origin, head.identity or b"", head.size, utc(head.time), ledger.unit_code, ledger.unit_scale,
        parity[0] if parity else None, tuple(bytes.fromhex(id) for id in json.loads(ledger.administrators)),
        json.loads(ledger.authority), policies, (keys.vkey(head.origin, ledger.operator),),
        ledger.utc_offset, ledger.clerk, {office: getattr(ledger, f"{office}_since") for office in OFFICES},
    )  # fmt: skip


def of_described(found: Mapping[str, Any]) -> LedgerInfo:
    """From a server's answer."""
    unit = found["unit"]
    return LedgerInfo(
        found["name"], found["origin"], base64s.decode(found["identity"], 32), found["log_size"], found["time"],
        unit["code"], unit["scale"], unit["parity"][0] if unit["parity"] else None,
        tuple(bytes.fromhex(id) for id in found["administrators"]), found["authority"], found["policies"],
        tuple(found["verifier_keys"]), found["utc_offset"], bytes.fromhex(found["clerk"]),
        {office: found[f"{office}_since"] for office in OFFICES},
    )  # fmt: skip
