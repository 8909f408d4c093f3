"""RSAES-OAEP (RFC 8017, section 7.1) with SHA-256, MGF1-SHA256 and the context as label, whichever library does it.

The keywrap plugins derive from :class:`RsaOaepKeywrap` and say how their library makes, parses and uses a key.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from smarter.api import AuthenticationFailed, KeyPair, Keywrap, OutOfBounds, PrivateKey, PublicKey
from smarter_plugins.keywraps import rsa_keys

SECRET_BYTES = 64
PADDING_BYTES = 2 * 32 + 2


class RsaOaepKeywrap(Keywrap):
    """Hybrid by way of its base: longer content goes under AES-256-GCM with a fresh, wrapped key.

    A :class:`PublicKey` of one library serves the other too; a :class:`PrivateKey` does by its DER form.

    Attributes:
        refusals: what the libraries raise for bytes that are no key.
    """

    Options = rsa_keys.RsaOptions
    refusals: ClassVar[tuple[type[Exception], ...]] = (ValueError, TypeError, IndexError)

    @abstractmethod
    def _make(self, bits: int) -> Any:
        """A fresh private key of the library."""

    @abstractmethod
    def _numbers(self, key: Any) -> tuple[int, int]:
        """Modulus and public exponent of a private or public key."""

    @abstractmethod
    def _public_form(self, key: Any) -> bytes:
        """DER, SubjectPublicKeyInfo, of a private or public key."""

    @abstractmethod
    def _private_form(self, key: Any) -> bytes:
        """DER, PKCS#8, not encrypted."""

    @abstractmethod
    def _parse_public(self, der: bytes) -> Any:
        """The library's public key; the same object for the same bytes. Raises one of ``refusals``."""

    @abstractmethod
    def _parse_private(self, der: bytes) -> Any:
        """The library's private key, its primes checked. Raises one of ``refusals``."""

    @abstractmethod
    def _encrypt(self, key: Any, secret: bytes, label: bytes) -> bytes:
        """RSAES-OAEP-ENCRYPT."""

    @abstractmethod
    def _decrypt(self, key: Any, wrapped: bytes, label: bytes) -> bytes:
        """RSAES-OAEP-DECRYPT; raises :class:`ValueError`."""

    def demo_reason(self) -> str | None:
        return rsa_keys.small_key_reason(self.name, self.options.key_bits)

    def generate(self) -> KeyPair:
        key = self._make(self.options.key_bits)
        return KeyPair(self._public(self._public_form(key)), self._private(key))

    def wrap(self, public: PublicKey, secret: bytes, *, context: bytes) -> bytes:
        room = min(SECRET_BYTES, (public.bits + 7) // 8 - PADDING_BYTES)
        if len(secret) > room:
            raise OutOfBounds(
                f"{self.name} wraps up to {room} bytes under a key of {public.bits} bits, this secret has "
                f"{len(secret)}; seal longer content under a wrapped key."
            )
        return self._encrypt(self._parse_public(public.material), secret, context)

    def _unwrap(self, private: PrivateKey, wrapped: bytes, *, context: bytes) -> bytes:
        try:
            return self._decrypt(private.material, wrapped, context)
        except ValueError:
            # One refusal for all reasons: to tell them apart is Manger's attack (CRYPTO 2001).
            raise AuthenticationFailed(
                f"{self.name} cannot unwrap this: it was wrapped for another key or context, or changed on the way; "
                "have it wrapped again for the current key."
            ) from None

    def dump_public(self, public: PublicKey) -> bytes:
        return rsa_keys.pem(public.material)

    def load_public(self, data: bytes) -> PublicKey:
        der = rsa_keys.der_of_pem(data, self.name)
        try:
            key = self._parse_public(der)
            form = self._public_form(key)
        except self.refusals:
            raise rsa_keys.damaged(self.name, "public", "is no RSA key in SubjectPublicKeyInfo form") from None
        # Libraries overlook some of what is no DER; the fingerprint must not depend on which one read it.
        if form != der:
            raise rsa_keys.damaged(self.name, "public", "is not the one DER form of an RSA key")
        rsa_keys.check_numbers(*self._numbers(key), self.name, "public")
        return self._public(der)

    def dump_private(self, private: PrivateKey) -> bytes:
        return self._private_form(private.material)

    def load_private(self, data: bytes) -> PrivateKey:
        der = bytes(data)
        if len(der) > rsa_keys.LONGEST_FORM:
            raise rsa_keys.damaged(self.name, "private", f"takes {len(der)} bytes, more than any can")
        try:
            key = self._parse_private(der)
            form = self._private_form(key)
        except self.refusals:
            raise rsa_keys.damaged(self.name, "private", "is no RSA key in PKCS#8 form") from None
        if form != der:
            raise rsa_keys.damaged(self.name, "private", "is not the one DER form of an RSA key")
        rsa_keys.check_numbers(*self._numbers(key), self.name, "private")
        return self._private(key)

    def _public(self, der: bytes) -> PublicKey:
        modulus, _ = self._numbers(self._parse_public(der))
        return PublicKey(rsa_keys.fingerprint(der), modulus.bit_length(), der)

    def _private(self, key: Any) -> PrivateKey:
        modulus, _ = self._numbers(key)
        return PrivateKey(rsa_keys.fingerprint(self._public_form(key)), modulus.bit_length(), key)
