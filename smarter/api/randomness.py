"""Where plugins draw random numbers from: the system's CSPRNG, or what a test injects."""

from __future__ import annotations

import secrets
from typing import Protocol


class Randomness(Protocol):
    """A source of random numbers; only tests pass another than :data:`SYSTEM_RANDOMNESS`."""

    def bytes(self, count: int) -> bytes:
        """``count`` random bytes."""

    def below(self, bound: int) -> int:
        """A uniform integer in ``[0, bound)``."""


class _System:
    def bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def below(self, bound: int) -> int:
        return secrets.randbelow(bound)


SYSTEM_RANDOMNESS: Randomness = _System()
