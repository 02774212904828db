"""Keys at rest: one file, encrypted under a password, of mode 0600.

The password becomes a key by scrypt (RFC 7914), the seeds are sealed with ChaCha20-Poly1305 (RFC 8439). A file holds
one key or many (a keyring), each seed under the name of its key; the names and public keys are in clear.

    {"comarca_keys": 1, "kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "nonce", "sealed",
     "keys": [{"name", "public"}]}
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.log import base64s, keys
from ledger.log.malformed import Malformed

VERSION = 1
COST = 2**15  # scrypt's n: 32 MiB and about a tenth of a second
COST_MOST = 2**20


class KeyFileError(Exception):
    """The file cannot be used; the message names it and says what to do."""


def write_keys(path: Path, seeds: Mapping[str, bytes], password: bytes, cost: int = COST) -> None:
    """Seal seeds by the names of their keys. An existing file is replaced whole, or not at all."""
    salt, nonce = os.urandom(16), os.urandom(12)
    public = [{"name": name, "public": keys.encode(keys.public_of(seed))} for name, seed in seeds.items()]
    secret = json.dumps({name: base64s.encode(seed) for name, seed in seeds.items()}).encode()
    sealed = ChaCha20Poly1305(_stretched(password, salt, cost, 8, 1)).encrypt(nonce, secret, _bound(public))
    kdf = {"name": "scrypt", "n": cost, "r": 8, "p": 1, "salt": base64s.encode(salt)}
    document = {"comarca_keys": VERSION, "kdf": kdf, "nonce": base64s.encode(nonce),
                "sealed": base64s.encode(sealed), "keys": public}  # fmt: skip
    replace_file(path, json.dumps(document, indent=1).encode() + b"\n")


def read_keys(path: Path, password: bytes) -> dict[str, bytes]:
    """The seeds in a file by the names of their keys; raises KeyFileError."""
    document = _read(path)
    try:
        kdf = document["kdf"]
        if kdf["name"] != "scrypt" or not 2 <= kdf["n"] <= COST_MOST:
            raise KeyFileError(f"{path}: keys stretched by a rule that this program does not know")
        key = _stretched(password, base64s.decode(kdf["salt"]), kdf["n"], kdf["r"], kdf["p"])
        nonce, sealed = base64s.decode(document["nonce"], 12), base64s.decode(document["sealed"])
        secret = ChaCha20Poly1305(key).decrypt(nonce, sealed, _bound(document["keys"]))
        return {name: base64s.decode(seed, 32) for name, seed in json.loads(secret).items()}
    except InvalidTag as error:
        raise KeyFileError(f"{path}: wrong password, or the file was changed") from error
    except (KeyError, TypeError, ValueError, Malformed) as error:
        raise KeyFileError(f"{path}: not a key file of this program's") from error


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
    except (KeyError, TypeError, Malformed) as error:
        raise KeyFileError(f"{path}: not a key file of this program's") from error


def read_password(path: Path) -> bytes:
    """The password in a file, without its line end; raises KeyFileError."""
    password = check_mode(path).read_bytes().rstrip(b"\r\n")
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
    """Write a file of mode 0600 so that after a crash it is the old one or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(descriptor)
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(check_mode(path).read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: not a key file of this program's") from error
    if not isinstance(document, dict) or document.get("comarca_keys") != VERSION:
        raise KeyFileError(f"{path}: not a key file of this program's, or of another version")
    return document


def _stretched(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(password)


def _bound(public: Any) -> bytes:
    """What is in clear is bound to what is sealed, so that a public key cannot be swapped."""
    return json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
