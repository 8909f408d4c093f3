"""Who saw what: each party's view, counted where bytes are decoded, opened and decrypted.

The wiring (``protocols``) says who is acting with :func:`acting`; the primitives that decode, open and
decrypt (``model.messages``, ``api``, ``packing``) count into whoever that is. No party declares its own
view, so one that looks at more than it should cannot help but show it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields


@dataclass
class View:
    """What one party got to see. All fields are counts unless the name says otherwise.

    Attributes:
        frames: frames whose header it decoded (sealed or not).
        readings: single readings that it held in the clear.
        household_totals: sums of one household over a billing window that it held in the clear.
        neighbourhood_totals: sums of a neighbourhood over a demand window that it held in the clear.
        withheld_totals: how many of these totals it opened only because they shared a ciphertext, and gave to nobody.
        opened: sealed messages that it opened with a symmetric key.
        unwrapped: keys that it unwrapped with a private key.
        decrypted: ciphertexts of the scheme that it decrypted.
        bytes_sealed: bytes that passed through its hands sealed.
        bytes_clear: bytes that it held in the clear after opening or decrypting.
        peak_readings: the most single readings that it held in the clear at one time.
        reading_seconds: readings in the clear times the seconds for which they were.
    """

    frames: int = 0
    readings: int = 0
    household_totals: int = 0
    neighbourhood_totals: int = 0
    withheld_totals: int = 0
    opened: int = 0
    unwrapped: int = 0
    decrypted: int = 0
    bytes_sealed: int = 0
    bytes_clear: int = 0
    peak_readings: int = 0
    reading_seconds: float = 0.0

    def absorb(self, other: View) -> None:
        """Add what ``other`` counted; peaks take the larger."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, max(mine, theirs) if field.name == "peak_readings" else mine + theirs)

    def as_dict(self) -> dict[str, int | float]:
        """The counts by name."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, counts: Mapping[str, int | float]) -> View:
        """The reverse of :meth:`as_dict`."""
        return cls(**counts)  # type: ignore[arg-type] # all but one are int


_acting: ContextVar[View | None] = ContextVar("smarter_acting_view", default=None)


def current() -> View:
    """The view of the party that is acting now; a throw-away one when none is."""
    return _acting.get() or View()


@contextmanager
def acting(view: View) -> Iterator[View]:
    """While inside, everything decoded, opened and decrypted counts into ``view``."""
    token = _acting.set(view)
    try:
        yield view
    finally:
        _acting.reset(token)


@dataclass
class Exposure:
    """For how many ``seconds`` readings were in the clear."""

    seconds: float = 0.0


@contextmanager
def in_the_clear() -> Iterator[Exposure]:
    """Measure how long readings stay in the clear: all that are decoded inside, from entry to exit."""
    view, exposure = current(), Exposure()
    before, began = view.readings, time.perf_counter()
    try:
        yield exposure
    finally:
        held, exposure.seconds = view.readings - before, time.perf_counter() - began
        view.peak_readings = max(view.peak_readings, held)
        view.reading_seconds += held * exposure.seconds
