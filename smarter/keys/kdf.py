"""From a passphrase, or from 32 random bytes, to the root key of one keystore.

A passphrase goes through scrypt (RFC 7914), which costs a guesser memory and time; random bytes need
only HKDF. The parameters stand in the keystore's header, so they are bounded before they are obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from smarter.keys.derive import derive

ROOT_BYTES = 32
SALT_BYTES = 16
MAX_SCRYPT_MEMORY = 256 * 2**20  # bytes; a planted header must not ask for more
MAX_SCRYPT_WORK = 2**24  # n·r·p, 16 times the default
_ROOT = b"smarter keystore root key, version 1"


@dataclass(frozen=True)
class ScryptCost:
    """What scrypt costs: 128·n·r bytes of memory, n·r·p of work; n is a power of two.

    The default, 128 MiB, is OWASP's (Password Storage Cheat Sheet). Raises :class:`ValueError`.
    """

    n: int = 2**17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        if self.n < 2 or self.n & (self.n - 1) or self.r < 1 or self.p < 1:
            raise ValueError(f"scrypt takes no n={self.n}, r={self.r}, p={self.p}")
        if 128 * self.n * self.r > MAX_SCRYPT_MEMORY or self.n * self.r * self.p > MAX_SCRYPT_WORK:
            raise ValueError(f"scrypt with n={self.n}, r={self.r}, p={self.p} is beyond the bound")


DEFAULT_COST = ScryptCost()


def stretch(passphrase: bytes, salt: bytes, cost: ScryptCost) -> bytes:
    """Scrypt (RFC 7914, section 6): 32 bytes, after as much work as ``cost`` says."""
    return Scrypt(salt=salt, length=ROOT_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(passphrase)


@dataclass(frozen=True)
class Kdf:
    """How a keystore's root key comes from its secret: by scrypt, or without ``cost`` by HKDF-SHA256."""

    salt: bytes
    cost: ScryptCost | None

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes, this one {len(self.salt)}")

    def root(self, secret: bytes) -> bytes:
        """The root key, 32 bytes."""
        if self.cost is None:
            return derive(secret, info=_ROOT, length=ROOT_BYTES, salt=self.salt)
        return stretch(secret, self.salt, self.cost)

    def header(self) -> dict[str, Any]:
        """Its form in a keystore's header."""
        if self.cost is None:
            return {"name": "hkdf-sha256", "salt": self.salt.hex()}
        cost = self.cost
        return {"name": "scrypt", "n": cost.n, "p": cost.p, "r": cost.r, "salt": self.salt.hex()}

    @classmethod
    def from_header(cls, header: Any) -> Kdf:
        """The reverse of :meth:`header`; :class:`ValueError` for anything else."""
        match header:
            case {"name": "hkdf-sha256", "salt": str(salt), **rest} if not rest:
                return cls(bytes.fromhex(salt), None)
            case {"name": "scrypt", "n": int(n), "r": int(r), "p": int(p), "salt": str(salt), **rest} if not rest:
                return cls(bytes.fromhex(salt), ScryptCost(n, r, p))
        raise ValueError("it names no key derivation of this version")
