"""Keywrap ``pycryptodome-rsa-oaep``: the same as ``rsa-oaep``, byte for byte, by another library.

Whoever wants to compare libraries, or to distrust one, names it in a scenario; parties use it like the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from smarter.api import KeyedCipher
from smarter_plugins.ciphers.pycryptodome import PycryptodomeGcm
from smarter_plugins.keywraps.oaep import RsaOaepKeywrap

EXPONENT = 65_537


@lru_cache(maxsize=256)
def _parsed(der: bytes) -> Any:
    from Crypto.PublicKey import RSA

    key = RSA.import_key(der)
    if key.has_private():
        raise ValueError("not a public key")
    return key


class PycryptodomeRsaOaep(RsaOaepKeywrap):
    """RSA-OAEP-SHA256 by pycryptodome; decryption is blinded, its big integers are not constant in time."""

    name = "pycryptodome-rsa-oaep"
    summary = "RSA-OAEP-SHA256 with AES-256-GCM (hybrid) through pycryptodome."

    def _make(self, bits: int) -> Any:
        from Crypto.PublicKey import RSA

        return RSA.generate(bits, e=EXPONENT)

    def _numbers(self, key: Any) -> tuple[int, int]:
        return int(key.n), int(key.e)

    def _public_form(self, key: Any) -> bytes:
        return bytes(key.public_key().export_key(format="DER"))

    def _private_form(self, key: Any) -> bytes:
        return bytes(key.export_key(format="DER", pkcs=8))

    def _parse_public(self, der: bytes) -> Any:
        return _parsed(der)

    def _parse_private(self, der: bytes) -> Any:
        from Crypto.PublicKey import RSA

        key = RSA.import_key(der)
        if not key.has_private():
            raise ValueError("not a private key")
        return key

    def _oaep(self, key: Any, label: bytes) -> Any:
        from Crypto.Cipher import PKCS1_OAEP
        from Crypto.Hash import SHA256

        return PKCS1_OAEP.new(key, hashAlgo=SHA256, label=label)

    def _encrypt(self, key: Any, secret: bytes, label: bytes) -> bytes:
        return bytes(self._oaep(key, label).encrypt(secret))

    def _decrypt(self, key: Any, wrapped: bytes, label: bytes) -> bytes:
        return bytes(self._oaep(key, label).decrypt(wrapped))

    def _content_cipher(self, key: bytes) -> KeyedCipher:
        return PycryptodomeGcm().keyed(key)
