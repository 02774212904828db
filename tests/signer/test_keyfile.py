"""Keys at rest: what is sealed, what is in clear, what is refused and in which words, and no key lost."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger.log import base64s, keys
from ledger.signer.keyfile import (
    COST,
    KeyFileError,
    WrongPassword,
    add_keys,
    public_keys,
    read_key,
    read_keys,
    read_password,
    replace_file,
    write_keys,
)

CHEAP = 2**4  # scrypt's n, for tests
PASSWORD = b"correct horse"
SEEDS = {"ledger.example/solana": bytes(range(32)), "anna": b"\x07" * 32}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A keyring of two keys."""
    path = tmp_path / "keyring.json"
    write_keys(path, SEEDS, PASSWORD, CHEAP)
    return path


def change(path: Path, changes: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    changes(document)
    path.write_bytes(json.dumps(document).encode())


def test_what_was_sealed_comes_back(path: Path) -> None:
    assert read_keys(path, PASSWORD) == SEEDS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_public_keys_are_in_clear_and_seeds_are_not(path: Path) -> None:
    assert public_keys(path) == {name: keys.public_of(seed) for name, seed in SEEDS.items()}
    octets = path.read_bytes()
    for seed in SEEDS.values():
        assert base64s.encode(seed).encode() not in octets


def test_the_cost_is_written_down_and_high_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_keys(path, {"anna": SEEDS["anna"]}, PASSWORD)
    kdf = json.loads(path.read_bytes())["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", COST, 8, 1)
    assert COST == 2**15
    assert read_key(path, PASSWORD) == ("anna", SEEDS["anna"])


def test_no_two_files_are_alike(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_keys(tmp_path / name, SEEDS, PASSWORD, CHEAP)
    one, other = (json.loads((tmp_path / name).read_bytes()) for name in ("a", "b"))
    for field in ("nonce", "sealed", "kdf"):
        assert one[field] != other[field]


@pytest.mark.parametrize("password", [b"", b"correct hors", b"correct horse\n", b"Correct horse"])
def test_a_wrong_password_is_named(path: Path, password: bytes) -> None:
    with pytest.raises(WrongPassword, match=r"keyring\.json: wrong password"):
        read_keys(path, password)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o700 | 0o010])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    for read in (lambda: read_keys(path, PASSWORD), lambda: public_keys(path), lambda: read_password(path)):
        with pytest.raises(KeyFileError, match=rf"mode {mode:04o}\); chmod 600 "):
            read()


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_of_our_own_alone_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_keys(path, PASSWORD) == SEEDS


def swap_public(document: dict[str, Any]) -> None:
    one, other = document["keys"]
    one["public"], other["public"] = other["public"], one["public"]


@pytest.mark.parametrize(
    "changes",
    [
        swap_public,
        lambda document: document["keys"].pop(),
        lambda document: document["keys"][0].update(name="eve"),
        lambda document: document["kdf"].update(n=2 * CHEAP),
        lambda document: document["kdf"].update(salt=base64s.encode(bytes(16))),
        lambda document: document.update(nonce=base64s.encode(bytes(12))),
        lambda document: document.update(sealed=base64s.encode(bytes(64))),
    ],
)
def test_a_changed_file_opens_under_no_password(path: Path, changes: Callable[[dict[str, Any]], object]) -> None:
    change(path, changes)
    with pytest.raises(WrongPassword, match="wrong password, or the file was changed"):
        read_keys(path, PASSWORD)


@pytest.mark.parametrize(
    "changes",
    [
        lambda document: document.update(comarca_keys=2),
        lambda document: document.pop("kdf"),
        lambda document: document.update(kdf=[]),
        lambda document: document["kdf"].update(name="pbkdf2"),
        lambda document: document["kdf"].update(n=2**19),
        lambda document: document["kdf"].update(n="16"),
        lambda document: document["kdf"].update(n=17),
        lambda document: document["kdf"].update(r=2**30),
        lambda document: document["kdf"].update(p=2**30),
        lambda document: document["kdf"].update(salt="?"),
        lambda document: document.update(nonce="AA=="),
        lambda document: document.update(sealed=5),
        lambda document: document.update(keys=float("nan")),
    ],
)
def test_what_is_no_key_file_is_refused_in_a_line(path: Path, changes: Callable[[dict[str, Any]], object]) -> None:
    change(path, changes)
    with pytest.raises(KeyFileError, match=r"^[^\n]*keyring\.json: [^\n]+$"):
        read_keys(path, PASSWORD)


@pytest.mark.parametrize("octets", [b"", b"{}", b"[]", b"\xff", b"null", b"[" * 200_000, b'{"comarca_keys": 1}'])
def test_octets_of_all_kinds(path: Path, octets: bytes) -> None:
    path.write_bytes(octets)
    with pytest.raises(KeyFileError, match="not a key file of this program's"):
        read_keys(path, PASSWORD)
    with pytest.raises(KeyFileError, match="not a key file of this program's"):
        public_keys(path)


def test_too_little_memory_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stretched(password: bytes, salt: bytes, n: int) -> bytes:
        raise MemoryError

    monkeypatch.setattr("ledger.signer.keyfile._stretched", stretched)
    with pytest.raises(KeyFileError, match="too little memory"):
        read_keys(path, PASSWORD)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for read in (lambda: read_keys(tmp_path, PASSWORD), lambda: public_keys(tmp_path), lambda: read_password(tmp_path)):
        with pytest.raises(KeyFileError, match="Is a directory"):
            read()


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_keys(tmp_path / "missing", PASSWORD)
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        write_keys(tmp_path / "no" / "key", SEEDS, PASSWORD, CHEAP)


def test_one_key_where_one_belongs(path: Path) -> None:
    with pytest.raises(KeyFileError, match="holds 2 keys, where one belongs"):
        read_key(path, PASSWORD)


def test_a_new_file_never_takes_the_place_of_another(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="is there already"):
        write_keys(path, {"anna": b"\x01" * 32}, PASSWORD, CHEAP, new=True)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_no_empty_password(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="empty password"):
        write_keys(tmp_path / "key", SEEDS, b"", CHEAP)


def test_adding_keeps_what_is_there(path: Path) -> None:
    add_keys(path, {"berta": b"\x02" * 32, "anna": SEEDS["anna"]}, PASSWORD, CHEAP)
    assert read_keys(path, PASSWORD) == {**SEEDS, "berta": b"\x02" * 32}


def test_adding_makes_the_keyring(tmp_path: Path) -> None:
    add_keys(tmp_path / "new", SEEDS, PASSWORD, CHEAP)
    assert read_keys(tmp_path / "new", PASSWORD) == SEEDS


@pytest.mark.parametrize(
    ("seeds", "password", "message"),
    [
        ({"carla": b"\x03" * 32, "anna": b"\x03" * 32}, PASSWORD, "another key of the name anna"),
        ({"carla": b"\x03" * 32}, b"wrong", "wrong password"),
    ],
)
def test_adding_replaces_nothing(path: Path, seeds: dict[str, bytes], password: bytes, message: str) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match=message):
        add_keys(path, seeds, password, CHEAP)
    assert path.read_bytes() == before


def test_many_may_add_at_once(path: Path) -> None:
    more = {f"member {n}": bytes([n]) * 32 for n in range(32)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: add_keys(path, dict([item]), PASSWORD, CHEAP), more.items()))
    assert read_keys(path, PASSWORD) == SEEDS | more
    assert os.listdir(path.parent) == [path.name]


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyFileError, match="No space left"):
        write_keys(path, {"anna": b"\x01" * 32}, PASSWORD, CHEAP)
    assert read_keys(path, PASSWORD) == SEEDS
    assert os.listdir(path.parent) == [path.name]


def test_a_replaced_file_is_narrow_even_where_it_was_wide(tmp_path: Path) -> None:
    path = tmp_path / "wide"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_file(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)


@pytest.mark.parametrize(("octets", "password"), [(b"x y \n", b"x y "), (b"x\r\n", b"x"), ("ñ".encode(), "ñ".encode())])
def test_a_password_ends_where_its_line_ends(tmp_path: Path, octets: bytes, password: bytes) -> None:
    path = tmp_path / "password"
    replace_file(path, octets)
    assert read_password(path) == password


def test_a_password_file_that_holds_none(tmp_path: Path) -> None:
    replace_file(tmp_path / "password", b"\n")
    with pytest.raises(KeyFileError, match="the password is empty"):
        read_password(tmp_path / "password")
    with pytest.raises(KeyFileError, match="No such file"):
        read_password(tmp_path / "missing")
