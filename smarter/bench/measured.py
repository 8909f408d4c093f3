"""What the brief's way and each of ours leave when they have encrypted a run of readings; ``brief`` compares them."""

from __future__ import annotations

from dataclasses import dataclass

from smarter.errors import VerificationFailed
from smarter.model.views import View


@dataclass(frozen=True)
class Measured:
    """One repeat of one way.

    Attributes:
        seconds: from the first message to the last sum.
        readings: how many were opened and encrypted.
        ciphertexts: encryptions made of them.
        blindings: all that were used, those that re-randomise the sums included.
        lanes: of the fullest plaintext.
        view: what the PES saw meanwhile.
        sums: how many were decrypted and compared with the plaintext.
    """

    seconds: float
    readings: int
    ciphertexts: int
    blindings: int
    lanes: int
    view: View
    sums: int

    @property
    def per_reading(self) -> float:
        """µs."""
        return self.seconds / self.readings * 1e6

    @property
    def clear(self) -> float:
        """Reading-seconds in the clear per 1,000 readings; as many ms as a reading was in the clear on average."""
        return self.view.reading_seconds / self.readings * 1e3


def require_equal(way: str, what: str, found: int, expected: int) -> None:
    """Raise :class:`VerificationFailed` unless a decrypted sum is that of the plaintext: no speed counts then."""
    if found != expected:
        raise VerificationFailed(
            f"the benchmark's numbers are wrong: {way}, {what}: {found} and not {expected}; please report this."
        )
