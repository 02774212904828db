"""Base64 (RFC 4648 section 4): padded, and in its one canonical form.

>>> encode(b"hi")
'aGk='
>>> decode("aGk=")
b'hi'
"""

from binascii import Error, a2b_base64, b2a_base64

from ledger.log.malformed import Malformed


def encode(octets: bytes) -> str:
    """The base64 of octets."""
    return b2a_base64(octets, newline=False).decode()


def decode(text: str, size: int | None = None) -> bytes:
    """The octets of a base64 text, `size` of them if given; raises Malformed.

    The standard decoder passes over junk and non-zero tail bits, so what it makes is encoded again and compared.
    """
    try:
        octets = a2b_base64(text)
    except (Error, ValueError) as error:
        raise Malformed(f"not base64: {text[:40]!r}") from error
    if encode(octets) != text:
        raise Malformed(f"not base64 in its canonical form: {text[:40]!r}")
    if size is not None and len(octets) != size:
        raise Malformed(f"base64 of {len(octets)} octets where {size} belong")
    return octets
