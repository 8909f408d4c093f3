"""Keys as the core handles them: opaque, but with a fingerprint to name them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PublicKey:
    """A public key of a scheme or keywrap. ``material`` belongs to the plugin alone.

    Attributes:
        fingerprint: hexadecimal SHA-256 of the key's byte form, first 32 digits.
        bits: its size.
    """

    fingerprint: str
    bits: int
    material: Any


@dataclass(frozen=True, repr=False)
class PrivateKey:
    """A private key; ``fingerprint`` is that of its public half. It never shows its material."""

    fingerprint: str
    bits: int
    material: Any

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.fingerprint}, {self.bits} bits)"


@dataclass(frozen=True)
class KeyPair:
    """Both halves of a key."""

    public: PublicKey
    private: PrivateKey
