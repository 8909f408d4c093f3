"""Kind ``cipher``: symmetric authenticated encryption, by which meters seal frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, final

from smarter.api.plugin import Plugin
from smarter.model import views


class KeyedCipher(ABC):
    """A cipher with its key set up, so that sealing a small frame does not pay for that again."""

    @abstractmethod
    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Seal ``plaintext`` and authenticate ``aad``. A (key, nonce) pair is used once, ever."""

    @abstractmethod
    def _open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext, or raise :class:`AuthenticationFailed` and give nothing out."""

    @final
    def open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Open what :meth:`seal` made; counted in the view of the party that does it.

        Raises:
            AuthenticationFailed: anything of nonce, text, tag or ``aad`` differs.
        """
        plaintext = self._open(nonce, sealed, aad)
        view = views.current()
        view.opened += 1
        view.bytes_clear += len(plaintext)
        return plaintext


class Cipher(Plugin, ABC):
    """Authenticated encryption with associated data.

    Attributes:
        key_bytes: length of a key; a composite of cipher and MAC takes both keys as one string.
        nonce_bytes: length of a nonce; the meters' nonces are 12 bytes (4 of epoch, 8 of counter).
        overhead_bytes: how much longer sealed is than plaintext, at most.
    """

    kind = "cipher"
    key_bytes: ClassVar[int] = 32
    nonce_bytes: ClassVar[int] = 12
    overhead_bytes: ClassVar[int] = 16

    @abstractmethod
    def keyed(self, key: bytes) -> KeyedCipher:
        """Set up ``key`` (``key_bytes`` long; :class:`ValueError` otherwise)."""

    @classmethod
    def capabilities(cls) -> Mapping[str, object]:
        return {
            "key_bytes": cls.key_bytes,
            "nonce_bytes": cls.nonce_bytes,
            "overhead_bytes": cls.overhead_bytes,
        }
