"""Scheme ``paillier-phe``: Paillier through python-paillier (phe, GPL-3.0), the library of the report's own loop.

The PES encrypts and adds with it, the releaser decrypts. Integers only, through ``raw_encrypt``: phe's float
encoding would publish each value's exponent, and with it its magnitude. Semantic security rests on the decisional
composite residuosity assumption (Paillier, EUROCRYPT '99); the blinding is the textbook one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, ClassVar

from pydantic import field_validator

from smarter.api import (
    SYSTEM_RANDOMNESS,
    DamagedKeys,
    KeyPair,
    OutOfBounds,
    PrivateKey,
    PublicKey,
    Randomness,
    Scheme,
    need,
)
from smarter_plugins.schemes.key_form import byte_count, fingerprint, read_key, write_key
from smarter_plugins.schemes.key_size import KeySizeOptions, small_key_reason
from smarter_plugins.schemes.residues import centred, dump_ciphertext, load_ciphertext, signed_bits

EXTRA = "phe"


class PheOptions(KeySizeOptions):
    """Size only."""

    @field_validator("key_bits")
    @classmethod
    def _even(cls, bits: int) -> int:
        # phe makes two primes of bits // 2 and tries until n has all bits: for ever, when they are odd.
        if bits % 2:
            raise ValueError(f"paillier-phe makes keys of an even number of bits, not {bits}; take {bits + 1}")
        return bits


@dataclass(slots=True)
class PheCiphertext:
    """A ciphertext as phe's ``EncryptedNumber`` is one: a product that is blinded when it first gets bytes.

    Attributes:
        value: the number, in (0, n²).
        blinded: whether it may leave as it is; an exact product tells which ciphertexts went into it.
    """

    value: int
    blinded: bool


class PaillierPhe(Scheme):
    """phe draws its keys from the system; blindings come from ``random``."""

    name = "paillier-phe"
    summary = "Paillier through python-paillier (GPL-3.0); the library that the report's loop uses."
    Options = PheOptions
    requires: ClassVar[Mapping[str, str]] = {"phe": EXTRA}

    def demo_reason(self) -> str | None:
        return small_key_reason(self.name, self.options.key_bits)

    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        """A fresh key pair; phe ignores ``random`` here and draws from the system's CSPRNG."""
        public, private = need("phe.paillier", EXTRA).generate_paillier_keypair(n_length=self.options.key_bits)
        return KeyPair(self._public(public), self._private(private))

    def plaintext_bits(self, public: PublicKey) -> int:
        return signed_bits(public.material.n)

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        key = public.material
        return [
            PheCiphertext(key.raw_encrypt(int(plaintext) % key.n, self._root(key.n, random)), True)
            for plaintext in plaintexts
        ]

    def _add(self, public: PublicKey, left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        number, key = need("phe.paillier", EXTRA).EncryptedNumber, public.material
        sums = []
        for one, other in zip(left, right, strict=True):
            total = number(key, one.value) + number(key, other.value)
            sums.append(PheCiphertext(total.ciphertext(be_secure=False), False))
        return sums

    def _scale(self, public: PublicKey, values: Sequence[Any], factors: Sequence[int]) -> Sequence[Any]:
        number, key = need("phe.paillier", EXTRA).EncryptedNumber, public.material
        products = []
        for value, factor in zip(values, factors, strict=True):
            if abs(factor) > key.max_int:
                raise OutOfBounds(f"a factor of {factor.bit_length()} bits is beyond phe's n/3; split it.")
            product = number(key, value.value) * int(factor)
            products.append(PheCiphertext(product.ciphertext(be_secure=False), False))
        return products

    def _rerandomise(self, public: PublicKey, values: Sequence[Any], random: Randomness) -> Sequence[Any]:
        return [PheCiphertext(self._blind(public, value.value, random), True) for value in values]

    def _decrypt(self, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        key = private.material
        return [centred(key.raw_decrypt(value.value), key.public_key.n) for value in values]

    def _dump(self, public: PublicKey, value: Any) -> bytes:
        """The bytes; a sum or product that nobody re-randomised is, once, as phe's ``ciphertext()`` does."""
        if not value.blinded:
            value.value, value.blinded = self._blind(public, value.value, SYSTEM_RANDOMNESS), True
        return dump_ciphertext(value.value, public.material.n)

    def _load(self, public: PublicKey, data: bytes) -> Any:
        return PheCiphertext(load_ciphertext(data, public.material.n, self.name), True)

    def dump_public(self, public: PublicKey) -> bytes:
        return self._form(public.material)

    def load_public(self, data: bytes) -> PublicKey:
        bits, (modulus,) = read_key(data, self.name, "public", lambda bits: [byte_count(bits)])
        return self._public(self._checked(bits, modulus))

    def dump_private(self, private: PrivateKey) -> bytes:
        key = private.material
        bits = key.public_key.n.bit_length()
        return write_key(self.name, "private", bits, [key.p, key.q, key.public_key.n], self._widths(bits))

    def load_private(self, data: bytes) -> PrivateKey:
        from gmpy2 import is_prime

        bits, (p, q, modulus) = read_key(data, self.name, "private", self._widths)
        public = self._checked(bits, modulus)
        if p * q != modulus or p == q or not (is_prime(p) and is_prime(q)):
            raise DamagedKeys(f"the private {self.name} key is damaged: its primes do not make its modulus.")
        return self._private(need("phe.paillier", EXTRA).PaillierPrivateKey(public, p, q))

    def _blind(self, public: PublicKey, value: int, random: Randomness) -> int:
        key = public.material
        zero = key.raw_encrypt(0, self._root(key.n, random))
        return int(need("phe.util", EXTRA).mulmod(value, zero, key.nsquare))

    def _root(self, modulus: int, random: Randomness) -> int:
        """Uniform in Z*_n."""
        root = random.below(modulus)
        while gcd(root, modulus) != 1:
            root = random.below(modulus)
        return root

    def _widths(self, bits: int) -> list[int]:
        return [byte_count(bits), byte_count(bits), byte_count(bits)]

    def _checked(self, bits: int, modulus: int) -> Any:
        if modulus.bit_length() != bits or modulus % 2 == 0:
            raise DamagedKeys(f"the {self.name} key is damaged: its modulus is no odd number of {bits} bits.")
        return need("phe.paillier", EXTRA).PaillierPublicKey(modulus)

    def _form(self, key: Any) -> bytes:
        bits = key.n.bit_length()
        return write_key(self.name, "public", bits, [key.n], [byte_count(bits)])

    def _public(self, key: Any) -> PublicKey:
        return PublicKey(fingerprint(self._form(key)), key.n.bit_length(), key)

    def _private(self, key: Any) -> PrivateKey:
        public = self._public(key.public_key)
        return PrivateKey(public.fingerprint, public.bits, key)
