"""Keywrap ``rsa-oaep``, through pyca/cryptography (OpenSSL); the default.

Meters wrap epoch keys with it, the releaser wraps the keys of its deliveries; PES, MDMS and customers unwrap.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from smarter.api import KeyedCipher
from smarter_plugins.ciphers.pyca import AesGcm
from smarter_plugins.keywraps.oaep import RsaOaepKeywrap

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import OAEP

EXPONENT = 65_537


@lru_cache(maxsize=256)
def _parsed(der: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(der)
    except UnsupportedAlgorithm as error:
        raise ValueError("not an algorithm of this library") from error
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


@lru_cache(maxsize=256)
def _padding(label: bytes) -> OAEP:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA256

    return OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=label)


class RsaOaep(RsaOaepKeywrap):
    """RSA-OAEP-SHA256 by OpenSSL, whose decryption is blinded and constant in time."""

    name = "rsa-oaep"
    summary = "RSA-OAEP-SHA256 with AES-256-GCM (hybrid) through pyca/cryptography; the default."

    def _make(self, bits: int) -> Any:
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

        return generate_private_key(public_exponent=EXPONENT, key_size=bits)

    def _numbers(self, key: Any) -> tuple[int, int]:
        public = key.public_key() if hasattr(key, "public_key") else key
        numbers = public.public_numbers()
        return numbers.n, numbers.e

    def _public_form(self, key: Any) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = key.public_key() if hasattr(key, "public_key") else key
        return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def _private_form(self, key: Any) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def _parse_public(self, der: bytes) -> Any:
        return _parsed(der)

    def _parse_private(self, der: bytes) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        try:
            # The library would search for factors for a tenth of a second, and let no other thread run meanwhile. Who
            # loads a key has it from where it was kept authentic; that its numbers are of one key is checked below.
            key = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
        except UnsupportedAlgorithm as error:
            raise ValueError("not an algorithm of this library") from error
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("not an RSA key")
        _check_numbers(key)
        return key

    def _encrypt(self, key: Any, secret: bytes, label: bytes) -> bytes:
        return bytes(key.encrypt(secret, _padding(label)))

    def _decrypt(self, key: Any, wrapped: bytes, label: bytes) -> bytes:
        return bytes(key.decrypt(wrapped, _padding(label)))

    def _content_cipher(self, key: bytes) -> KeyedCipher:
        return AesGcm().keyed(key)


def _check_numbers(key: Any) -> None:
    """Return when the numbers of a private key are of one key (RFC 8017, section 3.2); raises :class:`ValueError`."""
    numbers = key.private_numbers()
    n, e, p, q, d = numbers.public_numbers.n, numbers.public_numbers.e, numbers.p, numbers.q, numbers.d
    whole = (
        min(p, q) > 1
        and p * q == n
        and (numbers.dmp1, numbers.dmq1) == (d % (p - 1), d % (q - 1))
        and (d * e % (p - 1), d * e % (q - 1), numbers.iqmp * q % p) == (1, 1, 1)
    )
    if not whole:
        raise ValueError("the numbers of this key are not of one key")
