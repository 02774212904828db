"""A witness that no one here wrote: litewitness (Debian's package torchwood), asked by a served ledger."""

import hashlib
import os
import shutil
import socket
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ledger.log import keys, policy
from ledger.log.keys import COSIGNER
from tests.territory import seed
from tests.witness.community import Community

NAME = "witness.example/lite"
NEEDED = ("litewitness", "witnessctl", "ssh-agent", "ssh-add")
missing = [name for name in NEEDED if shutil.which(name) is None]


@contextmanager
def litewitness(folder: Path, log: str) -> Iterator[str]:
    """litewitness, which knows this log by its verifier key; its address."""
    key = Ed25519PrivateKey.from_private_bytes(seed("lite"))
    pem, socket_file, database = folder / "key.pem", folder / "agent.sock", folder / "lite.db"
    pem.touch(0o600)
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    wire = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    fingerprint = "SHA256:" + b64encode(hashlib.sha256(b64decode(wire)).digest()).decode().rstrip("=")
    origin = keys.parse_vkey(log)[0]
    for words in (("add-log", "-db", database, "-origin", origin), ("add-key", "-db", database, "-origin", origin,
                                                                  "-key", log)):  # fmt: skip
        subprocess.run(["witnessctl", *map(str, words)], check=True, timeout=30)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket_file)], stdout=subprocess.DEVNULL)
    server = None
    try:
        _wait(socket_file.exists)
        around = {**os.environ, "SSH_AUTH_SOCK": str(socket_file)}
        subprocess.run(["ssh-add", str(pem)], env=around, check=True, timeout=30)
        words = ("-db", database, "-name", NAME, "-key", fingerprint, "-ssh-agent", socket_file, "-listen", address)
        server = subprocess.Popen(["litewitness", *map(str, words)])
        _wait(lambda: _answers(address))
        yield f"http://{address}"
    finally:
        for process in (server, agent):
            if process is not None:
                process.terminate()
                process.wait(30)


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not done() and time.monotonic() < until:
        time.sleep(0.05)


@pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not on this machine: apt install torchwood")
def test_litewitness_cosigns_our_checkpoints(tmp_path: Path) -> None:
    north = Community(tmp_path / "north", "north")
    vkey = keys.vkey(NAME, keys.public_of(seed("lite")), COSIGNER)
    try:
        with litewitness(tmp_path, north.vkey) as url:
            by_lite = north.policy({"lite": (vkey, url)})
            with north.serving("--witness-policy", by_lite) as served:
                for times in (1, 7, 300):
                    size = served.pay(times) + 1
                    found = policy.verify(policy.parse((north.folder / by_lite).read_bytes()), served.cosigned(size))
                    assert found.checkpoint.size == size and list(found.cosigned) == ["lite"]
    finally:
        north.territory.close()
