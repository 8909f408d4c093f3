"""RSA keys as both keywraps here keep, name and write them: the same bytes whichever library made the key.

Public keys are PEM (SubjectPublicKeyInfo, RFC 5280), private ones DER (PKCS#8, RFC 5958). A public key's material
is its DER form, which a worker process can be sent; each library parses it once.
"""

from __future__ import annotations

import base64
import hashlib

from pydantic import Field

from smarter.api import DamagedKeys, PluginOptions

SOUND_BITS = 2048
"""112-bit security (NIST SP 800-57 part 1, table 2, for factoring)."""
SMALLEST_BITS = 1024
LARGEST_BITS = 16_384
LONGEST_FORM = 32_768
"""Bytes; a private key of :data:`LARGEST_BITS` takes under a third of it."""

PEM_BEGIN = b"-----BEGIN PUBLIC KEY-----"
PEM_END = b"-----END PUBLIC KEY-----"
PEM_LINE = 64
WHITE = b" \t\r\n"


class RsaOptions(PluginOptions):
    """What both can be told."""

    key_bits: int = Field(
        3072,
        ge=SMALLEST_BITS,
        le=LARGEST_BITS,
        multiple_of=8,
        description="Bits of the modulus, a multiple of 8. Under 2048 only with insecure_demo: true.",
    )


def small_key_reason(keywrap: str, key_bits: int) -> str | None:
    """Why a key of this size needs ``insecure_demo: true``; None when it does not."""
    if key_bits >= SOUND_BITS:
        return None
    return f"keywrap {keywrap} with {key_bits}-bit keys can be factored; {SOUND_BITS} bits are the least"


def fingerprint(public_der: bytes) -> str:
    """Hexadecimal SHA-256 of the SubjectPublicKeyInfo, first 32 digits."""
    return hashlib.sha256(public_der).hexdigest()[:32]


def pem(public_der: bytes) -> bytes:
    """The PEM form (RFC 7468) of a SubjectPublicKeyInfo."""
    text = base64.b64encode(public_der)
    lines = [text[start : start + PEM_LINE] for start in range(0, len(text), PEM_LINE)]
    return b"\n".join((PEM_BEGIN, *lines, PEM_END, b""))


def der_of_pem(data: bytes, keywrap: str) -> bytes:
    """The reverse of :func:`pem`; raises :class:`DamagedKeys`. Line ends and lengths may be another program's."""
    text = bytes(data).strip(WHITE) if len(data) <= LONGEST_FORM else b""
    if not (text.startswith(PEM_BEGIN) and text.endswith(PEM_END)):
        raise damaged(keywrap, "public", "is no PEM of a public key")
    body = text[len(PEM_BEGIN) : -len(PEM_END)].translate(None, WHITE)
    try:
        der = base64.b64decode(body, validate=True)
    except ValueError:
        der = b""
    if base64.b64encode(der) != body:
        raise damaged(keywrap, "public", "is no base64 between its PEM lines")
    return der


def check_numbers(modulus: int, exponent: int, keywrap: str, half: str) -> None:
    """Refuse, by :class:`DamagedKeys`, numbers that no RSA key has (RFC 8017, section 3.1) or sizes out of range."""
    bits = modulus.bit_length()
    if not SMALLEST_BITS <= bits <= LARGEST_BITS:
        raise damaged(keywrap, half, f"has {bits} bits, where {SMALLEST_BITS} to {LARGEST_BITS} can be")
    if modulus % 2 == 0 or exponent % 2 == 0 or not 3 <= exponent < modulus:
        raise damaged(keywrap, half, "has a modulus or exponent that no RSA key has")


def damaged(keywrap: str, half: str, what: str) -> DamagedKeys:
    """The refusal of a key, with what is wrong with it."""
    return DamagedKeys(f"the {half} key of keywrap {keywrap} {what}; restore it from its backup or ask for it again.")
