"""What is derived from the password of a person's account: a verifier to log in by, and a key that locks a private key.

``protocols.login`` calls it for every role. The two come from separate derivations under salts of their own, so that
the verifier that is stored tells nothing about the key; the parameters are stored beside it and bounded when read back.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedStore, Unavailable, WrongCredentials
from smarter.keys.unlock import as_bytes

DERIVED_BYTES = 32
SALT_BYTES = 16
MOST_ROUNDS = 20_000_000
MOST_MEMORY_KIB = 1 << 20
MOST_WORK_KIB = 1 << 23
"""Argon2's memory times passes; planted parameters must not stop the machine."""


@dataclass(frozen=True)
class Pbkdf2Cost:
    """PBKDF2-HMAC-SHA256 (RFC 8018, section 5.2); the brief asks for a million rounds. Raises :class:`ValueError`."""

    rounds: int = 1_000_000

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise ValueError(f"PBKDF2 with {self.rounds} rounds is out of bounds")


@dataclass(frozen=True)
class Argon2Cost:
    """Argon2id (RFC 9106); the default is OWASP's (Password Storage Cheat Sheet). Raises :class:`ValueError`."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1

    def __post_init__(self) -> None:
        if min(self.passes, self.lanes) < 1 or self.lanes > 64 or not 8 * self.lanes <= self.memory_kib:
            raise ValueError(f"Argon2id takes no {self}")
        if self.memory_kib > MOST_MEMORY_KIB or self.memory_kib * self.passes > MOST_WORK_KIB:
            raise ValueError(f"Argon2id with {self} is beyond the bound")


Cost = Pbkdf2Cost | Argon2Cost
DEFAULT_COST = Pbkdf2Cost()


@dataclass(frozen=True)
class Derivation:
    """One way from a password to 32 bytes."""

    salt: bytes
    cost: Cost

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes, this one {len(self.salt)}")

    @classmethod
    def fresh(cls, cost: Cost, random: Randomness = SYSTEM_RANDOMNESS) -> Derivation:
        """Under a salt of its own."""
        return cls(random.bytes(SALT_BYTES), cost)

    def key(self, password: str) -> bytes:
        """32 bytes, after as much work as the cost says."""
        return stretch(as_bytes(password), self.salt, self.cost)

    def as_dict(self) -> dict[str, Any]:
        """Its form beside a hash."""
        cost = self.cost
        if isinstance(cost, Pbkdf2Cost):
            return {"name": "pbkdf2-hmac-sha256", "rounds": cost.rounds, "salt": self.salt.hex()}
        return {
            "name": "argon2id",
            "lanes": cost.lanes,
            "memory_kib": cost.memory_kib,
            "passes": cost.passes,
            "salt": self.salt.hex(),
        }

    @classmethod
    def from_dict(cls, given: Any) -> Derivation:
        """The reverse of :meth:`as_dict`; :class:`ValueError` for anything else, or beyond the bounds."""
        match given:
            case {"name": "pbkdf2-hmac-sha256", "rounds": int(rounds), "salt": str(salt), **rest} if not rest:
                return cls(bytes.fromhex(salt), Pbkdf2Cost(rounds))
            case {
                "name": "argon2id",
                "lanes": int(lanes),
                "memory_kib": int(memory),
                "passes": int(passes),
                "salt": str(salt),
                **rest,
            } if not rest:
                return cls(bytes.fromhex(salt), Argon2Cost(memory, passes, lanes))
        raise ValueError("it names no key derivation of this version")


def stretch(password: bytes, salt: bytes, cost: Cost) -> bytes:
    """The one place where a password is derived from, so that the work of a login can be counted."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    if isinstance(cost, Pbkdf2Cost):
        return PBKDF2HMAC(SHA256(), DERIVED_BYTES, salt, cost.rounds).derive(password)
    try:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        kdf = Argon2id(
            salt=salt,
            length=DERIVED_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
    except (ImportError, UnsupportedAlgorithm) as error:
        raise Unavailable(
            "this machine's OpenSSL has no Argon2id (3.2 has): choose pbkdf2, or install a newer cryptography."
        ) from error
    return kdf.derive(password)


@dataclass(frozen=True)
class PasswordRecord:
    """What is stored of a password: how both derivations go, and the outcome of the first.

    Attributes:
        login: the derivation whose outcome is ``verifier``.
        verifier: 32 bytes.
        wrapping: the derivation of the key that locks the account's private key; its outcome is never stored.
    """

    login: Derivation
    verifier: bytes = field(repr=False)
    wrapping: Derivation

    @classmethod
    def make(cls, password: str, cost: Cost, random: Randomness = SYSTEM_RANDOMNESS) -> PasswordRecord:
        """For a new password; derives once."""
        login, wrapping = Derivation.fresh(cost, random), Derivation.fresh(cost, random)
        return cls(login, login.key(password), wrapping)

    @classmethod
    def nobody(cls, cost: Cost, random: Randomness = SYSTEM_RANDOMNESS) -> PasswordRecord:
        """One that no password has: checking against it is as much work as against any other."""
        return cls(Derivation.fresh(cost, random), random.bytes(DERIVED_BYTES), Derivation.fresh(cost, random))

    def check(self, password: str) -> None:
        """Derive once, and raise :class:`WrongCredentials` unless this is the password."""
        if not hmac.compare_digest(self.login.key(password), self.verifier):
            raise WrongCredentials("the password is wrong.")

    def is_of(self, cost: Cost) -> bool:
        """Whether it was made at today's cost."""
        return self.login.cost == cost == self.wrapping.cost

    def dump(self) -> str:
        """Its stored form."""
        form = {"login": self.login.as_dict(), "verifier": self.verifier.hex(), "wrapping": self.wrapping.as_dict()}
        return json.dumps(form, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> PasswordRecord:
        """The reverse of :meth:`dump`; raises :class:`DamagedStore`."""
        try:
            form = json.loads(text)
            login, wrapping = (Derivation.from_dict(form[name]) for name in ("login", "wrapping"))
            verifier = bytes.fromhex(form["verifier"])
            if len(verifier) != DERIVED_BYTES or login.salt == wrapping.salt:
                raise ValueError("its verifier or salts cannot be")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedStore("an account's password record does not read back; restore it from a backup.") from error
        return cls(login, verifier, wrapping)
