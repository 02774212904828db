"""Ed25519 keys and signatures (RFC 8032), strict and without cofactor; key names and IDs as in C2SP `signed-note`.

Registration admits a public key that is canonically encoded and lies in the subgroup of prime order. A signature
counts if R is canonical and not of small order, S is below the order of the group, and the equation holds without
cofactor. That of R is looked at here, because releases of libsodium differ in it; the rest is libsodium's verification.

>>> vkey("ledger.example/solana", public_of(bytes(32)))
'ledger.example/solana+f616577c+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
>>> verify(public_of(bytes(32)), sign(bytes(32), b"paid"), b"paid")
True
"""

import hashlib
from functools import lru_cache

from nacl._sodium import ffi, lib
from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign_BYTES,
    crypto_sign_PUBLICKEYBYTES,
    crypto_sign_seed_keypair,
)
from nacl.bindings.crypto_sign import crypto_sign

from ledger.log import base64s, notes
from ledger.log.malformed import Malformed

ED25519 = b"\x01"  # the type octet of a C2SP verifier key: signs notes
COSIGNER = b"\x04"  # of a witness's Ed25519 key: signs what it saw, and when (C2SP `tlog-cosignature`)
TYPES = {ED25519: "0x01 (Ed25519)", COSIGNER: "0x04 (cosigner's Ed25519)"}
SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
)

_ALL_ONES = b"\xff" * 30


def encode(public: bytes, type_: bytes = ED25519) -> str:
    """A public key as it stands in signed text: base64 of the type octet and its 32 octets."""
    return base64s.encode(type_ + public)


def decode(text: str, type_: bytes = ED25519) -> bytes:
    """The 32 octets of an encoded key of this type; raises Malformed."""
    octets = base64s.decode(text)
    if octets[:1] not in (b"", type_):
        raise Malformed(f"key of type {octets[0]:#04x}, where {TYPES[type_]} belongs")
    if len(octets) != 33:
        raise Malformed(f"{len(octets)} octets, where the 33 of an Ed25519 key belong")
    return octets[1:]


@lru_cache(65_536)
def key_id(name: str, public: bytes, type_: bytes = ED25519) -> bytes:
    """The first four octets of SHA-256(name LF type key)."""
    return hashlib.sha256(name.encode() + b"\n" + type_ + public).digest()[:4]


def vkey(name: str, public: bytes, type_: bytes = ED25519) -> str:
    """A C2SP verifier key: name, hex key ID and key, joined by plus signs."""
    return f"{name}+{key_id(name, public, type_).hex()}+{encode(public, type_)}"


def parse_vkey(text: str, type_: bytes = ED25519) -> tuple[str, bytes]:
    """Name and public key of an Ed25519 verifier key of this type; raises Malformed."""
    name, plus, rest = text.partition("+")
    written_id, plus_too, key = rest.partition("+")
    if not plus or not plus_too or not notes.NAME.fullmatch(name):
        raise Malformed("a verifier key is name+ID+key")
    public = decode(key, type_)
    if written_id != key_id(name, public, type_).hex():
        raise Malformed("the verifier key's ID is not that of its name and key")
    return name, public


def registrable(public: bytes) -> bool:
    """Whether a public key may be registered: canonical, not of small order, in the subgroup of prime order."""
    return len(public) == crypto_sign_PUBLICKEYBYTES and bool(crypto_core_ed25519_is_valid_point(public))


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature by this key over this message counts."""
    if len(signature) != crypto_sign_BYTES or len(public) != crypto_sign_PUBLICKEYBYTES:
        return False
    if signature[:32] in SMALL_ORDER or not _is_canonical(signature):
        return False
    signed = signature + message
    # The binding's own crypto_sign_open copies the message out; without a place to put it, libsodium only verifies.
    refused: int = lib.crypto_sign_open(ffi.NULL, ffi.NULL, signed, len(signed), public)
    return refused == 0


def _is_canonical(point: bytes) -> bool:
    """Whether y of an encoded point is below 2**255 - 19 (RFC 8032 section 5.1.3 step 1)."""
    return point[31] & 0x7F != 0x7F or point[0] < 0xED or point[1:31] != _ALL_ONES


def public_of(seed: bytes) -> bytes:
    """The public key of a seed (RFC 8032 section 5.1.5)."""
    public: bytes = crypto_sign_seed_keypair(seed)[0]
    return public


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64 octets of a signature."""
    signed: bytes = crypto_sign(message, _secret(seed))
    return signed[:crypto_sign_BYTES]


@lru_cache(4096)
def _secret(seed: bytes) -> bytes:
    secret: bytes = crypto_sign_seed_keypair(seed)[1]
    return secret
