"""Ciphers ``pycryptodome-aes-cbc-hmac`` and ``pycryptodome-aes-ctr-hmac``: a plain mode made authentic by HMAC.

Meters, PES and customers seal and open frames with them; the brief asks for CBC and CTR, which alone protect no
integrity. Both are encrypt-then-MAC (Bellare and Namprempre, ASIACRYPT 2000):

- The key is 64 bytes: 32 for AES-256, then 32 for HMAC-SHA256.
- Sealed is text ‖ tag. The tag, of 32 bytes, is HMAC(len(AAD) ‖ len(nonce) ‖ len(text) ‖ AAD ‖ nonce ‖ text); each
  length is a count of bytes in 8 bytes, big-endian, so no byte can move from one part to its neighbour.
- Nothing is decrypted before the tag has verified, so there is no padding to ask an oracle about.
- CBC pads by PKCS#7. Its IV is AES-256 of nonce ‖ 0000, under a third key that is made of the first:
  HMAC-SHA256(AES key, :data:`IV_KEY_LABEL`). NIST SP 800-38A, appendix C, encrypts the nonce under the text's own key;
  Rogaway ("Evaluation of Some Blockcipher Modes of Operation", 2011, section 4.5) shows why another is needed.
- CTR's block is nonce ‖ counter of 4 bytes from 0.
"""

from __future__ import annotations

import hmac
from abc import abstractmethod
from typing import Any

from smarter.api import Cipher, KeyedCipher, OutOfBounds
from smarter_plugins.ciphers.refusals import NONCE_BYTES, checked_key, unverified, wrong_nonce

AES_KEY_BYTES = 32
BLOCK_BYTES = 16
TAG_BYTES = 32
COUNTER_BYTES = BLOCK_BYTES - NONCE_BYTES
CTR_TEXT_BYTES = BLOCK_BYTES << 8 * COUNTER_BYTES
IV_KEY_LABEL = b"smarter pycryptodome-aes-cbc-hmac iv key"


class EncryptThenMac(KeyedCipher):
    """A mode under one key and HMAC-SHA256 under the other."""

    def __init__(self, name: str, key: bytes) -> None:
        from Crypto.Cipher import AES

        self._name = name
        self._aes: Any = AES
        self._text_key, self._mac_key = key[:AES_KEY_BYTES], key[AES_KEY_BYTES:]

    @abstractmethod
    def _encrypt(self, nonce: bytes, plaintext: bytes) -> bytes:
        """The text that the tag is then made of."""

    @abstractmethod
    def _decrypt(self, nonce: bytes, text: bytes) -> bytes:
        """The reverse, called only with text that has verified; :class:`ValueError` for text that nobody sealed."""

    def _tag(self, nonce: bytes, text: bytes, aad: bytes) -> bytes:
        parts = (aad, nonce, text)
        lengths = [len(part).to_bytes(8, "big") for part in parts]
        return hmac.digest(self._mac_key, b"".join((*lengths, *parts)), "sha256")

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        if len(nonce) != NONCE_BYTES:
            raise wrong_nonce(self._name, nonce)
        text = self._encrypt(nonce, plaintext)
        return text + self._tag(nonce, text, aad)

    def _open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        if len(nonce) != NONCE_BYTES:
            raise wrong_nonce(self._name, nonce)
        text, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(nonce, text, aad)):
            raise unverified(self._name)
        try:
            return self._decrypt(nonce, text)
        except ValueError:
            raise unverified(self._name) from None


class CbcHmac(EncryptThenMac):
    """CBC with an encrypted nonce for an IV."""

    def __init__(self, name: str, key: bytes) -> None:
        super().__init__(name, key)
        iv_key = hmac.digest(self._text_key, IV_KEY_LABEL, "sha256")
        self._block = self._aes.new(iv_key, self._aes.MODE_ECB)

    def _cipher(self, nonce: bytes) -> Any:
        iv = self._block.encrypt(nonce + bytes(COUNTER_BYTES))
        return self._aes.new(self._text_key, self._aes.MODE_CBC, iv=iv)

    def _encrypt(self, nonce: bytes, plaintext: bytes) -> bytes:
        from Crypto.Util.Padding import pad

        return bytes(self._cipher(nonce).encrypt(pad(plaintext, BLOCK_BYTES)))

    def _decrypt(self, nonce: bytes, text: bytes) -> bytes:
        from Crypto.Util.Padding import unpad

        return bytes(unpad(self._cipher(nonce).decrypt(text), BLOCK_BYTES))


class CtrHmac(EncryptThenMac):
    """CTR with the nonce before the counter."""

    def _cipher(self, nonce: bytes) -> Any:
        return self._aes.new(self._text_key, self._aes.MODE_CTR, nonce=nonce, initial_value=0)

    def _encrypt(self, nonce: bytes, plaintext: bytes) -> bytes:
        if len(plaintext) > CTR_TEXT_BYTES:
            raise OutOfBounds(
                f"{self._name} seals up to {CTR_TEXT_BYTES} bytes at once, this text has {len(plaintext)}; "
                "seal it in parts."
            )
        return bytes(self._cipher(nonce).encrypt(plaintext))

    def _decrypt(self, nonce: bytes, text: bytes) -> bytes:
        return bytes(self._cipher(nonce).decrypt(text))


class PycryptodomeCbcHmac(Cipher):
    """AES-256-CBC with HMAC-SHA256; see the module."""

    name = "pycryptodome-aes-cbc-hmac"
    summary = "AES-256-CBC with HMAC-SHA256, encrypt-then-MAC, through pycryptodome."
    key_bytes = 64
    overhead_bytes = BLOCK_BYTES + TAG_BYTES

    def keyed(self, key: bytes) -> KeyedCipher:
        return CbcHmac(self.name, checked_key(type(self), key))


class PycryptodomeCtrHmac(Cipher):
    """AES-256-CTR with HMAC-SHA256; see the module."""

    name = "pycryptodome-aes-ctr-hmac"
    summary = "AES-256-CTR with HMAC-SHA256, encrypt-then-MAC, through pycryptodome."
    key_bytes = 64
    overhead_bytes = TAG_BYTES

    def keyed(self, key: bytes) -> KeyedCipher:
        return CtrHmac(self.name, checked_key(type(self), key))
