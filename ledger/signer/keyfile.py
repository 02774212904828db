"""Keys at rest: one file, encrypted under a password, of mode 0600.

The password becomes a key by scrypt (RFC 7914), the seeds are sealed with ChaCha20-Poly1305 (RFC 8439). A file holds
one key or many (a keyring), each seed under the name of its key. The names and public keys are in clear, but bound to
what is sealed, so that none can be swapped. After a crash a file is the old one or the new one, whole.

    {"comarca_keys": 1, "kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "nonce", "sealed",
     "keys": [{"name", "public"}]}
"""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.log import base64s, keys

VERSION = 1
COST = 2**15  # scrypt's n: with r = 8 and p = 1, 32 MiB and about a tenth of a second
COST_MOST = 2**18  # 256 MiB; a file that asks for more is none of ours


NOT_OURS = "{}: not a key file of this program's"


class KeyFileError(Exception):
    """The file cannot be used; the message names it and says what to do."""


class WrongPassword(KeyFileError):
    """The password does not open the file: it is another, or the file was changed."""


def write_keys(path: Path, seeds: Mapping[str, bytes], password: bytes, cost: int = COST, *, new: bool = False) -> None:
    """Seal seeds of 32 octets by the names of their keys. An existing file is replaced whole, or not at all; where it
    must be `new`, it is left alone. Raises KeyFileError."""
    if not password:
        raise KeyFileError(f"{path}: keys are not kept under an empty password")
    salt, nonce = os.urandom(16), os.urandom(12)
    public = [{"name": name, "public": keys.encode(keys.public_of(seed))} for name, seed in seeds.items()]
    secret = json.dumps({name: base64s.encode(seed) for name, seed in seeds.items()}).encode()
    sealed = ChaCha20Poly1305(_stretched(password, salt, cost)).encrypt(nonce, secret, _bound(public))
    kdf = {"name": "scrypt", "n": cost, "r": 8, "p": 1, "salt": base64s.encode(salt)}
    document = {"comarca_keys": VERSION, "kdf": kdf, "nonce": base64s.encode(nonce),
                "sealed": base64s.encode(sealed), "keys": public}  # fmt: skip
    octets = json.dumps(document, indent=1).encode() + b"\n"
    try:
        (create_file if new else replace_file)(path, octets)
    except FileExistsError as error:
        raise KeyFileError(f"{path}: is there already; a key that is written over is lost for ever") from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def add_keys(path: Path, seeds: Mapping[str, bytes], password: bytes, cost: int = COST) -> None:
    """Add keys to a keyring, which is made if it is not there; several processes may do so at once.

    Raises KeyFileError, and changes nothing, where a name stands for another key already.
    """
    try:
        with alone_in(path.parent):
            there = read_keys(path, password) if path.exists() else {}
            for name, seed in seeds.items():
                if there.get(name, seed) != seed:
                    raise KeyFileError(f"{path}: has another key of the name {name} already")
            if seeds.items() - there.items():
                write_keys(path, there | dict(seeds), password, cost)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


def read_keys(path: Path, password: bytes) -> dict[str, bytes]:
    """The seeds in a file by the names of their keys; raises KeyFileError."""
    document = _read(path)
    try:
        kdf = document["kdf"]
        if (kdf["name"], kdf["r"], kdf["p"]) != ("scrypt", 8, 1) or not 2 <= kdf["n"] <= COST_MOST:
            raise KeyFileError(f"{path}: keys stretched by a rule that this program does not know")
        key = _stretched(password, base64s.decode(kdf["salt"]), kdf["n"])
        nonce, sealed = base64s.decode(document["nonce"], 12), base64s.decode(document["sealed"])
        secret = ChaCha20Poly1305(key).decrypt(nonce, sealed, _bound(document["keys"]))
        return {name: base64s.decode(seed, 32) for name, seed in json.loads(secret).items()}
    except InvalidTag as error:
        raise WrongPassword(f"{path}: wrong password, or the file was changed") from error
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileError(NOT_OURS.format(path)) from error
    except MemoryError as error:
        raise KeyFileError(f"{path}: too little memory to stretch its password") from error


def read_key(path: Path, password: bytes) -> tuple[str, bytes]:
    """Name and seed of the one key in a file; raises KeyFileError."""
    seeds = read_keys(path, password)
    if len(seeds) != 1:
        raise KeyFileError(f"{path}: holds {len(seeds)} keys, where one belongs")
    return next(iter(seeds.items()))


def public_keys(path: Path) -> dict[str, bytes]:
    """The public keys in a file by their names, without its password; raises KeyFileError."""
    try:
        return {key["name"]: keys.decode(key["public"]) for key in _read(path)["keys"]}
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileError(NOT_OURS.format(path)) from error


def read_password(path: Path) -> bytes:
    """The password in a file, without its line end; raises KeyFileError."""
    password = _octets(path).rstrip(b"\r\n")
    if not password:
        raise KeyFileError(f"{path}: the password is empty")
    return password


def check_mode(path: Path) -> Path:
    """The path, if it is a file that nobody else can read; raises KeyFileError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyFileError(f"{path}: others can read it (mode {mode:04o}); chmod 600 {path}")
    return path


def replace_file(path: Path, octets: bytes) -> None:
    """Write a file of mode 0600 so that after a crash it is the old one or the new one; raises OSError."""
    with _fresh(path, octets) as fresh:
        os.replace(fresh, path)
    sync_folder(path.parent)


def create_file(path: Path, octets: bytes) -> None:
    """Write a new file of mode 0600, whole or not at all; raises FileExistsError, other OSError."""
    with _fresh(path, octets) as fresh:
        os.link(fresh, path)  # unlike a rename, never over another
    sync_folder(path.parent)


@contextmanager
def _fresh(path: Path, octets: bytes) -> Iterator[str]:
    """A file on disk beside `path`, of mode 0600, which goes unless it is renamed."""
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        yield fresh
    finally:
        Path(fresh).unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Alone among the processes of ours that change what is in this folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    octets = _octets(path)
    try:
        document = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise KeyFileError(NOT_OURS.format(path)) from error
    if not isinstance(document, dict) or document.get("comarca_keys") != VERSION:
        raise KeyFileError(NOT_OURS.format(path) + ", or of another version")
    return document


def _octets(path: Path) -> bytes:
    try:
        return check_mode(path).read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


def _stretched(password: bytes, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(password)


def _bound(public: Any) -> bytes:
    """The octets of what is in clear, as authenticated with what is sealed."""
    return json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
