"""What the examples share: the flags that say who pays where, the member's client that they open, and how they end."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ledger.client.member import Ledger, LogBroken, Member, MemoryFileError, ServerError, Unknown, WrongLedger
from ledger.log import base64s
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import KeyFileError, read_key, read_password

MISUSED = (KeyFileError, MemoryFileError, ValueError, OSError)  # a flag names what is not there, or is none


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
    ledger = Ledger(given.origin, _identity(given.identity))
    return Member(given.server, ledger, name[-32:], seed, given.folder / "memory.json")


def _identity(written: str) -> bytes:
    try:
        return base64s.decode(written, 32)
    except Malformed as error:
        raise ValueError(f"--identity {written}: not the 44 characters that the statutes print") from error


def ended(run: Callable[[], int]) -> int:
    """The exit code of a program: its own, or that of what stopped it, which is told in one line."""
    try:
        return run()
    except (LogBroken, WrongLedger) as error:
        return _told(f"STOP: {error}", 3)
    except Unknown as error:
        return _told(f"unknown: {error}. Run this again: what was signed is kept, and paid once.", 1)
    except ServerError as error:
        return _told(f"not taken: {error}", 1)
    except MISUSED as error:
        return _told(str(error), 2)


def _told(words: str, code: int) -> int:
    print(words, file=sys.stderr)
    return code
