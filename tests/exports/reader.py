"""A reader of static logs, written from the C2SP pages alone and sharing nothing with the product: urllib, hashlib, and
OpenSSL's Ed25519 by way of `cryptography`."""

import base64
import hashlib
from urllib.request import urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class StaticLog:
    """The log at an address, under a verifier key."""

    def __init__(self, address: str, vkey: str):
        self.address = address
        self.name, id, key = vkey.split("+", 2)
        self._id, self._key = bytes.fromhex(id), base64.b64decode(key)

    def get(self, path: str) -> bytes:
        with urlopen(f"{self.address}/{path}", timeout=10) as answer:
            octets: bytes = answer.read()
            return octets

    def checkpoint(self) -> tuple[int, bytes]:
        """Size and root, once the signature is verified."""
        text, _, lines = self.get("checkpoint").decode().rpartition("\n\n")
        for line in lines.splitlines():
            _, name, signature = line.split(" ")
            octets = base64.b64decode(signature)
            if name == self.name and octets[:4] == self._id:
                Ed25519PublicKey.from_public_bytes(self._key[1:]).verify(octets[4:], (text + "\n").encode())
                origin, size, root = text.split("\n")[:3]
                assert origin == self.name
                return int(size), base64.b64decode(root)
        raise AssertionError("not signed")

    def entries(self) -> list[bytes]:
        """Every entry, hashed into its tile, and all of them into the root."""
        size, root = self.checkpoint()
        found: list[bytes] = []
        for start in range(0, size, 256):
            width = min(256, size - start)
            octets, tile = (
                self.get(self.path("entries", start // 256, width)),
                self.get(self.path(0, start // 256, width)),
            )
            for n in range(width):
                length = int.from_bytes(octets[:2], "big")
                found.append(octets[2 : 2 + length])
                octets = octets[2 + length :]
                assert hashlib.sha256(b"\0" + found[-1]).digest() == tile[32 * n : 32 * n + 32]
            assert not octets and len(tile) == 32 * width
        assert self.tree_hash([hashlib.sha256(b"\0" + one).digest() for one in found]) == root
        return found

    def path(self, level: object, number: int, width: int) -> str:
        digits = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
        return f"tile/{level}/{digits}" + (f".p/{width}" if width < 256 else "")

    def tree_hash(self, hashes: list[bytes]) -> bytes:
        """MTH of RFC 6962 over leaf hashes, by its definition."""
        if len(hashes) == 1:
            return hashes[0]
        k = 1
        while 2 * k < len(hashes):
            k *= 2
        return hashlib.sha256(b"\1" + self.tree_hash(hashes[:k]) + self.tree_hash(hashes[k:])).digest()
