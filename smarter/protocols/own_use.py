"""A customer's own readings with what they cost: by minute, hour, day or month, and as figures of any span.

``customer_desk`` makes one for whoever is logged in; screens keep it for as long as they show it. It holds no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from smarter.api import Tariff
from smarter.model.results import WindowRow
from smarter.parties.customer import By, Comparison, OwnReadings, Usage, compared, gathered, usage_of
from smarter.protocols.own_costs import Rates

COST_DECIMALS = 6
"""Of a cost that is shown; a bill is rounded once, as a whole."""


@dataclass(frozen=True)
class OwnUse:
    """Own energy over a minute, hour, day or month, and what it costs; None where nothing was measured."""

    window: WindowRow
    cost: Decimal | None


@dataclass(frozen=True)
class OwnFigures:
    """A span in figures: its use, its cost, and the time before beside it, if there are readings of that."""

    usage: Usage
    cost: Decimal
    compared: Comparison | None


class OwnBook:
    """Readings and the rates that they are charged at.

    Args:
        own: the readings, at least one.
        edges: of the billing windows, epoch seconds.
        tariff: the scenario's.
        currency: its.
    """

    def __init__(self, own: OwnReadings, edges: NDArray[np.int64], tariff: Tariff, currency: str) -> None:
        self.own = own
        self.currency = currency
        self.decimals: int = tariff.options.decimals
        """Of an amount in it."""
        self._rates = Rates(own.windows(edges), tariff, own.timezone)

    def use(self, by: By, start: int, end: int) -> list[OwnUse]:
        """Own use of [start, end), epoch seconds, by minute, hour, day or month, with its cost."""
        rows = gathered(self.own, by, start, end)
        costs = self._costs(start, end, [row.start for row in rows])
        return [
            OwnUse(row, None if row.energy is None else rounded(cost)) for row, cost in zip(rows, costs, strict=True)
        ]

    def figures(self, start: int, end: int) -> OwnFigures | None:
        """The figures of [start, end), epoch seconds; None when there is no reading in it."""
        usage = usage_of(self.own, start, end)
        if usage is None:
            return None
        return OwnFigures(usage, rounded(*self._costs(start, end, [start])), compared(self.own, start, end))

    def _costs(self, start: int, end: int, starts: list[int]) -> list[Fraction]:
        return self._rates.costs(self.own.within(start, end), np.array([*starts, end], np.int64))


def rounded(cost: Fraction) -> Decimal:
    """A cost as it is shown, rounded half to even."""
    exact = Decimal(cost.numerator) / Decimal(cost.denominator)
    return exact.quantize(Decimal(1).scaleb(-COST_DECIMALS), rounding=ROUND_HALF_EVEN) + 0
