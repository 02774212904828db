"""Bare libsodium verification, the floor of everything that verifies: in a tight loop, nothing around it."""

import os
from collections.abc import Callable

from nacl._sodium import ffi, lib
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

MESSAGE = 380  # octets: the text of a transfer


def verifications(count: int) -> Callable[[], None]:
    """A function that verifies `count` signatures, each of another message by one of 64 keys.

    The combined form over a signature and its message in a row, told to copy nothing out: in libsodium that is
    crypto_sign_verify_detached and a comparison of lengths. PyNaCl exports no other form that does not copy.
    """
    pairs = [crypto_sign_seed_keypair(bytes([n]) * 32) for n in range(64)]
    signed = [(crypto_sign(os.urandom(MESSAGE), secret), public) for public, secret in pairs]
    one, nothing = lib.crypto_sign_open, ffi.NULL
    length = MESSAGE + crypto_sign_BYTES
    work = [signed[n % len(signed)] for n in range(count)]

    def run() -> None:
        for octets, public in work:
            if one(nothing, nothing, octets, length, public):
                raise AssertionError("a good signature was refused")

    return run
