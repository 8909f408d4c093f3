"""Public keys in the forms that others read and write: PEM (RFC 7468) and JWK (RFC 7517); RSA and Ed25519.

``smarter keys`` writes those of keystores, and reads one that somebody hands over. Public keys of the schemes have no
standard form: :func:`own_form` is Smarter's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from smarter.errors import DataError, UsageError
from smarter.keys import signing
from smarter.keys.entries import PublicEntry
from smarter.keys.naming import fingerprint

LEAST_BITS = 2_048
MOST_BITS = 16_384
LONGEST = 64 * 2**10
"""Bytes of a file that is looked at."""
OWN_FORM = "smarter-public-key"
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True)
class PublicHalf:
    """A public key.

    Attributes:
        kind: ``rsa`` or ``ed25519``.
        bits: of its modulus; 256 for Ed25519.
        form: the bytes that Smarter names it by: SubjectPublicKeyInfo in DER of RSA, the 32 bytes of Ed25519.
        members: those of its JWK that RFC 7638 (section 3.2) and RFC 8037 (section 2) require, and no other.
    """

    kind: Literal["rsa", "ed25519"]
    bits: int
    form: bytes
    members: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """What Smarter calls it."""
        return fingerprint(self.form)

    @property
    def thumbprint(self) -> str:
        """Its JWK thumbprint (RFC 7638): SHA-256, base64url."""
        text = json.dumps(dict(self.members), sort_keys=True, separators=(",", ":"))
        return _base64url(hashlib.sha256(text.encode()).digest())

    def pem(self) -> str:
        """SubjectPublicKeyInfo as PEM."""
        if self.kind == "ed25519":
            return signing.pem_of(self.form)
        lines = base64.encodebytes(self.form).decode().replace("\n", "")
        body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def jwk(self) -> str:
        """One JWK, its ``kid`` the thumbprint."""
        return json.dumps({**self.members, "kid": self.thumbprint}, indent=2) + "\n"


def of_entry(entry: PublicEntry) -> PublicHalf | None:
    """The public half of a keystore's key, of any size; None where there is no standard form."""
    if entry.plugin == signing.PLUGIN:
        return _of_ed25519(entry.public)
    if not entry.public.startswith(b"-----BEGIN"):
        return None
    key = load_pem_public_key(entry.public)
    return _of_rsa(key) if isinstance(key, RSAPublicKey) else None


def own_form(entry: PublicEntry) -> str:
    """Smarter's own form, for a key of any plugin: JSON with the plugin's byte form in base64url."""
    form = {"format": OWN_FORM, "version": 1, "plugin": entry.plugin, "purpose": entry.purpose}
    return json.dumps({**form, "fingerprint": entry.fingerprint, "public": _base64url(entry.public)}, indent=2) + "\n"


def read_public(data: bytes, where: str) -> PublicHalf:
    """Read a public key that somebody else made: PEM or JWK, which of them its first character tells.

    Raises:
        DataError: it is neither, damaged, of another kind, too small, or a private key; ``where`` is named.
    """
    if len(data) > LONGEST:
        raise DataError(f"{where}: more than {LONGEST:,} bytes, no public key has so many.")
    try:
        half = _read_jwk(data) if data.lstrip()[:1] == b"{" else _read_pem(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, RecursionError) as error:
        why = str(error) if type(error) is _Refused else "it is no public key as PEM or JWK, or was damaged"
        raise DataError(f"{where}: {why}; ask whoever made it for an RSA or Ed25519 public key.") from error
    if half.kind == "rsa" and not LEAST_BITS <= half.bits <= MOST_BITS:
        raise DataError(f"{where}: an RSA key of {half.bits:,} bits, {LEAST_BITS:,} to {MOST_BITS:,} are taken.")
    return half


def public_in(path: Path) -> PublicHalf:
    """Read a public key from a file.

    Raises:
        DataError: as of :func:`read_public`.
        UsageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return read_public(file.read(LONGEST + 1), str(path))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; name the file that holds the public key."
        ) from error


class _Refused(ValueError):
    """Says itself what is wrong."""


def _read_pem(data: bytes) -> PublicHalf:
    if b"PRIVATE KEY-----" in data:
        raise _Refused("it is a PRIVATE key, which is nobody's but its owner's")
    if data.count(b"-----BEGIN") > 1:
        raise _Refused("it holds more than one key")
    key = load_pem_public_key(data)
    if isinstance(key, RSAPublicKey):
        return _of_rsa(key)
    if isinstance(key, Ed25519PublicKey):
        return _of_ed25519(key.public_bytes_raw())
    raise _Refused("it is neither an RSA nor an Ed25519 key")


def _read_jwk(data: bytes) -> PublicHalf:
    members = json.loads(data, object_pairs_hook=_once)
    if _PRIVATE_MEMBERS & members.keys():
        raise _Refused("it is a PRIVATE key, which is nobody's but its owner's")
    match members:
        case {"kty": "RSA", "n": str(n), "e": str(e)}:
            numbers = RSAPublicNumbers(_number(e), _number(n))
            if not numbers.n & numbers.e & 1 or numbers.n.bit_length() > MOST_BITS:
                raise _Refused("its numbers are none of an RSA key")
            return _of_rsa(numbers.public_key())
        case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
            return _of_ed25519(_octets(x))
    raise _Refused("it is neither an RSA nor an Ed25519 key")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 7517, section 4: a member that stands twice can be refused."""
    if len(dict(pairs)) != len(pairs):
        raise _Refused("it says something twice")
    return dict(pairs)


def _of_rsa(key: RSAPublicKey) -> PublicHalf:
    numbers = key.public_numbers()
    form = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicHalf("rsa", key.key_size, form, {"e": _text(numbers.e), "kty": "RSA", "n": _text(numbers.n)})


def _of_ed25519(raw: bytes) -> PublicHalf:
    Ed25519PublicKey.from_public_bytes(raw)  # raises ValueError unless it is one
    return PublicHalf("ed25519", 256, raw, {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)})


def _text(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _number(text: str) -> int:
    octets = _octets(text)
    if octets[:1] in (b"", b"\0"):  # RFC 7518, section 2: the fewest octets
        raise _Refused("a number of it is not in the one form that is written")
    return int.from_bytes(octets, "big")


def _octets(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise _Refused("a value of it is not base64url")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64url(octets) != text:
        raise _Refused("a value of it is not in the one form that is written")
    return octets


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
