"""What the examples share: the flags that say who pays where, and the member's client that they open."""

import argparse
from pathlib import Path

from ledger.client.member import Ledger, Member
from ledger.log import base64s
from ledger.signer.keyfile import read_key, read_password


def flags(what: str) -> argparse.ArgumentParser:
    """A parser with the flags of every example."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--server", required=True, help="for example https://ledger.example")
    parser.add_argument("--origin", required=True, help="the ledger's origin, from its statutes")
    parser.add_argument("--identity", required=True, help="the ledger's identity, from its statutes")
    parser.add_argument("--key", type=Path, required=True, help="the payer's key file (comarca key new)")
    parser.add_argument("--password-file", type=Path, required=True, help="a file of mode 0600 with its password")
    parser.add_argument("--folder", type=Path, default=Path(), help="for receipts, open payments and the memory")
    return parser


def open_member(given: argparse.Namespace) -> Member:
    """The client of the holder whose key was given; its memory is in the folder."""
    name, seed = read_key(given.key, read_password(given.password_file))
    given.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = Ledger(given.origin, base64s.decode(given.identity, 32))
    return Member(given.server, ledger, name[-32:], seed, given.folder / "memory.json")
