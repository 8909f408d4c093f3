"""Kind ``keywrap``: hybrid public-key encryption, by which keys and sums reach their receiver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

from smarter.api.cipher import KeyedCipher
from smarter.api.keys import KeyPair, PrivateKey, PublicKey
from smarter.api.plugin import Plugin
from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import KeyMismatch
from smarter.model import views

CONTENT_KEY_BYTES = 32


class Keywrap(Plugin, ABC):
    """Wraps short secrets for a public key; longer content goes under a fresh wrapped key (hybrid).

    ``context`` is bound to what is wrapped (OAEP's label): unwrapping under another context fails.
    """

    kind = "keywrap"

    @abstractmethod
    def generate(self) -> KeyPair:
        """A fresh key pair of the size that the options ask for, from the library's CSPRNG."""

    @abstractmethod
    def wrap(self, public: PublicKey, secret: bytes, *, context: bytes) -> bytes:
        """Wrap up to 64 bytes for the holder of the private key."""

    @abstractmethod
    def _unwrap(self, private: PrivateKey, wrapped: bytes, *, context: bytes) -> bytes:
        """The reverse of :meth:`wrap`; raises :class:`AuthenticationFailed`."""

    @abstractmethod
    def _content_cipher(self, key: bytes) -> KeyedCipher:
        """AES-256-GCM under ``key`` (32 bytes), from the library that this plugin wraps."""

    @abstractmethod
    def dump_public(self, public: PublicKey) -> bytes:
        """PEM, SubjectPublicKeyInfo."""

    @abstractmethod
    def load_public(self, data: bytes) -> PublicKey:
        """The reverse of :meth:`dump_public`; raises :class:`DamagedKeys`."""

    @abstractmethod
    def dump_private(self, private: PrivateKey) -> bytes:
        """DER, PKCS#8, not encrypted: only a keystore may hold it."""

    @abstractmethod
    def load_private(self, data: bytes) -> PrivateKey:
        """The reverse of :meth:`dump_private`; raises :class:`DamagedKeys`."""

    @final
    def unwrap(self, private: PrivateKey, wrapped: bytes, *, context: bytes) -> bytes:
        """Unwrap what :meth:`wrap` made; counted in the view of the party that does it.

        Raises:
            AuthenticationFailed: another key, another context, or damaged bytes.
        """
        secret = self._unwrap(private, wrapped, context=context)
        views.current().unwrapped += 1
        return secret

    @final
    def sealer(
        self, public: PublicKey, *, context: bytes, random: Randomness = SYSTEM_RANDOMNESS
    ) -> tuple[bytes, KeyedCipher]:
        """A fresh content key, wrapped for ``public``, and the cipher under it.

        The key is new, so the caller may count nonces up from zero; it must use each once.
        """
        key = random.bytes(CONTENT_KEY_BYTES)
        return self.wrap(public, key, context=context), self._content_cipher(key)

    @final
    def opener(self, private: PrivateKey, wrapped: bytes, *, context: bytes) -> KeyedCipher:
        """The cipher under the content key that ``wrapped`` carries; raises like :meth:`unwrap`."""
        key = self.unwrap(private, wrapped, context=context)
        if len(key) != CONTENT_KEY_BYTES:
            raise KeyMismatch(f"a content key has {CONTENT_KEY_BYTES} bytes, this one {len(key)}.")
        return self._content_cipher(key)

    @classmethod
    def capabilities(cls) -> Mapping[str, object]:
        return {"hybrid": True}
