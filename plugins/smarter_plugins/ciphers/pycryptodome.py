"""Ciphers ``pycryptodome-aes-{gcm,ccm,eax,ocb,siv}``: the authenticated AES modes of pycryptodome.

Meters, PES and customers seal and open frames with them. A mode object of this library serves one message, so
each message pays for its set-up; the modes are here to be compared, ``aes-gcm`` is there to be used.
"""

from __future__ import annotations

from typing import Any, ClassVar

from smarter.api import Cipher, KeyedCipher, OutOfBounds
from smarter_plugins.ciphers.refusals import NONCE_BYTES, checked_key, unverified, wrong_nonce

TAG_BYTES = 16
CCM_TEXT_BYTES = (1 << 24) - 1
"""What CCM's length field of 15 - 12 = 3 bytes can say (NIST SP 800-38C, appendix A.1)."""


class ModeKeyed(KeyedCipher):
    """A key and a mode; the sealed form is text ‖ tag, as RFC 5116 has it."""

    def __init__(self, name: str, mode: str, key: bytes) -> None:
        from Crypto.Cipher import AES

        self._name = name
        self._new: Any = AES.new
        self._key = key
        self._mode: int = getattr(AES, mode)
        self._parameters: dict[str, int] = {"mac_len": TAG_BYTES}

    def _cipher(self, nonce: bytes, aad: bytes) -> Any:
        if len(nonce) != NONCE_BYTES:
            raise wrong_nonce(self._name, nonce)
        cipher = self._new(self._key, self._mode, nonce=nonce, **self._parameters)
        cipher.update(aad)
        return cipher

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        text, tag = self._cipher(nonce, aad).encrypt_and_digest(plaintext)
        return bytes(text + tag)

    def _open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        return self._verified(nonce, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:], aad)

    def _verified(self, nonce: bytes, text: bytes, tag: bytes, aad: bytes) -> bytes:
        cipher = self._cipher(nonce, aad)
        if len(tag) != TAG_BYTES:
            raise unverified(self._name)
        try:
            return bytes(cipher.decrypt_and_verify(text, tag))
        except ValueError:
            raise unverified(self._name) from None


class CcmKeyed(ModeKeyed):
    """CCM bounds its texts, and wants their length before the first byte."""

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        if len(plaintext) > CCM_TEXT_BYTES:
            raise OutOfBounds(
                f"{self._name} seals up to {CCM_TEXT_BYTES} bytes at once, this text has {len(plaintext)}; "
                "seal it in parts."
            )
        return super().seal(nonce, plaintext, aad)


class SivKeyed(ModeKeyed):
    """The sealed form is tag ‖ text, and the tag is the synthetic IV (RFC 5297, section 6)."""

    def __init__(self, name: str, mode: str, key: bytes) -> None:
        super().__init__(name, mode, key)
        self._parameters = {}  # its tag has one length

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        text, tag = self._cipher(nonce, aad).encrypt_and_digest(plaintext)
        return bytes(tag + text)

    def _open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        return self._verified(nonce, sealed[TAG_BYTES:], sealed[:TAG_BYTES], aad)


class PycryptodomeMode(Cipher):
    """What the five have in common."""

    mode: ClassVar[str]
    keyed_class: ClassVar[type[ModeKeyed]] = ModeKeyed

    def keyed(self, key: bytes) -> KeyedCipher:
        return self.keyed_class(self.name, self.mode, checked_key(type(self), key))


class PycryptodomeGcm(PycryptodomeMode):
    """AES-256-GCM, NIST SP 800-38D; its bytes are those of ``aes-gcm``."""

    name = "pycryptodome-aes-gcm"
    summary = "AES-256-GCM through pycryptodome."
    mode = "MODE_GCM"


class PycryptodomeCcm(PycryptodomeMode):
    """AES-256-CCM, NIST SP 800-38C."""

    name = "pycryptodome-aes-ccm"
    summary = "AES-256-CCM through pycryptodome."
    mode = "MODE_CCM"
    keyed_class = CcmKeyed


class PycryptodomeEax(PycryptodomeMode):
    """AES-256-EAX, Bellare, Rogaway and Wagner, FSE 2004."""

    name = "pycryptodome-aes-eax"
    summary = "AES-256-EAX through pycryptodome."
    mode = "MODE_EAX"


class PycryptodomeOcb(PycryptodomeMode):
    """AES-256-OCB3, RFC 7253."""

    name = "pycryptodome-aes-ocb"
    summary = "AES-256-OCB3 through pycryptodome."
    mode = "MODE_OCB"


class PycryptodomeSiv(PycryptodomeMode):
    """AES-256-SIV with a nonce, RFC 5297 (AEAD_AES_SIV_CMAC_512); a repeated nonce shows only repeated texts.

    Its key is two AES-256 keys: the first for S2V, the second for CTR.
    """

    name = "pycryptodome-aes-siv"
    summary = "AES-256-SIV through pycryptodome; bears a repeated nonce."
    key_bytes = 64
    mode = "MODE_SIV"
    keyed_class = SivKeyed
