"""Scheme ``paillier-rust``: Paillier through pypaillier, written in Rust on GMP (its wheel as a whole: LGPL-3.0).

pypaillier blinds, adds, scales and re-randomises for the PES; keys and decryption are those of scheme ``paillier``, as
pypaillier neither hands out the primes that it draws nor takes others. So the two read each other's keys and
ciphertexts, and ciphertexts are ``(1 + n*m) * hs^r mod n²`` under the same assumptions as the ``djn`` blinding there:
r is short, of half the bits of n. pypaillier draws r, and an hs of its own for each key in each process, from a
ChaCha generator that the system seeds; ``random`` reaches the keys alone. By its authors' account, table look-ups read
whole rows, so that r does not show in the cache. Its calls use all cores and need a process that was not forked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field, field_validator

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
from smarter_plugins.schemes import paillier_keys
from smarter_plugins.schemes.key_form import byte_count
from smarter_plugins.schemes.key_size import KeySizeOptions
from smarter_plugins.schemes.paillier import TABLES_KEPT, Paillier, PaillierOptions
from smarter_plugins.schemes.residues import ciphertext_bytes, load_ciphertext, signed_bits

EXTRA = "rust"
SMALLEST_BITS = 2048
LARGEST_BITS = 8192
UNSCALED = b"\0"
"""pypaillier's ciphertexts begin with a decimal exponent; integers have none."""
FACTOR_HEADROOM_BITS = 21
"""pypaillier takes factors up to n / 2^21."""
MOST_ADDENDS = 1 << 20
"""pypaillier adds no more in one call."""


class RustOptions(KeySizeOptions):
    """Size only."""

    key_bits: int = Field(
        3072,
        description=f"Bits of the modulus n, {SMALLEST_BITS} to {LARGEST_BITS}: pypaillier takes no others.",
        json_schema_extra={"minimum": SMALLEST_BITS, "maximum": LARGEST_BITS},
    )

    @field_validator("key_bits")
    @classmethod
    def _taken(cls, bits: int) -> int:
        if not SMALLEST_BITS <= bits <= LARGEST_BITS:
            raise ValueError(
                f"paillier-rust takes keys of {SMALLEST_BITS} to {LARGEST_BITS} bits, not {bits}; "
                "scheme paillier takes others"
            )
        return bits


class PaillierRust(Scheme):
    """A ciphertext is pypaillier's: a zero byte, then the number, big-endian without leading zeros."""

    name = "paillier-rust"
    summary = "Paillier through pypaillier, in Rust; keys and ciphertexts are those of paillier."
    Options = RustOptions
    requires: ClassVar[Mapping[str, str]] = {"paillier": EXTRA}
    embeds = True

    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        return paillier_keys.generate(self.options.key_bits, random)

    def prepare(self, public: PublicKey, encryptions: int) -> None:
        """Make the key's table now, which takes as long as some hundred encryptions."""
        if encryptions:
            _library_key(public.material.modulus)

    def plaintext_bits(self, public: PublicKey) -> int:
        return signed_bits(public.material.modulus)

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        # Not by encrypt_integers, which does the same but takes plaintexts of 21 bits less.
        return self._rerandomise(public, self._embed(public, plaintexts), random)

    def _embed(self, public: PublicKey, plaintexts: Sequence[int]) -> Sequence[Any]:
        modulus = public.material.modulus
        return [_blob(1 + modulus * (plaintext % modulus)) for plaintext in plaintexts]

    def _add(self, public: PublicKey, left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        return [self._total(public, pair) for pair in zip(left, right, strict=True)]

    def _total(self, public: PublicKey, values: Sequence[Any]) -> Any:
        add, key = need("paillier", EXTRA).add_many, _library_key(public.material.modulus)
        total = add(key, list(values[:MOST_ADDENDS]))
        for start in range(MOST_ADDENDS, len(values), MOST_ADDENDS - 1):
            total = add(key, [total, *values[start : start + MOST_ADDENDS - 1]])
        return total

    def _scale(self, public: PublicKey, values: Sequence[Any], factors: Sequence[int]) -> Sequence[Any]:
        modulus = public.material.modulus
        bound = modulus >> FACTOR_HEADROOM_BITS
        for factor in factors:
            if abs(factor) > bound:
                raise OutOfBounds(f"a factor of {factor.bit_length()} bits is beyond pypaillier's n/2^21; split it.")
        scale = need("paillier", EXTRA).multiply_integers_public
        # It refuses the factor zero, since that product hides nothing: until it is re-randomised, as all are.
        products = scale(_library_key(modulus), list(values), [int(factor) or 1 for factor in factors])
        return [product if factor else _blob(1) for product, factor in zip(products, factors, strict=True)]

    def _rerandomise(self, public: PublicKey, values: Sequence[Any], random: Randomness) -> Sequence[Any]:
        fresh: Sequence[Any] = need("paillier", EXTRA).rerandomize(_library_key(public.material.modulus), list(values))
        return fresh

    def _decrypt(self, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        from gmpy2 import mpz

        holder = Paillier(PaillierOptions(key_bits=self.options.key_bits))
        return holder._decrypt(private, [mpz(int.from_bytes(value[1:], "big")) for value in values])

    def _dump(self, public: PublicKey, value: Any) -> bytes:
        number: bytes = value[1:]
        return number.rjust(ciphertext_bytes(public.material.modulus), b"\0")

    def _load(self, public: PublicKey, data: bytes) -> Any:
        return _blob(load_ciphertext(data, public.material.modulus, self.name))

    def dump_public(self, public: PublicKey) -> bytes:
        return paillier_keys.write_public(public.material)

    def load_public(self, data: bytes) -> PublicKey:
        public = paillier_keys.read_public(data)
        _check_size(public.bits)
        return public

    def dump_private(self, private: PrivateKey) -> bytes:
        return paillier_keys.write_private(private.material)

    def load_private(self, data: bytes) -> PrivateKey:
        private = paillier_keys.read_private(data)
        _check_size(private.bits)
        return private


# By the modulus: a key with its table cannot be pickled, and public keys go to worker processes.
@lru_cache(maxsize=TABLES_KEPT)
def _library_key(modulus: Any) -> Any:
    return need("paillier", EXTRA).PublicKey.from_n(int(modulus).to_bytes(byte_count(modulus.bit_length()), "big"))


def _blob(number: Any) -> bytes:
    return UNSCALED + int(number).to_bytes(byte_count(number.bit_length()), "big")


def _check_size(bits: int) -> None:
    if not SMALLEST_BITS <= bits <= LARGEST_BITS:
        raise DamagedKeys(
            f"a key of {bits} bits is none of paillier-rust, which takes {SMALLEST_BITS} to {LARGEST_BITS}; "
            "scheme paillier takes others."
        )
