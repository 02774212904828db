"""Ed25519, strict: every published signature and key, and that each verifier gives the one answer."""

from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.log import base64s, keys
from ledger.log.malformed import Malformed
from tests.log.data import load

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
CCTV = load("ed25519/cctv.json")
SPECCHECK = load("ed25519/speccheck.json")["cases"]
WYCHEPROOF = load("ed25519/wycheproof.json")["cases"]
SMALL_ORDER = [bytes.fromhex(text) for text in load("ed25519/small_order.json")]
VKEYS = load("notes/vkeys.json")

seeds = st.binary(min_size=32, max_size=32)


def counts(key: str, signature: str, message: bytes) -> bool:
    """Whether the key may be registered, and the signature holds under it."""
    public = bytes.fromhex(key)
    return keys.registrable(public) and keys.verify(public, bytes.fromhex(signature), message)


# --- published signatures


def test_of_all_odd_points_one_signature_counts() -> None:
    """Of 914 combinations of odd keys and odd R, only the one that is not odd at all."""
    cases = CCTV["cases"]
    counted = [n for n, (key, signature, message, _) in enumerate(cases) if counts(key, signature, message.encode())]
    assert (counted, len(cases)) == (CCTV["strict"], 914)


def test_what_is_odd_about_a_key_keeps_it_out() -> None:
    flags: list[str] = CCTV["flags"]
    odd = {flags.index(name) for name in ("low_order_A", "low_order_component_A", "non_canonical_A")}
    for key, _, _, of_case in CCTV["cases"]:
        assert keys.registrable(bytes.fromhex(key)) == (not odd & set(of_case))


def test_what_is_odd_about_r_does_not_count_under_any_key() -> None:
    flags: list[str] = CCTV["flags"]
    odd = {flags.index(name) for name in ("low_order_R", "non_canonical_R")}
    for key, signature, message, of_case in CCTV["cases"]:
        if odd & set(of_case):
            assert not keys.verify(bytes.fromhex(key), bytes.fromhex(signature), message.encode())


@pytest.mark.parametrize(("key", "signature", "message", "strict"), SPECCHECK)
def test_taming_the_many_eddsas(key: str, signature: str, message: str, strict: bool) -> None:
    assert counts(key, signature, bytes.fromhex(message)) == strict


@pytest.mark.parametrize(("key", "signature", "message", "result", "number"), WYCHEPROOF)
def test_wycheproof(key: str, signature: str, message: str, result: str, number: int) -> None:
    assert counts(key, signature, bytes.fromhex(message)) == (result == "valid"), number


# --- which keys may be registered


@pytest.mark.parametrize("point", SMALL_ORDER, ids=[point.hex()[:8] for point in SMALL_ORDER])
def test_points_of_small_order_are_neither_keys_nor_r(point: bytes) -> None:
    assert not keys.registrable(point)
    assert not keys.verify(point, point + bytes(32), b"")
    assert not keys.verify(keys.public_of(bytes(32)), point + bytes(32), b"")


def test_no_encoding_of_y_above_the_field_is_a_key_or_r() -> None:
    for y in range(P, 2**255):
        for sign in (0, 1):
            point = (y | sign << 255).to_bytes(32, "little")
            assert not keys.registrable(point)
            assert not keys._is_canonical(point)
    for y in (P - 1, P - 2, 2**255 - 2**8 - 1, 0, 1):
        assert keys._is_canonical(y.to_bytes(32, "little"))


def add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points in affine coordinates (RFC 8032 section 5.1.4, before it is made fast)."""
    (a, b), (c, d) = p, q
    product = D * a * b * c * d % P
    x = (a * d + b * c) * pow(1 + product, -1, P) % P
    return x, (b * d + a * c) * pow(1 - product, -1, P) % P


def decoded(octets: bytes) -> tuple[int, int]:
    """A point from its encoding (RFC 8032 section 5.1.3)."""
    y = int.from_bytes(octets, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0
    return (-x % P if x & 1 != octets[31] >> 7 else x), y


def encoded(point: tuple[int, int]) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


@given(seeds)
def test_a_key_of_mixed_order_is_refused(seed: bytes) -> None:
    """A sound key plus each point of small order: on the curve, canonical, and yet refused."""
    public = keys.public_of(seed)
    assert keys.registrable(public)
    assert encoded(decoded(public)) == public
    torsion = {decoded(point) for point in SMALL_ORDER if keys._is_canonical(point)} - {(0, 1)}
    assert len(torsion) == 7
    for small in torsion:
        assert not keys.registrable(encoded(add(decoded(public), small)))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_octets_of_another_length_are_no_key(length: int) -> None:
    assert not keys.registrable(keys.public_of(bytes(32))[:length].ljust(length, b"\0"))


# --- signatures


@given(seeds, st.binary(max_size=200))
def test_another_library_signs_and_verifies_alike(seed: bytes, message: bytes) -> None:
    other = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = keys.public_of(seed), keys.sign(seed, message)
    assert other.public_key().public_bytes_raw() == public
    assert other.sign(message) == signature
    assert keys.verify(public, signature, message)
    assert not keys.verify(public, signature, message + b"\0")


def test_no_bit_of_a_signature_can_be_changed() -> None:
    public, message = keys.public_of(bytes(32)), b"message"
    signature = keys.sign(bytes(32), message)
    for bit in range(512):
        changed = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)
        assert not keys.verify(public, changed, message)


def test_s_above_the_order_is_refused() -> None:
    """S + L solves the same equation: a second signature that anybody could make."""
    public, signature = keys.public_of(bytes(32)), keys.sign(bytes(32), b"message")
    s = int.from_bytes(signature[32:], "little")
    for more in range(1, 16):
        assert not keys.verify(public, signature[:32] + (s + more * L).to_bytes(32, "little"), b"message")


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    signature = keys.sign(bytes(32), b"")
    assert not keys.verify(keys.public_of(bytes(32)), signature[:length].ljust(length, b"\0"), b"")
    assert not keys.verify(keys.public_of(bytes(32))[:31], signature, b"")


# --- written keys


@given(seeds, st.from_regex(r"[a-z.]{1,20}/[0-9a-f]{4}", fullmatch=True))
def test_a_key_is_read_back(seed: bytes, name: str) -> None:
    public = keys.public_of(seed)
    assert keys.encode(public) == base64s.encode(b"\x01" + public)
    assert keys.decode(keys.encode(public)) == public
    assert keys.key_id(name, public) == sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    assert keys.parse_vkey(keys.vkey(name, public)) == (name, public)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x01", b"\x00" + bytes(32), b"\x02" + bytes(32), b"\x04" + bytes(32), b"\x01" + bytes(31), bytes(34)],
)
def test_another_type_or_length_is_no_key(octets: bytes) -> None:
    with pytest.raises(Malformed):
        keys.decode(base64s.encode(octets))


@pytest.mark.parametrize("vkey", VKEYS["valid"])
def test_published_verifier_keys(vkey: str) -> None:
    assert keys.vkey(*keys.parse_vkey(vkey)) == vkey


@pytest.mark.parametrize("case", VKEYS["invalid"], ids=[case["why"] for case in VKEYS["invalid"]])
def test_published_texts_that_are_no_verifier_keys(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        keys.parse_vkey(case["vkey"])


def test_no_part_of_a_verifier_key_and_no_change_of_it_is_one() -> None:
    vkey = VKEYS["valid"][0]
    parts = [vkey[start:end] for start in range(len(vkey)) for end in range(start, len(vkey) + 1)]
    changed = [vkey[:n] + chr(ord(vkey[n]) + 1) + vkey[n + 1 :] for n in range(len(vkey))]
    for text in [part for part in parts if part != vkey] + changed:
        with pytest.raises(Malformed):
            keys.parse_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a\u2028b", "a\u00a0b", "a\nb", "a\x00b", "\ud800"])
def test_a_name_that_cannot_stand_on_a_line_has_no_verifier_key(name: str) -> None:
    public = keys.public_of(bytes(32))
    with pytest.raises(Malformed):
        keys.parse_vkey(f"{name}+{'0' * 8}+{keys.encode(public)}")
    if name != "\ud800":
        with pytest.raises(Malformed):
            keys.parse_vkey(keys.vkey(name, public))
