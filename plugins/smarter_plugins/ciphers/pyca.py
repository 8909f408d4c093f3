"""Ciphers ``aes-gcm`` and ``chacha20-poly1305``, through pyca/cryptography (OpenSSL).

Meters, PES and customers seal and open frames with them; one library object per key serves every frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smarter.api import Cipher, KeyedCipher
from smarter_plugins.ciphers.refusals import NONCE_BYTES, checked_key, unverified, wrong_nonce

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305


class PycaKeyed(KeyedCipher):
    """One of the library's AEAD objects, kept with its key schedule made."""

    def __init__(self, name: str, aead: AESGCM | ChaCha20Poly1305) -> None:
        from cryptography.exceptions import InvalidTag

        self._name = name
        self._encrypt = aead.encrypt
        self._decrypt = aead.decrypt
        self._invalid = InvalidTag

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        # The library takes other lengths too; GCM hashes them into a counter that could meet another's.
        if len(nonce) != NONCE_BYTES:
            raise wrong_nonce(self._name, nonce)
        return self._encrypt(nonce, plaintext, aad)

    def _open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        if len(nonce) != NONCE_BYTES:
            raise wrong_nonce(self._name, nonce)
        try:
            return self._decrypt(nonce, sealed, aad)
        except self._invalid:
            raise unverified(self._name) from None


class AesGcm(Cipher):
    """AES-256-GCM, NIST SP 800-38D: text ‖ tag of 16 bytes, as RFC 5116 has it."""

    name = "aes-gcm"
    summary = "AES-256-GCM through pyca/cryptography; the fastest, the default."

    def keyed(self, key: bytes) -> KeyedCipher:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return PycaKeyed(self.name, AESGCM(checked_key(type(self), key)))


class ChaCha20Poly1305Cipher(Cipher):
    """ChaCha20-Poly1305, RFC 8439: text ‖ tag of 16 bytes."""

    name = "chacha20-poly1305"
    summary = "ChaCha20-Poly1305 through pyca/cryptography; fast where the processor has no AES."

    def keyed(self, key: bytes) -> KeyedCipher:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return PycaKeyed(self.name, ChaCha20Poly1305(checked_key(type(self), key)))
