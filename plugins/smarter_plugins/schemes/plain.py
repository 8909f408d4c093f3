"""Scheme ``plain``: no encryption at all, the yardstick that the others are measured against.

The registry hands it to scenarios that say ``insecure_demo: true``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from smarter.api import (
    SYSTEM_RANDOMNESS,
    AuthenticationFailed,
    KeyPair,
    OutOfBounds,
    PluginOptions,
    PrivateKey,
    PublicKey,
    Randomness,
    Scheme,
)
from smarter_plugins.schemes.key_form import byte_count, fingerprint, read_key, write_key

IDENTITY_BYTES = 16


class PlainOptions(PluginOptions):
    """How large the plaintexts are that it takes."""

    key_bits: int = Field(
        3072, ge=256, le=16_384, description="There is no key: the size of the Paillier key that it imitates."
    )
    plaintext_bits: int | None = Field(
        None,
        ge=64,
        le=16_384,
        description="Signed bits of a plaintext; 64 make one lane. By default as Paillier: key_bits - 1.",
    )


@dataclass(frozen=True)
class PlainKey:
    """What tells one run's numbers from another's. It hides nothing."""

    identity: bytes
    plaintext_bits: int


class Plain(Scheme):
    """Ciphertexts are the plaintexts. Same capacity as Paillier, so that the same lanes fit."""

    name = "plain"
    summary = "No encryption: what everything but the cryptography costs."
    Options = PlainOptions
    insecure_demo = True

    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        bits = self.options.plaintext_bits or self.options.key_bits - 1
        public = self._public(PlainKey(random.bytes(IDENTITY_BYTES), bits))
        return KeyPair(public, PrivateKey(public.fingerprint, public.bits, public.material))

    def plaintext_bits(self, public: PublicKey) -> int:
        return int(public.material.plaintext_bits)

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[int]:
        return [int(plaintext) for plaintext in plaintexts]

    def _add(self, public: PublicKey, left: Sequence[int], right: Sequence[int]) -> Sequence[int]:
        return [one + other for one, other in zip(left, right, strict=True)]

    def _total(self, public: PublicKey, values: Sequence[int]) -> int:
        return sum(values)

    def _scale(self, public: PublicKey, values: Sequence[int], factors: Sequence[int]) -> Sequence[int]:
        return [value * int(factor) for value, factor in zip(values, factors, strict=True)]

    def _rerandomise(self, public: PublicKey, values: Sequence[int], random: Randomness) -> Sequence[int]:
        return values

    def _decrypt(self, private: PrivateKey, values: Sequence[int]) -> list[int]:
        return list(values)

    def _dump(self, public: PublicKey, value: int) -> bytes:
        bits = self.plaintext_bits(public)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise OutOfBounds(f"a sum of {value.bit_length() + 1} bits does not fit {bits} bits of plain.")
        return value.to_bytes(byte_count(bits), "big", signed=True)

    def _load(self, public: PublicKey, data: bytes) -> int:
        bits = self.plaintext_bits(public)
        value = int.from_bytes(data, "big", signed=True)
        if len(data) != byte_count(bits) or not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise AuthenticationFailed(
                f"{len(data)} bytes are no plain number of {bits} bits; they are damaged or belong to another key."
            )
        return value

    def dump_public(self, public: PublicKey) -> bytes:
        return self._form(public.material)

    def load_public(self, data: bytes) -> PublicKey:
        bits, (identity,) = read_key(data, self.name, "public", lambda bits: [IDENTITY_BYTES])
        return self._public(PlainKey(identity.to_bytes(IDENTITY_BYTES, "big"), bits))

    def dump_private(self, private: PrivateKey) -> bytes:
        return self._form(private.material)

    def load_private(self, data: bytes) -> PrivateKey:
        public = self.load_public(data)
        return PrivateKey(public.fingerprint, public.bits, public.material)

    def _form(self, key: PlainKey) -> bytes:
        identity = int.from_bytes(key.identity, "big")
        return write_key(self.name, "public", key.plaintext_bits, [identity], [IDENTITY_BYTES])

    def _public(self, key: PlainKey) -> PublicKey:
        return PublicKey(fingerprint(self._form(key)), 0, key)
