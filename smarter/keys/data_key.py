"""Data keys: what is kept on the disk is sealed under one, so that destroying the key destroys it, copies and all.

The MDMS has one per household and billing period and one per demand window, the PES one for its state. AES-256-GCM
under random nonces (SP 800-38D, section 8.2.2), far below the 2³² that one key is good for; what is sealed names its
key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import AuthenticationFailed, KeyMismatch, MalformedMessage
from smarter.keys.entries import KeyEntry

PLUGIN = "aes-256-gcm"
NAME_BYTES = 8
_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
_SHORTEST = len(_VERSION) + NAME_BYTES + _NONCE_BYTES + 16


@dataclass(frozen=True)
class DataKey:
    """A key by name. ``value`` is empty when it has been destroyed: what was sealed under it never opens again."""

    name: str
    value: bytes = field(repr=False)

    @classmethod
    def fresh(cls, random: Randomness = SYSTEM_RANDOMNESS) -> DataKey:
        """A new one; its name, 8 random bytes in hexadecimal, says nothing."""
        return cls(random.bytes(NAME_BYTES).hex(), random.bytes(_KEY_BYTES))

    @classmethod
    def of(cls, entry: KeyEntry) -> DataKey:
        """The one that a keystore has."""
        return cls(entry.fingerprint, entry.private)

    def entry(self, purpose: str) -> KeyEntry:
        """The same for a keystore, for its first time."""
        return KeyEntry.fresh(purpose, fingerprint=self.name, plugin=PLUGIN, private=self.value)

    @property
    def destroyed(self) -> bool:
        """Whether only the name is left."""
        return not self.value

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self.value)

    def seal(self, data: bytes, context: bytes, random: Randomness = SYSTEM_RANDOMNESS) -> bytes:
        """Version ‖ key's name ‖ nonce ‖ ciphertext, bound to what it is."""
        nonce = random.bytes(_NONCE_BYTES)
        head = _VERSION + bytes.fromhex(self.name)
        return head + nonce + self._cipher.encrypt(nonce, data, head + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The reverse; raises :class:`AuthenticationFailed`: altered, or sealed in another place."""
        head, rest = sealed[: 1 + NAME_BYTES], sealed[1 + NAME_BYTES :]
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + context)
        except (InvalidTag, ValueError) as error:
            raise AuthenticationFailed("what is kept under a data key was altered, or moved") from error


def is_sealed(data: bytes) -> bool:
    """Whether bytes have the form of what is sealed under a data key, which no message of ours begins like."""
    return data[:1] == _VERSION


def name_of(sealed: bytes) -> str:
    """The name of the key that something is sealed under; raises :class:`MalformedMessage` when it is under none."""
    if len(sealed) < _SHORTEST or sealed[:1] != _VERSION:
        raise MalformedMessage("these bytes are not sealed under a data key")
    return sealed[1 : 1 + NAME_BYTES].hex()


def key_of(sealed: bytes, keys: Mapping[str, DataKey]) -> DataKey:
    """Which of ``keys``, by name, something is sealed under.

    Raises:
        MalformedMessage: it is not sealed under a data key.
        KeyMismatch: it is under another.
    """
    name = name_of(sealed)
    if name not in keys:
        raise KeyMismatch(f"it is sealed under data key {name}, which is not here")
    return keys[name]
