"""Scheme ``paillier-lightphe``: Paillier through LightPHE's own API, to be compared with and learnt from.

A demonstration only: LightPHE draws keys and blindings from Python's Mersenne Twister, which whoever has seen
some of its output can predict. Its key files are never used, since it reads them with ``eval``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, isqrt
from typing import Any, ClassVar

from smarter.api import (
    SYSTEM_RANDOMNESS,
    DamagedKeys,
    KeyPair,
    PrivateKey,
    PublicKey,
    Randomness,
    Scheme,
    need,
)
from smarter_plugins.schemes.key_form import byte_count, fingerprint, read_key, write_key
from smarter_plugins.schemes.key_size import KeySizeOptions
from smarter_plugins.schemes.residues import centred, dump_ciphertext, load_ciphertext, signed_bits

EXTRA = "lightphe"
ALGORITHM = "Paillier"
SHORT_BITS = 8


class PaillierLightPhe(Scheme):
    """LightPHE draws all randomness itself; ``random`` is ignored throughout."""

    name = "paillier-lightphe"
    summary = "Paillier through LightPHE; predictable randomness, for comparison only."
    Options = KeySizeOptions
    requires: ClassVar[Mapping[str, str]] = {"lightphe": EXTRA}
    insecure_demo = True

    def demo_reason(self) -> str | None:
        return f"scheme {self.name} draws keys and blindings from a predictable generator"

    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        """A fresh key pair, up to eight bits short of ``key_bits``: LightPHE's primes are below 2^(bits/2)."""
        while True:
            keys = self._system(key_size=self.options.key_bits).cs.keys
            modulus, totient = int(keys["public_key"]["n"]), int(keys["private_key"]["phi"])
            if modulus.bit_length() >= self.options.key_bits - SHORT_BITS and _factors(modulus, totient):
                return KeyPair(self._public(modulus), self._private(modulus, totient))

    def plaintext_bits(self, public: PublicKey) -> int:
        return signed_bits(_modulus(public.material))

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        return [public.material.encrypt(int(plaintext)) for plaintext in plaintexts]

    def _add(self, public: PublicKey, left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        return [one + other for one, other in zip(left, right, strict=True)]

    def _scale(self, public: PublicKey, values: Sequence[Any], factors: Sequence[int]) -> Sequence[Any]:
        return [value * int(factor) for value, factor in zip(values, factors, strict=True)]

    def _rerandomise(self, public: PublicKey, values: Sequence[Any], random: Randomness) -> Sequence[Any]:
        return [value + public.material.encrypt(0) for value in values]

    def _decrypt(self, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        modulus = _modulus(private.material)
        return [centred(private.material.decrypt(value), modulus) for value in values]

    def _dump(self, public: PublicKey, value: Any) -> bytes:
        return dump_ciphertext(value.value, _modulus(public.material))

    def _load(self, public: PublicKey, data: bytes) -> Any:
        system = public.material
        value = load_ciphertext(data, _modulus(system), self.name)
        ciphertext = need("lightphe.models.Ciphertext", EXTRA).Ciphertext
        return ciphertext(algorithm_name=ALGORITHM, keys=system.cs.keys, value=value)

    def dump_public(self, public: PublicKey) -> bytes:
        return self._form(_modulus(public.material))

    def load_public(self, data: bytes) -> PublicKey:
        bits, (modulus,) = read_key(data, self.name, "public", lambda bits: [byte_count(bits)])
        self._check(bits, modulus)
        return self._public(modulus)

    def dump_private(self, private: PrivateKey) -> bytes:
        keys = private.material.cs.keys
        modulus = _modulus(private.material)
        bits = modulus.bit_length()
        numbers = [modulus, int(keys["private_key"]["phi"])]
        return write_key(self.name, "private", bits, numbers, self._widths(bits))

    def load_private(self, data: bytes) -> PrivateKey:
        bits, (modulus, totient) = read_key(data, self.name, "private", self._widths)
        self._check(bits, modulus)
        if not _factors(modulus, totient):
            raise DamagedKeys(f"the private {self.name} key is damaged: its totient is not of its modulus.")
        return self._private(modulus, totient)

    def _widths(self, bits: int) -> list[int]:
        return [byte_count(bits), byte_count(bits)]

    def _check(self, bits: int, modulus: int) -> None:
        if modulus.bit_length() != bits or modulus % 2 == 0:
            raise DamagedKeys(f"the {self.name} key is damaged: its modulus is no odd number of {bits} bits.")

    def _system(self, **arguments: Any) -> Any:
        return need("lightphe", EXTRA).LightPHE(algorithm_name=ALGORITHM, **arguments)

    def _form(self, modulus: int) -> bytes:
        bits = modulus.bit_length()
        return write_key(self.name, "public", bits, [modulus], [byte_count(bits)])

    def _public(self, modulus: int) -> PublicKey:
        system = self._system(keys={"public_key": {"g": 1 + modulus, "n": modulus}})
        return PublicKey(fingerprint(self._form(modulus)), modulus.bit_length(), system)

    def _private(self, modulus: int, totient: int) -> PrivateKey:
        keys = {"public_key": {"g": 1 + modulus, "n": modulus}, "private_key": {"phi": totient}}
        return PrivateKey(fingerprint(self._form(modulus)), modulus.bit_length(), self._system(keys=keys))


def _modulus(system: Any) -> int:
    return int(system.cs.keys["public_key"]["n"])


def _factors(modulus: int, totient: int) -> bool:
    """Whether ``totient`` is (p-1)(q-1) for two different odd factors of ``modulus``, and fit for Paillier."""
    doubled = modulus - totient + 1
    square = doubled * doubled - 4 * modulus
    if square <= 0 or isqrt(square) ** 2 != square or (doubled - isqrt(square)) % 2:
        return False
    p = (doubled - isqrt(square)) // 2
    return p > 2 and p * (doubled - p) == modulus and gcd(modulus, totient) == 1
